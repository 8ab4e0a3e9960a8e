// SPDX-License-Identifier: Apache-2.0
#include "sim/timeline.hpp"

#include <gtest/gtest.h>

#include <numeric>

namespace lithos {
namespace {

TenantSample working_on(const TpcSet& working, const TpcSet& own = {}, std::uint64_t open_requests = 0) {
  return {working, own, own | working, open_requests};
}

TEST(Timeline, LooksOnceInEachPartOfEachBin) {
  TimelineSampler sampler({Nanoseconds{1000}, Nanoseconds{5000}, 4, 10}, 2, 1, 7);
  for (int part = 0; part < 40; ++part) {
    const std::int64_t begin = 1000 + part * 100;
    EXPECT_GE(sampler.next().count(), begin);
    EXPECT_LT(sampler.next().count(), begin + 100);
    sampler.look({working_on({})}, 1980, 500);
  }
  EXPECT_EQ(sampler.next(), kNever);
}

TEST(Timeline, CountsPerTpcAndMeansPerBin) {
  TimelineSampler sampler({Nanoseconds{0}, Nanoseconds{200}, 2, 4}, 3, 2, 1);
  for (int i = 0; i < 4; ++i)
    sampler.look({working_on(TpcSet::first(2), TpcSet::of(0), 6), working_on(i == 0 ? TpcSet::of(2) : TpcSet{})}, 1000,
                 100.0 * i);
  for (int i = 0; i < 4; ++i) sampler.look({working_on({}), working_on(TpcSet::first(3))}, 2000, 50);
  const Timeline seen = sampler.finish();
  ASSERT_EQ(seen.bins, 2u);
  EXPECT_EQ(seen.tenants[0].working, (std::vector<std::uint16_t>{4, 0, 4, 0, 0, 0}));
  EXPECT_EQ(seen.tenants[1].working, (std::vector<std::uint16_t>{0, 4, 0, 4, 1, 4}));
  EXPECT_EQ(seen.tenants[0].working_tpcs, (std::vector<double>{2, 0}));
  EXPECT_EQ(seen.tenants[0].borrowed_tpcs, (std::vector<double>{1, 0}));
  EXPECT_EQ(seen.tenants[0].open_requests, (std::vector<double>{6, 0}));
  EXPECT_EQ(seen.clock_mhz, (std::vector<double>{1000, 2000}));
  EXPECT_EQ(seen.power_w, (std::vector<double>{150, 50}));
}

TEST(Timeline, ARunThatEndsEarlyHasFewerBins) {
  TimelineSampler sampler({Nanoseconds{0}, Nanoseconds{1000}, 10, 2}, 2, 1, 1);
  for (int i = 0; i < 7; ++i) sampler.look({working_on(TpcSet::of(1))}, 1, 1);
  const Timeline seen = sampler.finish();
  EXPECT_EQ(seen.bins, 3u);  // the fourth was not looked at to its end
  EXPECT_EQ(seen.tenants[0].working, (std::vector<std::uint16_t>{0, 0, 0, 2, 2, 2}));
  EXPECT_EQ(seen.power_w.size(), 3u);
}

}  // namespace
}  // namespace lithos
