// SPDX-License-Identifier: Apache-2.0
// Prints docs/reference/events.md.
#include <cstdio>

#include "daemon/log_events.hpp"

int main() { std::fputs(lithos::log_event_reference().c_str(), stdout); }
