// SPDX-License-Identifier: Apache-2.0
// What systemd wants to hear from a service of Type=notify: one datagram to $NOTIFY_SOCKET. Nothing happens without
// systemd.
#pragma once

#include <string>

#include "base/time.hpp"

namespace lithos {

// "READY=1", "STOPPING=1", "WATCHDOG=1", "RELOADING=1\nMONOTONIC_USEC=…", "STATUS=…".
void sd_notify(const std::string& state);
// Half of what $WATCHDOG_USEC allows between two signs of life; 0: nobody asked.
Nanoseconds sd_watchdog_interval();

}  // namespace lithos
