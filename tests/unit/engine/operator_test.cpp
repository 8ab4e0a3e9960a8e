// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "engine/operator.hpp"
#include "engine/tpc_map.hpp"
#include "unit/engine/support.hpp"

namespace lithos::test {
namespace {

KernelInfo make(const std::string& name, Dim3 grid, std::uint32_t threads, std::uint32_t registers, std::uint32_t shared = 0,
                Dim3 cluster = {}, unsigned advertised = 66) {
  KernelRules rules;
  rules.rules.push_back({"nvjet", KernelNature::independent, true, ""});
  rules.rules.push_back({"free", KernelNature::independent, false, ""});
  rules.rules.push_back({"nccl", KernelNature::never_touch, false, ""});
  return make_kernel_info({name, grid, {threads, 1, 1}, cluster, registers, shared, false}, h200(), advertised, rules);
}

TEST(KernelInfo, RegistersBoundBlocksPerTpc) {
  // 168 registers × 384 threads fill an SM (GPU.md §10).
  EXPECT_EQ(make("nvjet_sm90", {2, 66, 1}, 384, 168, 0, {2, 1, 1}).blocks_per_tpc, 2u);
  EXPECT_EQ(make("a", {1, 1, 1}, 256, 32).blocks_per_tpc, 16u);   // 2048 threads per SM
  EXPECT_EQ(make("a", {1, 1, 1}, 32, 16).blocks_per_tpc, 64u);    // 32 blocks per SM
  EXPECT_EQ(make("a", {1, 1, 1}, 128, 33).blocks_per_tpc, 24u);   // 33 registers cost 40: a warp gets multiples of 256
}

TEST(KernelInfo, SharedMemoryIncludesWhatTheDriverReserves) {
  EXPECT_EQ(make("a", {1, 1, 1}, 128, 16, 232448).blocks_per_tpc, 2u);  // the largest block there is
  EXPECT_EQ(make("a", {1, 1, 1}, 128, 16, 115712).blocks_per_tpc, 4u);  // (113 + 1) KiB twice in 228 KiB
  EXPECT_EQ(make("a", {1, 1, 1}, 128, 16, 115713).blocks_per_tpc, 2u);
}

TEST(KernelInfo, PersistentByRuleAndOneWave) {
  const KernelInfo gemm = make("nvjet_sm90_x", {2, 66, 1}, 384, 168, 0, {2, 1, 1});
  EXPECT_TRUE(gemm.persistent);
  EXPECT_FALSE(gemm.cuttable);
  EXPECT_FALSE(gemm.may_spin);
  EXPECT_FALSE(make("nvjet_sm90_x", {4, 66, 1}, 384, 168, 0, {2, 1, 1}).persistent);  // two waves pull no tiles
  EXPECT_TRUE(make("nvjet_sm90_x", {4, 66, 1}, 384, 168, 0, {2, 1, 1}).cuttable);
}

TEST(KernelInfo, UnknownGridThatFitsMaySpin) {
  const KernelInfo fits = make("unknown", {100, 1, 1}, 1024, 32);  // 2 per SM
  EXPECT_TRUE(fits.may_spin);
  EXPECT_EQ(fits.min_tpcs, 25u);
  EXPECT_FALSE(fits.cuttable);
  const KernelInfo too_large = make("unknown", {265, 1, 1}, 1024, 32);
  EXPECT_FALSE(too_large.may_spin);
  EXPECT_TRUE(too_large.cuttable);
  EXPECT_FALSE(make("unknown", {100, 1, 1}, 1024, 32, 0, {}, 24).may_spin);  // the tenant believes in 24 TPCs
  EXPECT_FALSE(make("free", {100, 1, 1}, 1024, 32).may_spin);
  EXPECT_FALSE(make("nccl", {100, 1, 1}, 1024, 32).may_spin);
}

TEST(KernelInfo, ClustersNeedTheirRoomInOneGpc) {
  // The cuDNN kernel of GPU.md §3: 2×8 cluster, one block per SM.
  const KernelInfo cudnn = make("free", {16, 8, 1}, 512, 64, 232448, {2, 8, 1});
  EXPECT_EQ(cudnn.cluster_blocks, 16u);
  EXPECT_EQ(cudnn.min_tpcs, 8u);
  const TpcMap map(h200());
  EXPECT_FALSE(map.holds(cudnn, TpcSet::first(4)));
  EXPECT_FALSE(map.holds(cudnn, TpcSet::range(0, 8)));  // 4 of one GPC and 4 of another
  EXPECT_TRUE(map.holds(cudnn, TpcSet::range(4, 12)));
}

// hardware.md §4: the GEMMs of cuBLAS, clusters of two that fill the device, in one wave on all 66 TPCs.
TEST(KernelInfo, ClustersOfATpcsWidthRunAnywhere) {
  const KernelInfo gemm = make("nvjet_sm90_x", {2, 66, 1}, 384, 168, 232448, {2, 1, 1});
  EXPECT_EQ(gemm.useful_tpcs, 66u);
  const TpcMap map(h200());
  EXPECT_EQ(map.capacity(gemm, h200().all()), 132u);
  const TpcPool all[] = {{h200().all()}}, singles[] = {{TpcSet::range(62, 66)}};
  EXPECT_EQ(map.choose(gemm, all, 1, 66), h200().all());
  EXPECT_EQ(map.choose(gemm, singles, 1, 66), TpcSet::range(62, 66));
  const KernelInfo four = make("nvjet_sm90_x", {4, 33, 1}, 384, 168, 232448, {4, 1, 1});
  EXPECT_EQ(map.choose(four, singles, 1, 66), TpcSet{});
  EXPECT_EQ(map.capacity(four, h200().all()), 120u);  // two of the eight GPCs have an odd TPC left
}

TEST(KernelInfo, SameShapeSameId) {
  EXPECT_EQ(make("a", {8, 1, 1}, 128, 32).id, make("a", {8, 1, 1}, 128, 32).id);
  EXPECT_NE(make("a", {8, 1, 1}, 128, 32).id, make("a", {1, 8, 1}, 128, 32).id);
  EXPECT_NE(make("a", {8, 1, 1}, 128, 32).id, make("b", {8, 1, 1}, 128, 32).id);
}

TEST(GraphInfo, TakesTheLargestMinimum) {
  const KernelInfo small = make("unknown", {4, 1, 1}, 1024, 32), large = make("unknown", {100, 1, 1}, 1024, 32);
  const GraphInfo graph = make_graph_info("g", {&small, &large});
  EXPECT_EQ(graph.min_tpcs, 25u);
  EXPECT_TRUE(graph.may_spin);
}

TEST(OperatorDecision, InterpolatesInOneOverTpcs) {
  OperatorDecision decision;
  decision.span_tpcs = 64;
  // l = 6400 / t + 100 (µs)
  for (unsigned p = 0; p < 4; ++p) decision.predicted_at[p] = Nanoseconds{6'400'000 / OperatorDecision::point_tpcs(64, p) + 100'000};
  EXPECT_EQ(decision.predicted(64).count(), 200'000);
  EXPECT_NEAR(static_cast<double>(decision.predicted(40).count()), 260'000, 2);
  EXPECT_NEAR(static_cast<double>(decision.predicted(20).count()), 420'000, 2);
  EXPECT_EQ(decision.predicted(8).count(), 1'000'000);  // twice what sixteen take
  EXPECT_EQ(decision.predicted(0), decision.predicted(1));
  EXPECT_EQ(decision.predicted(66).count(), 200'000);
}

TEST(OperatorDecision, PointsOfTheH200) {
  const unsigned expected[] = {17, 33, 50, 66};
  for (unsigned p = 0; p < 4; ++p) EXPECT_EQ(OperatorDecision::point_tpcs(66, p), expected[p]);
}

TEST(Coverage, HasNames) {
  for (unsigned c = 0; c < kCoverageKinds; ++c) EXPECT_STRNE(name_of(static_cast<Coverage>(c)), "unknown");
}

}  // namespace
}  // namespace lithos::test
