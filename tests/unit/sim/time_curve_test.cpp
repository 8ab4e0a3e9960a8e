// SPDX-License-Identifier: Apache-2.0
#include "sim/time_curve.hpp"

#include <gtest/gtest.h>

namespace lithos {
namespace {

TEST(TimeCurve, InterpolatesInOneOverN) {
  // 1000 us of TPC time, scaling perfectly: exact between the points as well.
  const TimeCurve curve({{66, 1e6 / 66}, {32, 1e6 / 32}, {4, 1e6 / 4}}, 66, 100'000, 16);
  for (const unsigned n : {4u, 7u, 24u, 42u, 66u}) EXPECT_NEAR(curve.ns(n), 1e6 / n, 1e-6) << n;
  EXPECT_NEAR(curve.ns(1), 1e6, 2e3);  // below the smallest point: by waves
  EXPECT_NEAR(curve.shared_part(66), 0, 1e-9);
}

TEST(TimeCurve, NoiseIsAveragedAndNeverMakesMoreTpcsSlower) {
  const TimeCurve curve({{66, 110}, {52, 90}, {40, 100}, {4, 400}}, 66, 100'000, 16);
  EXPECT_NEAR(curve.ns(66), 100, 1e-9);
  EXPECT_NEAR(curve.ns(40), 100, 1e-9);
  for (unsigned n = 2; n <= 66; ++n) EXPECT_LE(curve.ns(n), curve.ns(n - 1));
}

TEST(TimeCurve, SharedPartIsWhatStopsScaling) {
  // Perfect up to 16 TPCs, then flat: on 64 it uses up four times the TPC time.
  const TimeCurve curve({{66, 1000}, {16, 1000}, {8, 2000}, {4, 4000}}, 66, 100'000, 16);
  EXPECT_NEAR(curve.shared_part(16), 0, 1e-9);
  EXPECT_NEAR(curve.shared_part(64), 0.75, 1e-9);
}

TEST(TimeCurve, ASmallGridThatCannotFillTheDeviceHasNoSharedPart) {
  const TimeCurve curve({{66, 1000}, {4, 1000}}, 66, 4, 16);
  EXPECT_EQ(curve.shared_part(66), 0);
}

TEST(TimeCurve, FromTheShapeAlone) {
  const auto waves = points_from_shape(1000, 66, 66 * 16 * 10, 16);  // ten full waves
  EXPECT_DOUBLE_EQ(waves.back().ns, 1000);
  EXPECT_NEAR(waves[32].ns / 1000, 0.3 + 0.7 * 2, 1e-9);  // 33 TPCs: twice the waves
  const auto single = points_from_shape(1000, 66, 1, 16);
  for (const auto& point : single) EXPECT_DOUBLE_EQ(point.ns, 1000);
}

}  // namespace
}  // namespace lithos
