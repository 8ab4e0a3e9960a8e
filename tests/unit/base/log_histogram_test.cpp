// SPDX-License-Identifier: Apache-2.0
#include "base/log_histogram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace lithos {
namespace {

// Against plain sorting, over eight orders of magnitude.
TEST(LogHistogram, QuantilesAndCountsAreThoseOfTheSortedValuesWithinABucket) {
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> exponent(0, 10);
  LogHistogram histogram;
  std::vector<std::int64_t> values;
  for (int i = 0; i < 20'000; ++i) {
    values.push_back(static_cast<std::int64_t>(std::pow(10.0, exponent(random))));
    histogram.add(Nanoseconds{values.back()});
  }
  std::sort(values.begin(), values.end());
  for (const double q : {0.01, 0.5, 0.9, 0.99, 0.999}) {
    const auto exact = static_cast<double>(values[static_cast<std::size_t>(q * static_cast<double>(values.size()))]);
    EXPECT_NEAR(static_cast<double>(histogram.quantile(q).count()), exact, 0.25 * exact + 2) << q;
  }
  for (unsigned k = 0; k <= 36; ++k) {
    const auto exact = std::upper_bound(values.begin(), values.end(), std::int64_t{1} << k) - values.begin();
    EXPECT_EQ(histogram.at_most_pow2(k), static_cast<std::uint64_t>(exact)) << k;
  }
}

TEST(LogHistogram, ExtremesAndDifferences) {
  LogHistogram histogram;
  EXPECT_EQ(histogram.quantile(0.5).count(), 0);
  histogram.add(Nanoseconds{-5});
  histogram.add(kNever);
  EXPECT_EQ(histogram.count(), 2u);
  EXPECT_EQ(histogram.at_most_pow2(36), 1u);
  const LogHistogram before = histogram;
  histogram.add(Nanoseconds{100});
  EXPECT_EQ(histogram.since(before).count(), 1u);
  EXPECT_NEAR(static_cast<double>(histogram.since(before).quantile(0.5).count()), 100, 13);
}

}  // namespace
}  // namespace lithos
