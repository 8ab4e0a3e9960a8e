// SPDX-License-Identifier: Apache-2.0
#include "sim/arrivals.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace lithos {
namespace {

using ::testing::HasSubstr;

ArrivalConfig poisson(double rate) {
  ArrivalConfig config;
  config.kind = ArrivalKind::poisson;
  config.rate_per_s = rate;
  return config;
}

TEST(Arrivals, PoissonHasItsRateAndSpread) {
  Arrivals arrivals(poisson(1000), 5);
  constexpr int kCount = 200'000;
  double sum = 0, squares = 0;
  Nanoseconds before{0};
  for (int i = 0; i < kCount; ++i) {
    const Nanoseconds at = arrivals.next();
    ASSERT_GE(at, before);
    const double gap = static_cast<double>((at - before).count());
    sum += gap;
    squares += gap * gap;
    before = at;
  }
  const double mean = sum / kCount;
  EXPECT_NEAR(mean, 1e6, 1e4);
  EXPECT_NEAR(std::sqrt(squares / kCount - mean * mean), 1e6, 2e4);  // exponential: deviation = mean
}

TEST(Arrivals, SameSeedSameTimesOtherNameOtherTimes) {
  Arrivals a(poisson(300), seed_for(1, "hp")), b(poisson(300), seed_for(1, "hp")), c(poisson(300), seed_for(1, "be"));
  const Nanoseconds first = a.next();
  EXPECT_EQ(first, b.next());
  EXPECT_NE(first, c.next());
}

TEST(Arrivals, BurstsComeOnlyInBursts) {
  ArrivalConfig config = poisson(10'000);
  config.kind = ArrivalKind::bursts;
  config.burst_length = Nanoseconds{10'000'000};
  config.burst_gap = Nanoseconds{90'000'000};
  Arrivals arrivals(config, 3);
  int count = 0;
  for (Nanoseconds at = arrivals.next(); at < Nanoseconds{10'000'000'000}; at = arrivals.next(), ++count)
    ASSERT_LT(at.count() % 100'000'000, 10'000'000);
  EXPECT_NEAR(count, 10'000, 400);  // a tenth of the time
}

TEST(Arrivals, FileIsReplayedAndChecked) {
  const ParsedArrivals good = parse_arrivals_text("# comment\n10\n10.5\n\n300\n", "a.txt");
  ASSERT_TRUE(good.times);
  ArrivalConfig config;
  config.kind = ArrivalKind::file;
  Arrivals arrivals(config, 0, *good.times);
  EXPECT_EQ(arrivals.next().count(), 10'000);
  EXPECT_EQ(arrivals.next().count(), 10'500);
  EXPECT_EQ(arrivals.next().count(), 300'000);
  EXPECT_EQ(arrivals.next(), kNever);

  const ParsedArrivals bad = parse_arrivals_text("10\nsoon\n5\n", "a.txt");
  ASSERT_EQ(bad.diagnostics.size(), 2u);
  EXPECT_THAT(to_string(bad.diagnostics[0]),
              HasSubstr("a.txt:2:1: \"soon\": expected an arrival time in microseconds"));
  EXPECT_THAT(to_string(bad.diagnostics[1]), HasSubstr("a.txt:3:1"));
  EXPECT_FALSE(parse_arrivals_file("/no/such/file").times);
  EXPECT_FALSE(parse_arrivals_text("# nothing\n", "a.txt").times);
}

}  // namespace
}  // namespace lithos
