// SPDX-License-Identifier: Apache-2.0
#include "daemon/call_clock.hpp"

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#include <fstream>
#include <string>

#include "daemon/clock.hpp"

namespace lithos {
namespace {

#if defined(__x86_64__)
// Of counters that stop, change their pace or differ from core to core it keeps its hands off.
bool kernel_trusts_counter() {
  std::string source;
  std::ifstream("/sys/devices/system/clocksource/clocksource0/current_clocksource") >> source;
  return source == "tsc";
}

struct Reading {
  Nanoseconds time{};
  std::uint64_t ticks = 0;
};
// Both at the same moment, as nearly as one of several tries has it: the thread may lose its processor in between.
Reading read_both() {
  Reading best;
  Nanoseconds closest = Nanoseconds::max();
  for (int i = 0; i < 16; ++i) {
    const Nanoseconds before = monotonic_now();
    const std::uint64_t ticks = __rdtsc();
    const Nanoseconds gap = monotonic_now() - before;
    if (gap < closest) closest = gap, best = {before + gap / 2, ticks};
  }
  return best;
}
double measure_ns_per_tick() {
  constexpr Nanoseconds kLongEnough{1'000'000};
  const Reading first = read_both();
  while (monotonic_now() - first.time < kLongEnough) {}
  const Reading last = read_both();
  return static_cast<double>((last.time - first.time).count()) / static_cast<double>(last.ticks - first.ticks);
}
#endif

}  // namespace

std::function<Nanoseconds()> call_clock() {
#if defined(__x86_64__)
  static const double ns_per_tick = kernel_trusts_counter() ? measure_ns_per_tick() : 0;
  static const std::uint64_t start = __rdtsc();
  if (ns_per_tick > 0)
    return [] { return Nanoseconds{static_cast<std::int64_t>(static_cast<double>(__rdtsc() - start) * ns_per_tick)}; };
#endif
  return [] { return monotonic_now(); };
}

}  // namespace lithos
