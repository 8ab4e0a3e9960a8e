// SPDX-License-Identifier: Apache-2.0
// A predictor goes only if it is clearly worse, in enough windows, each with enough to say.
#include "daemon/quality_watch.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace lithos {
namespace {

constexpr QualityOptions kOptions{Nanoseconds{1000}, 100, 1.5, 0.1, 3};

class Quality : public ::testing::Test {
 protected:
  // A window in which the predictor is off by `off` (0.1: ten per cent) and the built-in one by `builtin_off`.
  bool window(double off, double builtin_off, std::uint64_t observations = 100) {
    score.judged += observations;
    score.configured_log2 += static_cast<double>(observations) * std::log2(1 + off);
    score.builtin_log2 += static_cast<double>(observations) * std::log2(1 + builtin_off);
    now += kOptions.window;
    return watch.look(score, now);
  }
  QualityWatch watch{kOptions};
  PredictionScore score;
  Nanoseconds now{5'000'000};
};

TEST_F(Quality, AHundredTimesTooLongIsDemotedAfterThreeWindows) {
  EXPECT_FALSE(window(99, 0.05));
  EXPECT_FALSE(window(99, 0.05));
  EXPECT_TRUE(window(99, 0.05));
  EXPECT_EQ(watch.why(), "off by 100 times, the built-in predictor by 5 %, in 3 windows of 1us or longer");
}

TEST_F(Quality, BetterOrEquallyBadStays) {
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(window(0.5, 4));
    EXPECT_FALSE(window(7, 7));
  }
}

TEST_F(Quality, WithinWhatIsToleratedNobodyAsksForMore) {
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(window(0.09, 0.001));
}

TEST_F(Quality, AGoodWindowForgivesAndAMiddlingOneDoesNot) {
  EXPECT_FALSE(window(9, 1));
  EXPECT_FALSE(window(9, 1));
  EXPECT_FALSE(window(0.5, 1));
  EXPECT_FALSE(window(9, 1));
  EXPECT_FALSE(window(9, 1));
  EXPECT_FALSE(window(1.2, 1)) << "worse, but not by half: no verdict";
  EXPECT_TRUE(window(9, 1));
}

TEST_F(Quality, TooFewObservationsSayNothingAndAreNotLost) {
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(window(99, 0.05, 20)) << "the window goes on";
  EXPECT_EQ(watch.quality().bad_windows, 0u);
  EXPECT_FALSE(window(99, 0.05, 20));
  EXPECT_EQ(watch.quality().bad_windows, 1u) << "together they are enough";
}

TEST_F(Quality, ContendedOnesAloneNeverDemote) {
  for (int i = 0; i < 1000; ++i) {
    score.contended += 1000;
    score.unfamiliar += 10;
    now += kOptions.window;
    EXPECT_FALSE(watch.look(score, now));
  }
  EXPECT_EQ(watch.quality().contended, 1'000'000u);
  EXPECT_EQ(watch.quality().bad_windows, 0u);
}

TEST_F(Quality, ManyAtOnceAreOneWindow) {
  for (int i = 0; i < 10; ++i) {
    score.judged += 100'000;
    score.configured_log2 += 600'000;
    EXPECT_FALSE(watch.look(score, now + Nanoseconds{i}));
  }
}

TEST_F(Quality, AnotherPredictorBeginsAnew) {
  EXPECT_FALSE(window(99, 0.05));
  EXPECT_FALSE(window(99, 0.05));
  watch.restart(score, now);
  EXPECT_FALSE(window(99, 0.05));
  EXPECT_FALSE(window(99, 0.05));
  EXPECT_TRUE(window(99, 0.05));
}

TEST_F(Quality, CanBeSwitchedOff) {
  QualityOptions never = kOptions;
  never.windows = 0;
  QualityWatch off(never);
  for (int i = 0; i < 20; ++i) {
    score.judged += 1000;
    score.configured_log2 += 10'000;
    now += kOptions.window;
    EXPECT_FALSE(off.look(score, now));
  }
}

}  // namespace
}  // namespace lithos
