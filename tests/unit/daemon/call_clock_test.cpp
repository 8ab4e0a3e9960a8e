// SPDX-License-Identifier: Apache-2.0
#include "daemon/call_clock.hpp"

#include <gtest/gtest.h>

#include "daemon/clock.hpp"

namespace lithos {
namespace {

// The stretch on CLOCK_MONOTONIC lies between two readings of the clock and holds two: the thread may wait between any of them.
TEST(CallClock, RunsAtTheKernelsPace) {
  const auto clock = call_clock();
  const Nanoseconds outer = clock(), start = monotonic_now(), inner = clock();
  Nanoseconds before = inner;
  while (monotonic_now() - start < Nanoseconds{20'000'000}) {
    const Nanoseconds now = clock();
    ASSERT_GE(now, before);
    before = now;
  }
  const Nanoseconds inner_end = clock(), end = monotonic_now(), outer_end = clock();
  const auto took = static_cast<double>((end - start).count());
  EXPECT_LE(static_cast<double>((inner_end - inner).count()), took * 1.002);
  EXPECT_GE(static_cast<double>((outer_end - outer).count()), took * 0.998);
}

TEST(CallClock, IsOneClockHoweverOftenItIsAskedFor) {
  const auto first = call_clock(), second = call_clock();
  const Nanoseconds before = first(), between = second(), after = first();
  EXPECT_LE(before, between);
  EXPECT_LE(between, after);
}

}  // namespace
}  // namespace lithos
