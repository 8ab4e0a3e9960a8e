// SPDX-License-Identifier: Apache-2.0
// Contexts that take turns: whole slices while both have work, at once when one has none, work kept across switches.
#include "unit/sim/gpu_harness.hpp"

namespace lithos::testing {
namespace {

constexpr std::int64_t kSlice = 2'000'000;
constexpr std::int64_t kSwitch = 100'000;

DeviceModel slicing_model() {
  DeviceModel model = bare_model();
  model.time_slice = Nanoseconds{kSlice};
  model.context_switch = Nanoseconds{kSwitch};
  return model;
}

KernelSpec lasting(double ns) {
  KernelSpec spec = full_sm(132'000);
  spec.points = {{66, ns}, {33, 2 * ns}};
  return spec;
}

TEST(TimeSlicing, OneContextAloneNeverWaits) {
  GpuHarness h(slicing_model(), Sharing::time_slicing);
  const KernelInfo& kernel = h.kernel(lasting(10e6));
  h.launch_unmasked(0, kernel).ok();
  h.run();
  EXPECT_NEAR(static_cast<double>(h.ended(0)), 10e6, 2);
}

TEST(TimeSlicing, TwoTakeTurnsAndKeepTheirWork) {
  GpuHarness h(slicing_model(), Sharing::time_slicing);
  const KernelInfo& kernel = h.kernel(lasting(4e6));
  h.launch_unmasked(0, kernel).ok();
  h.launch_unmasked(1, kernel).ok();
  h.run();
  // 0: [0, 2) [4.2, 6.2); 1: [2.1, 4.1) [6.3, 8.3)
  EXPECT_NEAR(static_cast<double>(h.ended(0)), 6.2e6, 10);
  EXPECT_NEAR(static_cast<double>(h.ended(1)), 8.3e6, 10);
}

TEST(TimeSlicing, AContextWithoutWorkGivesUpItsTurn) {
  GpuHarness h(slicing_model(), Sharing::time_slicing);
  const KernelInfo& brief = h.kernel(lasting(0.5e6));
  const KernelInfo& other = h.kernel(lasting(1e6));
  h.launch_unmasked(0, brief).ok();
  h.launch_unmasked(1, other).ok();
  h.run();
  EXPECT_NEAR(static_cast<double>(h.ended(0)), 0.5e6, 2);
  EXPECT_NEAR(static_cast<double>(h.ended(1)), 1.6e6, 2);
}

// What makes the measured row diverge: a server that synchronises after each request meets a whole slice of the other
// each time.
TEST(TimeSlicing, AServerThatSynchronisesWaitsAWholeSlice) {
  GpuHarness h(slicing_model(), Sharing::time_slicing);
  const KernelInfo& request = h.kernel(lasting(1e6));
  const KernelInfo& endless = h.kernel(lasting(1e9));
  h.launch_unmasked(1, endless).ok();
  h.run(Nanoseconds{1});
  h.launch_unmasked(0, request).ok();
  h.run(Nanoseconds{kSlice + kSwitch + 1'020'000});  // the host takes 20 us
  ASSERT_NE(h.of(0), nullptr);
  const std::int64_t first = h.ended(0);
  EXPECT_NEAR(static_cast<double>(first), kSlice + kSwitch + 1e6, 10);
  h.launch_unmasked(0, request).ok();
  h.run(Nanoseconds{first + 5'000'000});
  ASSERT_NE(h.of(0, 1), nullptr);
  EXPECT_NEAR(static_cast<double>(h.ended(0, 1) - first), kSwitch + kSlice + kSwitch + 1e6, 10);
}

TEST(TimeSlicing, ThreeContextsGoRound) {
  GpuHarness h(slicing_model(), Sharing::time_slicing);
  const KernelInfo& kernel = h.kernel(lasting(5e6));
  for (unsigned tenant = 0; tenant < 3; ++tenant) h.launch_unmasked(tenant, kernel).ok();
  h.run();
  ASSERT_EQ(h.done.size(), 3u);
  EXPECT_LT(h.ended(0), h.ended(1));
  EXPECT_LT(h.ended(1), h.ended(2));
  EXPECT_NEAR(static_cast<double>(h.ended(2)), 15e6 + static_cast<double>(h.gpu.totals().context_switches) * kSwitch,
              20);
}

}  // namespace
}  // namespace lithos::testing
