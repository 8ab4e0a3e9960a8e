// SPDX-License-Identifier: Apache-2.0
#include "sim/statistics.hpp"

#include <gtest/gtest.h>

namespace lithos {
namespace {

TEST(Statistics, ExactForFew) {
  DurationStatistics statistics;
  EXPECT_EQ(statistics.percentile(0.99).count(), 0);
  for (int i = 100; i >= 1; --i) statistics.add(Nanoseconds{i});
  EXPECT_EQ(statistics.percentile(0.5).count(), 50);
  EXPECT_EQ(statistics.percentile(0.99).count(), 99);
  EXPECT_EQ(statistics.percentile(1).count(), 100);
  EXPECT_EQ(statistics.percentile(0).count(), 1);
  EXPECT_EQ(statistics.max().count(), 100);
  EXPECT_EQ(statistics.mean().count(), 51);  // 50.5, rounded
}

TEST(Statistics, WithinHalfAPercentForMany) {
  DurationStatistics statistics;
  constexpr std::int64_t kCount = 2'000'000;
  for (std::int64_t i = 1; i <= kCount; ++i) statistics.add(Nanoseconds{i * 1000});
  EXPECT_EQ(statistics.count(), static_cast<std::uint64_t>(kCount));
  for (const double share : {0.01, 0.5, 0.9, 0.99, 0.999}) {
    const double expected = share * kCount * 1000;
    EXPECT_NEAR(static_cast<double>(statistics.percentile(share).count()), expected, 0.005 * expected) << share;
  }
  EXPECT_EQ(statistics.max().count(), kCount * 1000);
}

}  // namespace
}  // namespace lithos
