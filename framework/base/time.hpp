// SPDX-License-Identifier: Apache-2.0
// Time in LithOS: nanoseconds since an epoch that the injected clock defines (the run's start in the simulator, the GPU's own
// clock on a real one). Points and spans share one type; names say which is meant (`now`, `ends_at` / `duration`, `limit`).
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>

namespace lithos {

using Nanoseconds = std::chrono::duration<std::int64_t, std::nano>;

inline constexpr Nanoseconds kNever{std::numeric_limits<std::int64_t>::max()};

constexpr std::uint64_t to_u64(Nanoseconds t) { return t.count() < 0 ? 0 : static_cast<std::uint64_t>(t.count()); }
constexpr Nanoseconds from_u64(std::uint64_t ns) {
  return ns > static_cast<std::uint64_t>(kNever.count()) ? kNever : Nanoseconds{static_cast<std::int64_t>(ns)};
}
constexpr double to_seconds(Nanoseconds t) { return static_cast<double>(t.count()) * 1e-9; }
constexpr double to_us(Nanoseconds t) { return static_cast<double>(t.count()) * 1e-3; }
constexpr double to_ms(Nanoseconds t) { return static_cast<double>(t.count()) * 1e-6; }

}  // namespace lithos
