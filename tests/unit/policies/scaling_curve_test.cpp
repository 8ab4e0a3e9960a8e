// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <lithos/scaling_curve.hpp>
#include <vector>

#include "property/dice.hpp"

namespace lithos {
namespace {

constexpr std::uint32_t kTpcs = 66;

ScalingCurve fitted(const ScalingCurve::Shape& shape, const std::vector<ScalingPoint>& points) {
  ScalingCurve curve;
  curve.fit(shape, points);
  return curve;
}

TEST(ScalingCurve, NothingIsKnownWithoutPoints) {
  EXPECT_FALSE(ScalingCurve{}.known());
  EXPECT_FALSE(fitted({}, {}).known());
}

// A single time is safe on both sides: more with fewer TPCs, no less with more.
TEST(ScalingCurve, OnePointIsConservative) {
  const ScalingCurve curve = fitted({100'000, 32, 2, kTpcs}, {{32, 1e6}});
  EXPECT_DOUBLE_EQ(curve.ns(32), 1e6);
  EXPECT_DOUBLE_EQ(curve.ns(16), 2e6);
  EXPECT_DOUBLE_EQ(curve.ns(66), 1e6);
}

TEST(ScalingCurve, OnePointMayBorrowAShare) {
  ScalingCurve curve;
  const std::vector<ScalingPoint> one{{66, 1e6}};
  curve.fit({100'000, 32, 2, kTpcs}, one, 0.5);
  EXPECT_NEAR(curve.ns(33), 1.5e6, 1e4);
  EXPECT_NEAR(curve.ns(66), 1e6, 1);
}

TEST(ScalingCurve, FindsPartsThatFollowEachOther) {
  const auto truth = [](double t) { return 40e6 / t + 200e3; };
  const ScalingCurve curve = fitted({100'000, 32, 2, kTpcs}, {{66, truth(66)}, {40, truth(40)}, {16, truth(16)}});
  EXPECT_EQ(curve.power(), 1u);
  for (const std::uint32_t t : {64u, 52u, 32u, 24u, 18u}) EXPECT_NEAR(curve.ns(t), truth(t), 0.002 * truth(t)) << t;
}

// What a few TPCs slow down and the memory bounds on many.
TEST(ScalingCurve, FindsPartsThatOverlap) {
  const auto truth = [](double t) { return std::sqrt(std::sqrt(std::pow(20e6 / t, 4) + std::pow(1e6, 4))); };
  const ScalingCurve curve = fitted({100'000, 32, 2, kTpcs}, {{66, truth(66)}, {24, truth(24)}, {8, truth(8)}});
  EXPECT_EQ(curve.power(), 4u);
  for (const std::uint32_t t : {52u, 40u, 32u, 16u, 12u}) EXPECT_NEAR(curve.ns(t), truth(t), 0.02 * truth(t)) << t;
}

// Recorded: a GEMM of 128 tiles, one block to an SM (gpt2_medium_train, nvjet 128x256). On 40 to 52 TPCs it takes two waves.
TEST(ScalingCurve, FindsWavesOfTiles) {
  const ScalingCurve curve = fitted({128, 2, 2, kTpcs}, {{66, 164.2e3}, {40, 301.3e3}, {8, 1183.8e3}});
  EXPECT_EQ(curve.load(), ScalingCurve::Load::waves);
  EXPECT_NEAR(curve.ns(52), 305.1e3, 6e3);
  EXPECT_NEAR(curve.ns(32), 304.9e3, 6e3);
  EXPECT_NEAR(curve.ns(24), 448.4e3, 9e3);
  EXPECT_NEAR(curve.ns(16), 597.8e3, 12e3);
  EXPECT_NEAR(curve.ns(4), 2382.2e3, 50e3);
}

// A grid of exactly one block per SM was made to fill the chip and pulls its tiles: no waves.
TEST(ScalingCurve, APersistentGridHasNoWaves) {
  const ScalingCurve curve = fitted({132, 2, 2, kTpcs}, {{66, 192.1e3}, {40, 298.6e3}, {8, 1394.7e3}});
  EXPECT_LE(curve.load(), ScalingCurve::Load::blocks);
  EXPECT_NEAR(curve.ns(24), 475.6e3, 15e3);
}

TEST(ScalingCurve, TpcsWithoutABlockChangeNothing) {
  const ScalingCurve curve = fitted({32, 4, 2, kTpcs}, {{66, 78e3}, {40, 78e3}, {8, 107e3}});
  EXPECT_NEAR(curve.ns(24), 78e3, 1e3);
  EXPECT_NEAR(curve.ns(16), 78e3, 1e3);
}

// Whatever law it chooses, also where times lie far apart: to the last figures of a double, at the fourth power too.
TEST(ScalingCurve, GoesThroughTheTimesGiven) {
  test::Dice dice(20261126);
  unsigned powers = 0;
  for (int round = 0; round < 2'000; ++round) {
    const ScalingCurve::Shape shape{1 + dice.below(200'000), 1 + dice.below(64), 2, kTpcs};
    std::vector<ScalingPoint> points;
    double ns = 1e3 * (1 + dice.below(1'000));
    for (std::uint32_t tpcs = kTpcs; tpcs > 12 && points.size() < ScalingCurve::kPointsMax;
         tpcs -= 1 + dice.below(11)) {
      points.push_back({tpcs, ns});
      ns *= 1 + dice.below(100) * (round % 2 == 0 ? 0.01 : 0.1);
    }
    const ScalingCurve curve = fitted(shape, points);
    powers |= curve.power();
    for (const ScalingPoint& point : points) ASSERT_NEAR(curve.ns(point.tpcs), point.ns, 1e-6 * point.ns) << round;
  }
  EXPECT_EQ(powers, 7u);
}

// Noise that makes more TPCs slower is averaged away, and the order of the points does not matter.
TEST(ScalingCurve, IsMonotoneWhateverItIsGiven) {
  test::Dice dice(20261125);
  for (int round = 0; round < 2'000; ++round) {
    const ScalingCurve::Shape shape{1 + dice.below(200'000), 1 + dice.below(64), 2, kTpcs};
    std::vector<ScalingPoint> points;
    std::uint32_t tpcs = 0;
    const std::uint32_t count = 1 + dice.below(ScalingCurve::kPointsMax);
    for (std::uint32_t i = 0; i < count && tpcs < kTpcs; ++i) {
      tpcs = std::min(kTpcs, tpcs + 1 + dice.below(20));
      points.push_back({tpcs, 1.0 + dice.below(1'000'000)});
    }
    if (dice.below(2) == 0) std::reverse(points.begin(), points.end());
    const ScalingCurve curve = fitted(shape, points);
    double before = curve.ns(1);
    for (std::uint32_t t = 1; t <= kTpcs; ++t) {
      ASSERT_TRUE(std::isfinite(curve.ns(t))) << round;
      ASSERT_LE(curve.ns(t), before * 1.0001) << "round " << round << ", " << t << " TPCs";
      before = curve.ns(t);
    }
  }
}

}  // namespace
}  // namespace lithos
