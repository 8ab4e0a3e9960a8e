// SPDX-License-Identifier: Apache-2.0
// How fast launches work: cost of atoms, interference, crowding on an SM, clock and power.
#include "unit/sim/gpu_harness.hpp"

namespace lithos::testing {
namespace {

// docs/design/hardware.md §2, prelude in a constant bank: percent over the whole launch.
TEST(Atoms, CostWhatWasMeasured) {
  const struct {
    std::uint32_t blocks, threads;
    double whole_ns;
    std::uint32_t atoms;
    double overhead;
  } measured[] = {{16'896, 1024, 3.24e6, 8, 0.025},  {16'896, 1024, 3.24e6, 32, 0.106},
                  {105'600, 1024, 3.2e6, 1, 0.0136}, {105'600, 1024, 3.2e6, 4, 0.065},
                  {105'600, 256, 3.09e6, 1, 0.0025}, {105'600, 256, 3.09e6, 4, 0.035}};
  for (const auto& row : measured) {
    DeviceModel model = bare_model();
    model.stream_gap = h200_model().stream_gap;
    GpuHarness h(model);
    KernelSpec spec = full_sm(row.blocks);
    spec.threads = row.threads;
    spec.registers = 32;
    spec.points = {{66, row.whole_ns}, {33, 2 * row.whole_ns}};
    const KernelInfo& kernel = h.kernel(spec);
    const std::uint32_t blocks = kernel.blocks / row.atoms;
    for (std::uint32_t i = 0; i < row.atoms; ++i)
      ASSERT_TRUE(h.launch_atom(0, kernel, h.shape.all(), i * blocks, blocks).ok());
    h.run();
    const double took = static_cast<double>(h.ended(0, row.atoms - 1) - h.started(0));
    EXPECT_NEAR(took / row.whole_ns - 1, row.overhead, 0.015) << row.atoms << " atoms of " << row.blocks << " blocks";
  }
}

TEST(Atoms, LessThanAWaveTakesAWave) {
  DeviceModel model = bare_model();
  model.cut.prelude_ns_small = model.cut.prelude_ns_large = model.cut.skip_ns_small = model.cut.skip_ns_large = 0;
  GpuHarness h(model);
  const KernelInfo& kernel = h.kernel(full_sm(1320));  // ten waves of 100 ns
  h.launch_atom(0, kernel, h.shape.all(), 0, 1).ok();
  h.launch_atom(0, kernel, h.shape.all(), 1, 1319).ok();
  h.run();
  EXPECT_GE(h.ended(0, 0) - h.started(0, 0), 100);
  EXPECT_EQ(h.ended(0, 1) - h.started(0, 1), 1000);
}

// GPU.md §10: the first atom of a persistent kernel runs nearly all of it, the others find nothing.
TEST(Atoms, BuyNothingOfAPersistentKernel) {
  GpuHarness h;
  const KernelInfo& gemm = h.kernel(persistent_gemm());
  h.launch_atom(0, gemm, h.shape.all(), 0, 66).ok();
  h.launch_atom(0, gemm, h.shape.all(), 66, 66).ok();
  h.run();
  EXPECT_GE(h.ended(0, 0), 1000);
  EXPECT_LT(h.ended(0, 1) - h.started(0, 1), 400);
}

TEST(Interference, LengthensTheSharedPartInProportionToTheNeighbour) {
  DeviceModel model = bare_model();
  model.interference = 1;
  GpuHarness h(model);
  KernelSpec bound = full_sm(132'000);
  bound.points = {{66, 10'000}, {22, 10'000}, {11, 20'000}, {4, 55'000}};  // scales up to 22 TPCs
  KernelSpec scaling = full_sm(132'000);
  scaling.points = {{66, 10e6}, {33, 20e6}, {22, 30e6}, {4, 165e6}};
  const KernelInfo& victim = h.kernel(bound);
  const KernelInfo& neighbour = h.kernel(scaling);
  h.launch(1, neighbour, TpcSet::range(44, 66)).ok();
  h.launch(0, victim, TpcSet::first(44)).ok();
  h.run();
  // On 44 TPCs half of its time is shared; the neighbour holds a third of the device.
  EXPECT_NEAR(static_cast<double>(h.ended(0) - h.started(0)), 10'000 * (1 + 0.5 / 3), 5);
  // A kernel that scales perfectly does not notice.
  EXPECT_NEAR(static_cast<double>(h.ended(1) - h.started(1)), 30e6, 3e3);
}

TEST(Crowding, TwoOnOneSmShareItsPipelines) {
  GpuHarness h;
  KernelSpec half = full_sm(132);
  half.threads = 512;           // 16 warps: alone they keep an SM busy
  half.shared_bytes = 100'000;  // two such blocks fit
  half.points = {{66, 100'000}, {33, 200'000}};
  KernelSpec one_each = half;
  const KernelInfo& a = h.kernel(half);
  const KernelInfo& b = h.kernel(one_each);
  h.launch_unmasked(0, a).ok();
  h.launch_unmasked(1, b).ok();
  h.run();
  EXPECT_GT(h.ended(0), 150'000);
  EXPECT_LE(std::max(h.ended(0), h.ended(1)), 210'000);  // no worse than one after the other
}

TEST(Clock, ChangesLateAndStretchesOnlyWhatTheSmsDo) {
  GpuHarness h;
  KernelSpec scaling = full_sm(132'000);
  scaling.points = {{66, 1e6}, {33, 2e6}, {4, 16.5e6}};
  KernelSpec bound = scaling;
  bound.points = {{66, 1e6}, {6, 1e6}, {4, 1.5e6}};  // at 66 TPCs 91 % of its time is shared
  const KernelInfo& compute = h.kernel(scaling);
  const KernelInfo& memory = h.kernel(bound);
  h.gpu.request_clock(990);
  h.run(Nanoseconds{49'999'999});
  EXPECT_EQ(h.gpu.clock_mhz(), 1980u);
  h.run(Nanoseconds{50'000'000});
  EXPECT_EQ(h.gpu.clock_mhz(), 990u);
  h.launch(0, compute, h.shape.all()).ok();
  h.launch(0, memory, h.shape.all()).ok();
  h.run();
  EXPECT_NEAR(static_cast<double>(h.ended(0, 0) - h.started(0, 0)), 2e6, 2);
  EXPECT_NEAR(static_cast<double>(h.ended(0, 1) - h.started(0, 1)), 1e6 * (1 + 1.0 / 11), 2e3);
}

TEST(Power, IdleBusyAndLowClock) {
  const DeviceModel model = bare_model();
  GpuHarness h(model);
  const double idle_w = model.floor_power_w + model.idle_clock_power_w, full_w = idle_w + model.compute_power_w;
  EXPECT_DOUBLE_EQ(h.gpu.power_w(), idle_w);
  KernelSpec spec = full_sm(132'000);
  spec.points = {{66, 1e9}, {33, 2e9}};
  const KernelInfo& kernel = h.kernel(spec);
  h.launch_unmasked(0, kernel).ok();
  h.run(Nanoseconds{100});
  EXPECT_NEAR(h.gpu.power_w(), full_w, 1e-9);
  h.gpu.request_clock(990);
  h.run(Nanoseconds{60'000'000});
  EXPECT_LT(h.gpu.power_w(), 0.7 * full_w);
  EXPECT_GT(h.gpu.power_w(), model.floor_power_w);
  h.gpu.reset_totals();
  h.run(Nanoseconds{1'060'000'000});
  EXPECT_NEAR(h.gpu.totals().energy_j, h.gpu.power_w(), 0.01 * h.gpu.power_w());  // one second of it
}

// What waits for memory draws less than what computes, and gains less from a low clock.
TEST(Power, WaitingForMemoryIsCheaperThanComputing) {
  const DeviceModel model = bare_model();
  const double computing = power_w(model, 1, 1, 0), waiting = power_w(model, 1, 0, 1);
  EXPECT_GT(computing, 2 * waiting);
  EXPECT_GT(computing - power_w(model, 0.75, 1, 0), 3 * (waiting - power_w(model, 0.75, 0, 1)));
}

// One run tells the energy under any constants.
TEST(Power, EnergyFollowsFromTimeByClock) {
  GpuHarness h;
  KernelSpec spec = full_sm(132'000);
  spec.points = {{66, 3e8}, {33, 4e8}};
  const KernelInfo& kernel = h.kernel(spec);
  h.launch_unmasked(0, kernel).ok();
  h.gpu.request_clock(1395);
  h.run(Nanoseconds{600'000'000});
  const DeviceTotals& totals = h.gpu.totals();
  EXPECT_NEAR(energy_j(bare_model(), totals.clock_use, 1980, 66), totals.energy_j, 1e-6 * totals.energy_j);
  EXPECT_GT(totals.launch_ns, totals.launch_at_highest_ns);
}

TEST(Totals, BusyTimeAndOwnership) {
  GpuHarness h;
  const KernelInfo& kernel = h.kernel(full_sm(1320));
  h.gpu.set_own(TenantId{0}, TpcSet::first(11));
  h.launch(0, kernel, TpcSet::first(33)).ok();
  h.run(Nanoseconds{4000});  // 2000 busy on 33
  const DeviceTotals& totals = h.gpu.totals();
  EXPECT_EQ(totals.elapsed.count(), 4000);
  EXPECT_EQ(totals.busy.count(), 2000);
  EXPECT_DOUBLE_EQ(totals.busy_tpc_ns, 33 * 2000.0);
  EXPECT_DOUBLE_EQ(totals.tenant_tpc_ns[0], 33 * 2000.0);
  EXPECT_DOUBLE_EQ(totals.tenant_borrowed_tpc_ns[0], 22 * 2000.0);
}

}  // namespace
}  // namespace lithos::testing
