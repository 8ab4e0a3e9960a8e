// SPDX-License-Identifier: Apache-2.0
// The one clock of daemon and tenants: CLOCK_MONOTONIC, the same in every process of the machine. Any thread.
#pragma once

#include <time.h>

#include "base/time.hpp"

namespace lithos {

inline Nanoseconds monotonic_now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return Nanoseconds{static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec};
}

}  // namespace lithos
