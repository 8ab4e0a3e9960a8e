// SPDX-License-Identifier: Apache-2.0
// What becomes of the SMs that went away with each mask position. (That a GPU lets them go away: tests/gpu/shim, suite map.)
#include "cuda/calibrate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lithos::cuda {
namespace {

using ::testing::HasSubstr;
using Idle = std::vector<std::vector<unsigned>>;

Idle h100() {  // two TPCs of GPC 0, one of GPC 1, and one of none
  Idle idle(128);
  idle[0] = {0, 1};
  idle[1] = {2, 3};
  idle[9] = {4, 5};
  idle[75] = {6, 7};
  return idle;
}

TEST(Calibration, NamesTheGpcByThePosition) {
  const Result<Calibration> made = make_calibration(h100(), 8);
  ASSERT_TRUE(made.ok()) << made.status().message();
  std::vector<int> gpcs;
  for (const CalibratedTpc& tpc : made.value().tpcs) gpcs.push_back(tpc.gpc);
  EXPECT_EQ(gpcs, (std::vector<int>{0, 0, 1, -1}));
}

TEST(Calibration, RefusesWhatDoesNotComeOutAsTpcs) {
  Idle twice = h100();
  twice[9] = {3, 5};
  EXPECT_THAT(make_calibration(twice, 8).status().message(), HasSubstr("SM 3 went away with more than one mask position"));
  EXPECT_THAT(make_calibration(h100(), 10).status().message(), HasSubstr("2 of 10 SMs went away with no mask position"));
  Idle half = h100();
  half[75] = {6};
  EXPECT_THAT(make_calibration(half, 7).status().message(), HasSubstr("mask position 75 has 1 SMs, not 2"));
}

}  // namespace
}  // namespace lithos::cuda
