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

// Of few and of many: every duration is in the bucket that its bounds say, and none is lost.
TEST(Statistics, HistogramHoldsAllInNarrowBuckets) {
  for (const std::int64_t count : {1000, 1'500'000}) {
    DurationStatistics statistics;
    for (std::int64_t i = 1; i <= count; ++i) statistics.add(Nanoseconds{i * 1000});
    std::uint64_t held = 0;
    std::int64_t last = 0;
    for (const DurationBucket& bucket : statistics.histogram()) {
      const std::int64_t from = bucket.from.count(), to = bucket.to.count();
      EXPECT_GE(from, last);
      EXPECT_LE(to - from, std::max<std::int64_t>(1, from / 32));
      const std::int64_t expected = (to - 1) / 1000 - (from - 1) / 1000;
      const std::int64_t inside = std::min(expected, count - (from - 1) / 1000);
      // The fine buckets of the many are exact here: they lie within one coarse bucket.
      EXPECT_EQ(static_cast<std::int64_t>(bucket.count), inside) << from;
      held += bucket.count;
      last = to;
    }
    EXPECT_EQ(held, static_cast<std::uint64_t>(count));
  }
}

}  // namespace
}  // namespace lithos
