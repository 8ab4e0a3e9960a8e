// SPDX-License-Identifier: Apache-2.0
#include "sim/throughput_bound.hpp"

#include <gtest/gtest.h>

namespace lithos {
namespace {

constexpr unsigned kTpcs = 66;

TenantProgram program(const std::vector<TimeCurve::Point>& points) {
  TenantProgram made;
  made.curves.emplace_back(points, kTpcs, 10'000u, 1u);
  return made;
}

TEST(ThroughputBound, WhatIsLeftGoesToWhoMakesMostOfIt) {
  const TenantProgram scales = program({{1, 66'000}, {kTpcs, 1'000}});  // 66 000 TPC nanoseconds at any size
  const TenantProgram small = program({{1, 1'000}, {kTpcs, 1'000}});    // more than one TPC is wasted on it
  EXPECT_NEAR(least_tpc_ns(scales, kTpcs), 66'000, 1);
  EXPECT_NEAR(least_tpc_ns(small, kTpcs), 1'000, 1);
  const BoundTenant service{&scales, 0.4e6, true}, training{&scales, 1e6, false}, tiny{&small, 1e6, false};
  EXPECT_NEAR(throughput_bound({service}, kTpcs), 1, 1e-9);
  EXPECT_NEAR(throughput_bound({training, service}, kTpcs), 1.6, 1e-9);
  EXPECT_NEAR(throughput_bound({service, training, tiny}, kTpcs), 2 + 0.6 - 1.0 / kTpcs, 1e-9);
}

TEST(ThroughputBound, AServiceThatAsksForTooMuchGetsNoMoreThanThereIs) {
  const TenantProgram scales = program({{1, 66'000}, {kTpcs, 1'000}});
  EXPECT_NEAR(throughput_bound({{&scales, 2e6, true}, {&scales, 1e6, false}}, kTpcs), 0.5, 1e-9);
}

}  // namespace
}  // namespace lithos
