// SPDX-License-Identifier: Apache-2.0
// Keeps a daemon running on machines without systemd: starts it, waits, and starts it again at once when it crashed
// or hung. The child is the daemon; the parent does nothing else. Single-threaded, before anything else of the
// process.
#pragma once

#include <functional>

namespace lithos {

// Runs `daemon` in a child again and again; returns the exit code of the one that ended in an orderly way (0 … 3), or
// was stopped by SIGTERM or SIGINT, which are passed on. SIGHUP is passed on, too. A daemon that keeps dying within a
// second is started more slowly: nobody gains from a spin.
int supervise(const std::function<int()>& daemon);

}  // namespace lithos
