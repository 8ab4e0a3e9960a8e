// SPDX-License-Identifier: Apache-2.0
// Which launch gets which TPCs, and when: order in line, masks, last waves, clusters, persistent kernels, co-residency.
#include <gmock/gmock.h>

#include <algorithm>

#include "unit/sim/gpu_harness.hpp"

namespace lithos::testing {
namespace {

using ::testing::HasSubstr;

TEST(Dispatch, OneLaunchTakesItsCurveTime) {
  GpuHarness h;
  const KernelInfo& kernel = h.kernel(full_sm(1320));
  ASSERT_TRUE(h.launch(0, kernel, TpcSet::first(33)).ok());
  h.run();
  EXPECT_EQ(h.ended(0) - h.started(0), 2000);  // 66 us of TPC time on 33
  EXPECT_TRUE(h.gpu.idle());
  EXPECT_TRUE(h.gpu.occupied().empty());
}

TEST(Dispatch, AStreamKeepsItsOrder) {
  GpuHarness h;
  const KernelInfo& slow = h.kernel(full_sm(1320));
  const KernelInfo& quick = h.kernel({});
  h.launch(0, slow, h.shape.all()).ok();
  h.launch(0, quick, h.shape.all()).ok();
  h.run();
  ASSERT_EQ(h.done.size(), 2u);
  EXPECT_GE(h.started(0, 1), h.ended(0, 0));
}

TEST(Dispatch, DisjointMasksDoNotMeet) {
  GpuHarness h;
  const KernelInfo& kernel = h.kernel(full_sm(1320));
  h.launch(0, kernel, TpcSet::first(33)).ok();
  h.launch(1, kernel, h.shape.all() - TpcSet::first(33)).ok();
  h.run();
  EXPECT_EQ(h.started(0), h.started(1));
  EXPECT_EQ(h.ended(0), h.ended(1));
}

// GPU.md §9: without masks the launch that comes second gets what the first leaves, and that only in the first's last
// wave.
TEST(Dispatch, TheSecondWaitsForTheFirstOnesLastWave) {
  GpuHarness h;
  const KernelInfo& big = h.kernel(full_sm(1320));  // ten waves of 100 ns on the whole device
  const KernelInfo& small = h.kernel(full_sm(4));
  h.launch_unmasked(0, big).ok();
  h.launch_unmasked(1, small).ok();
  h.run();
  EXPECT_GE(h.started(1), 990);  // the end of its last wave
  EXPECT_LT(h.started(1), 1000);
  EXPECT_EQ(h.ended(0), 1000);
}

// The queue on the device, seen from a small launch: behind a persistent kernel it waits for nearly all of it.
TEST(Dispatch, BehindAPersistentKernelNothingStarts) {
  GpuHarness h;
  const KernelInfo& gemm = h.kernel(persistent_gemm());
  const KernelInfo& small = h.kernel(full_sm(4));
  h.launch_unmasked(0, gemm).ok();
  h.launch_unmasked(1, small).ok();
  h.run();
  EXPECT_GE(h.started(1), 960);  // its blocks end within 4 % of its time
}

TEST(Dispatch, FreedTpcsGoToTheFirstInLineBeforeLaterOnes) {
  GpuHarness h;
  const KernelInfo& first = h.kernel(full_sm(132));
  const KernelInfo& second = h.kernel(full_sm(1320));
  const KernelInfo& third = h.kernel(full_sm(2));
  h.launch_unmasked(0, first).ok();
  h.launch_unmasked(1, second).ok();
  h.launch_unmasked(2, third).ok();
  h.run();
  EXPECT_LT(h.started(1), h.ended(0));
  EXPECT_GT(h.started(2), h.ended(0));  // not before the second has placed its last block
  EXPECT_GT(h.started(2), h.ended(1) - 200);
}

TEST(Dispatch, LowPriorityStandsBehind) {
  GpuHarness h;
  const KernelInfo& first = h.kernel(full_sm(1320));
  const KernelInfo& next = h.kernel(full_sm(132));
  h.launch_unmasked(0, first).ok();
  AtomSubmission low;
  low.kernel = &next;
  low.block_count = next.blocks;
  low.masked = false;
  low.low_priority = true;
  h.submit(1, 1, low).ok();
  h.launch_unmasked(2, next).ok();
  h.run();
  EXPECT_LT(h.ended(2), h.ended(1));
}

TEST(Dispatch, WhatTheMaskOfTheFirstLeavesIsFree) {
  GpuHarness h;
  const KernelInfo& big = h.kernel(full_sm(1320));
  const KernelInfo& small = h.kernel(full_sm(4));
  h.launch(0, big, TpcSet::first(60)).ok();
  h.launch_unmasked(1, small).ok();
  h.run();
  EXPECT_EQ(h.started(1), 0);
}

TEST(Dispatch, ASmallGridSpreadsOneBlockPerTpc) {
  GpuHarness h;
  const KernelInfo& kernel = h.kernel({.blocks = 10});
  h.launch_unmasked(0, kernel).ok();
  h.gpu.advance(Nanoseconds{1});
  EXPECT_EQ(h.gpu.held_by(TenantId{0}).count(), 10u);
}

TEST(Dispatch, SmallBlocksJoinAnSmThatHasRoom) {
  GpuHarness h;
  KernelSpec half = full_sm(132);
  half.threads = 512;
  half.shared_bytes = 150'000;  // one block per SM, half of its threads
  const KernelInfo& resident = h.kernel(half);
  const KernelInfo& small = h.kernel({.blocks = 4});
  h.launch_unmasked(0, resident).ok();
  h.launch_unmasked(1, small).ok();
  h.run();
  EXPECT_EQ(h.started(1), 0);
  EXPECT_LT(h.started(1), h.ended(0));
}

TEST(Dispatch, NoRoomBesideAFullRegisterFile) {
  GpuHarness h;
  const KernelInfo& gemm = h.kernel(persistent_gemm());  // 384 threads, 168 registers each: 64 512 of 65 536
  const KernelInfo& small = h.kernel({.blocks = 1, .threads = 64, .registers = 32});
  h.launch_unmasked(0, gemm).ok();
  h.launch_unmasked(1, small).ok();
  h.run();
  EXPECT_GT(h.started(1), 900);
}

// One block fills an SM, so that a cluster of 16 needs eight TPCs of one GPC.
KernelSpec in_clusters(std::uint32_t blocks) {
  KernelSpec spec = full_sm(160);
  spec.cluster = blocks;
  spec.shared_bytes = 200'000;
  return spec;
}

TEST(Dispatch, ClustersUseOnlyTpcsOfGpcsWithRoom) {
  GpuHarness h;
  const KernelInfo& kernel = h.kernel(in_clusters(16));
  // GPC 0 has four TPCs, GPC 1 eight; the single TPCs are the last four.
  ASSERT_TRUE(h.launch(0, kernel, TpcSet::first(12) | TpcSet::range(62, 66)).ok());
  h.gpu.advance(Nanoseconds{1});
  EXPECT_EQ(h.gpu.held_by(TenantId{0}), TpcSet::range(4, 12));
  h.run();
  EXPECT_EQ(h.done.size(), 1u);
}

TEST(Dispatch, ClustersOfATpcsWidthUseTheSingleTpcs) {
  GpuHarness h;
  const KernelInfo& kernel = h.kernel(in_clusters(2));
  ASSERT_TRUE(h.launch(0, kernel, TpcSet::range(60, 66)).ok());
  h.gpu.advance(Nanoseconds{1});
  EXPECT_EQ(h.gpu.held_by(TenantId{0}), TpcSet::range(60, 66));
}

TEST(Dispatch, RefusesWhatWouldHangForEver) {
  GpuHarness h;
  const KernelInfo& clustered = h.kernel(in_clusters(16));
  const KernelInfo& plain = h.kernel({});
  EXPECT_THAT(h.launch(0, clustered, TpcSet::first(4)).message(), HasSubstr("would hang for ever"));
  EXPECT_THAT(h.launch(0, plain, TpcSet{}).message(), HasSubstr("would hang for ever"));
  EXPECT_THAT(h.launch_atom(0, plain, h.shape.all(), 1, 1).message(), HasSubstr("outside the grid"));
  const KernelInfo stranger = plain;
  EXPECT_THAT(h.launch(0, stranger, h.shape.all()).message(), HasSubstr("never added"));
  EXPECT_TRUE(h.gpu.idle());
}

TEST(Dispatch, GraphNodesRunInOrderWithTheirOwnMasks) {
  DeviceModel model = bare_model();
  model.graph_node_gap = Nanoseconds{500};
  GpuHarness h(model);
  const KernelInfo& kernel = h.kernel(full_sm(1320));
  const GraphInfo graph = make_graph_info("graph", {&kernel, &kernel, &kernel});
  const std::vector<TpcSet> masks{TpcSet::first(66), TpcSet::first(33), TpcSet::first(66)};
  GraphSubmission submission;
  submission.tenant = TenantId{0};
  submission.queue = QueueId{1};
  submission.launch = LaunchId{9};
  submission.graph = &graph;
  submission.node_tpcs = masks;
  ASSERT_TRUE(h.gpu.submit_graph(submission).ok());
  h.run();
  ASSERT_EQ(h.done.size(), 3u);
  for (std::uint32_t node = 0; node < 3; ++node) EXPECT_EQ(h.done[node].node, node + 1);
  EXPECT_EQ(h.ended(0, 0), 1000);
  EXPECT_EQ(h.started(0, 1), 1500);
  EXPECT_EQ(h.ended(0, 1), 3500);
  EXPECT_EQ(h.ended(0, 2), 5000);
}

// docs/design/hardware.md §8: a chain of 20 kernels of 132 blocks x 5 us on a stream, beside a client with four kernels queued
// that leave no room. How long from one of the chain's kernels to the next, by what the other's blocks are like?
double wait_between_kernels_us(std::uint32_t blocks, double block_us, bool other_is_low) {
  DeviceModel model = h200_model();
  model.drain_share = 0;  // blocks that spin for a fixed time end together
  GpuHarness h(model);
  KernelSpec chain = full_sm(132);
  chain.points = {{66, 5e3}, {33, 10e3}};
  KernelSpec other = full_sm(blocks);
  const double whole_ns = block_us * 1e3 * ((blocks + 131) / 132);
  other.points = {{66, whole_ns}, {33, 2 * whole_ns}};
  const KernelInfo& link = h.kernel(chain);
  const KernelInfo& bulk = h.kernel(other);
  const auto feed = [&] {
    AtomSubmission atom;
    atom.kernel = &bulk;
    atom.block_count = bulk.blocks;
    atom.masked = false;
    atom.low_priority = other_is_low;
    h.submit(1, 1, atom).ok();
  };
  for (int i = 0; i < 40; ++i) feed();
  h.run(Nanoseconds{50'000});
  for (int i = 0; i < 20; ++i) h.launch_unmasked(0, link).ok();
  h.run();
  std::vector<double> waits;
  for (std::size_t i = 1; i < 20; ++i) waits.push_back(static_cast<double>(h.started(0, i) - h.ended(0, i - 1)) * 1e-3);
  std::sort(waits.begin(), waits.end());
  return waits[waits.size() / 2];
}

TEST(Dispatch, PriorityTakesTheNextSmThatABlockFreesAndNoMore) {
  EXPECT_NEAR(wait_between_kernels_us(132, 2000, false), 1999, 60);  // one wave: nothing helps
  EXPECT_NEAR(wait_between_kernels_us(132, 2000, true), 1998, 60);
  EXPECT_NEAR(wait_between_kernels_us(40 * 132, 100, false), 4006, 100);  // the whole kernel …
  EXPECT_NEAR(wait_between_kernels_us(40 * 132, 100, true), 95, 100);     // … or one of its blocks
  EXPECT_NEAR(wait_between_kernels_us(200 * 132, 10, false), 2039, 60);
  EXPECT_NEAR(wait_between_kernels_us(200 * 132, 10, true), 5.3, 10);
}

TEST(Dispatch, GapsAndLatencies) {
  DeviceModel model = bare_model();
  model.launch_latency = Nanoseconds{3000};
  model.stream_gap = Nanoseconds{1200};
  model.mps_gap = Nanoseconds{780};
  GpuHarness h(model);
  const KernelInfo& kernel = h.kernel({});
  h.launch(0, kernel, h.shape.all()).ok();
  h.launch(0, kernel, h.shape.all()).ok();
  h.run();
  EXPECT_EQ(h.started(0, 0), 3000);
  EXPECT_EQ(h.started(0, 1), h.ended(0, 0) + 1980);
}

}  // namespace
}  // namespace lithos::testing
