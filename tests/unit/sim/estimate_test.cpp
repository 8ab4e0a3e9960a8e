// SPDX-License-Identifier: Apache-2.0
#include "sim/estimate.hpp"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace lithos {
namespace {

TEST(Estimate, KnownSamples) {
  const std::array values{2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0};
  const Estimate of = estimate(values);
  EXPECT_DOUBLE_EQ(of.mean, 5.0);
  EXPECT_NEAR(of.half_width, 2.365 * 2.13809 / 2.82843, 1e-4);  // t(7) · s / √8
  EXPECT_EQ(of.runs, 8u);
}

TEST(Estimate, OneRunSaysNothingOfTheInterval) {
  EXPECT_EQ(estimate(std::array{3.0}).half_width, 0.0);
  EXPECT_EQ(estimate({}).runs, 0u);
}

TEST(Estimate, StudentsT) {
  EXPECT_NEAR(student_t_975(1), 12.706, 1e-3);
  EXPECT_NEAR(student_t_975(9), 2.262, 1e-3);
  EXPECT_NEAR(student_t_975(22), 2.074, 1e-3);
  EXPECT_NEAR(student_t_975(30), 2.042, 1e-3);
  EXPECT_NEAR(student_t_975(99), 1.984, 1e-3);
  EXPECT_NEAR(student_t_975(1'000'000), 1.960, 1e-3);
  EXPECT_EQ(student_t_975(0), 0.0);
}

TEST(Estimate, Jain) {
  EXPECT_DOUBLE_EQ(jain_index(std::array{0.5, 0.5, 0.5}), 1.0);
  EXPECT_DOUBLE_EQ(jain_index(std::array{1.0, 0.0, 0.0, 0.0}), 0.25);
  EXPECT_DOUBLE_EQ(jain_index(std::vector<double>{}), 1.0);
}

}  // namespace
}  // namespace lithos
