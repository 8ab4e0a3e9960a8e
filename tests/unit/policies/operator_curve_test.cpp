// SPDX-License-Identifier: Apache-2.0
// The predictor operator_curve through its ABI.
#include <gtest/gtest.h>

#include "test_paths.hpp"
#include "unit/policies/shipped.hpp"

namespace lithos {
namespace {

using namespace test;

lithos_op op_of(std::uint64_t id, std::uint32_t blocks = 100'000, std::uint32_t threads = 128) {
  lithos_op op{};
  op.op_id = id;
  op.blocks = blocks;
  op.threads_per_block = threads;
  op.blocks_per_tpc = 32;
  op.cluster_blocks = 1;
  op.min_tpcs = 1;
  return op;
}

class OperatorCurve : public ::testing::Test {
 protected:
  void make(std::int64_t operators = 8192) {
    PolicySetConfig config;
    config.predictor.id = "org.lithos.predictor.operator_curve";
    config.predictor.params["operators"] = {operators, {}};
    CreatedPolicySet created = PolicySet::create(config, catalog_, gpu_info());
    ASSERT_NE(created.set, nullptr) << to_string(created.diagnostics.at(0));
    set_ = std::move(created.set);
  }
  void SetUp() override { make(); }

  void see(const lithos_op& op, std::uint32_t tpcs, double ns, std::uint32_t neighbours = 0, std::uint32_t clock_mhz = 1980) {
    lithos_observation seen{};
    seen.op = op;
    seen.tenant_id = 1;
    seen.tpcs = tpcs;
    seen.clock_mhz = clock_mhz;
    seen.neighbour_tpcs = neighbours;
    seen.block_count = op.blocks;
    seen.duration_ns = static_cast<std::uint64_t>(ns);
    set_->observe(seen);
  }
  lithos_prediction ask(const lithos_op& op, std::uint32_t tpcs, std::uint32_t neighbours = 0, std::uint32_t clock_mhz = 1980) {
    lithos_predict_query query{};
    query.op = op;
    query.tenant_id = 1;
    query.tpcs = tpcs;
    query.clock_mhz = clock_mhz;
    query.neighbour_tpcs = neighbours;
    return set_->predict(query);
  }
  double p50(const lithos_op& op, std::uint32_t tpcs, std::uint32_t neighbours = 0, std::uint32_t clock_mhz = 1980) {
    return static_cast<double>(ask(op, tpcs, neighbours, clock_mhz).p50_ns);
  }

  PolicyCatalog catalog_{{LITHOS_BINARY_DIR "/lib/lithos/policies"}};
  std::unique_ptr<PolicySet> set_;
};

TEST_F(OperatorCurve, UnseenIsAGuessThatSaysSo) {
  const lithos_prediction guess = ask(op_of(1), 33);
  EXPECT_EQ(guess.confidence, 0);
  EXPECT_EQ(guess.p50_ns, 200'000u);
  EXPECT_GT(guess.p99_ns, guess.p50_ns);
}

// Seen on one count, and no family: more TPCs promise nothing, fewer cost in proportion.
TEST_F(OperatorCurve, OneCountIsConservativeBothWays) {
  see(op_of(1), 33, 1e6);
  EXPECT_NEAR(p50(op_of(1), 33), 1e6, 2);
  EXPECT_NEAR(p50(op_of(1), 66), 1e6, 2);
  EXPECT_NEAR(p50(op_of(1), 11), 3e6, 10);
  EXPECT_LT(ask(op_of(1), 11).confidence, ask(op_of(1), 33).confidence);
}

TEST_F(OperatorCurve, ThreeCountsTellTheOthers) {
  const auto truth = [](double t) { return 30e6 / t + 300e3; };
  for (int i = 0; i < 3; ++i)
    for (const std::uint32_t t : {66u, 40u, 16u}) see(op_of(1), t, truth(t));
  for (const std::uint32_t t : {64u, 52u, 32u, 24u, 12u}) EXPECT_NEAR(p50(op_of(1), t), truth(t), 0.03 * truth(t)) << t;
}

// A neighbour lengthens launches; that must not look like bad scaling.
TEST_F(OperatorCurve, ScalingIsLearntFromCleanObservationsOnly) {
  const auto truth = [](double t) { return 60e6 / t; };
  for (const std::uint32_t t : {66u, 33u}) see(op_of(1), t, truth(t));
  for (int i = 0; i < 100; ++i) see(op_of(1), 44, 1.2 * truth(44), 22);
  EXPECT_NEAR(p50(op_of(1), 44), truth(44), 0.02 * truth(44));
  EXPECT_NEAR(p50(op_of(1), 44, 22), 1.2 * truth(44), 0.03 * truth(44));
}

// Contended observations are better than nothing, until a clean one comes.
TEST_F(OperatorCurve, CleanObservationsReplaceGuessesFromContendedOnes) {
  for (int i = 0; i < 20; ++i) see(op_of(1), 33, 2e6, 33);
  EXPECT_LT(ask(op_of(1), 33).confidence, 0.6);
  EXPECT_GT(p50(op_of(1), 33), 1.5e6);
  see(op_of(1), 33, 1e6);
  EXPECT_NEAR(p50(op_of(1), 33), 1e6, 2);
}

// One kernel and grid with two inner dimensions, at alternating places of a batch.
TEST_F(OperatorCurve, OrdinalsTellTwoModesApart) {
  lithos_op op = op_of(1);
  for (int pass = 0; pass < 12; ++pass)
    for (std::uint32_t ordinal = 1; ordinal <= 8; ++ordinal) {
      op.ordinal = ordinal;
      see(op, 66, ordinal % 2 == 0 ? 3e6 : 1e6);
    }
  op.ordinal = 3;
  EXPECT_NEAR(p50(op, 66), 1e6, 1e4);
  op.ordinal = 4;
  EXPECT_NEAR(p50(op, 66), 3e6, 3e4);
  op.ordinal = 0;  // nobody says which: p99 covers both
  EXPECT_GE(ask(op, 66).p99_ns, 2'900'000u);
}

// A mode that comes once in sixteen is not forgotten between two of its visits.
TEST_F(OperatorCurve, ARareSlowModeStaysInP99) {
  for (int i = 0; i < 160; ++i) see(op_of(1), 66, i % 16 == 0 ? 5e6 : 1e6);
  EXPECT_NEAR(p50(op_of(1), 66), 1e6, 2);
  EXPECT_GT(ask(op_of(1), 66).p99_ns, 3'000'000u);
}

TEST_F(OperatorCurve, FollowsDrift) {
  for (int i = 0; i < 50; ++i) see(op_of(1), 66, 1e6);
  for (int i = 0; i < 6; ++i) see(op_of(1), 66, 2e6);
  EXPECT_NEAR(p50(op_of(1), 66), 2e6, 2e4);
}

// A third of the time does not depend on the clock: learnt at one lower clock, used at another.
TEST_F(OperatorCurve, LearnsWhatTheClockStretches) {
  const auto truth = [](double mhz) { return 1e6 / 3 + 2e6 / 3 * 1980 / mhz; };
  for (int i = 0; i < 4; ++i) see(op_of(1), 66, truth(1980));
  EXPECT_NEAR(p50(op_of(1), 66, 0, 1100), 1.8e6, 1e4) << "unknown yet: all of it stretches";
  for (int i = 0; i < 8; ++i) see(op_of(1), 66, truth(1400), 0, 1400);
  EXPECT_NEAR(p50(op_of(1), 66, 0, 1100), truth(1100), 0.03 * truth(1100));
  EXPECT_NEAR(p50(op_of(1), 66), truth(1980), 0.02 * truth(1980));
}

// Atoms count as their share of the grid.
TEST_F(OperatorCurve, AtomsCountAsTheirShare) {
  lithos_observation seen{};
  seen.op = op_of(1, 1000);
  seen.tpcs = 66;
  seen.clock_mhz = 1980;
  seen.first_block = 250;
  seen.block_count = 250;
  seen.duration_ns = 500'000;
  set_->observe(seen);
  EXPECT_NEAR(p50(op_of(1, 1000), 66), 2e6, 2);
}

// Operators of a family that is known to scale badly are not expected to scale well.
TEST_F(OperatorCurve, FamiliesShareTheirShape) {
  const auto truth = [](double t) { return 2e6 * (0.7 + 0.3 * 66 / t); };
  for (std::uint64_t id = 1; id <= 8; ++id)
    for (const std::uint32_t t : {66u, 40u, 16u}) see(op_of(id), t, truth(t) * static_cast<double>(id));
  see(op_of(100), 66, 1e6);
  EXPECT_NEAR(p50(op_of(100), 22), 1.6e6, 0.1e6);
  see(op_of(200, 100'000, 1024), 66, 1e6);  // another family
  EXPECT_NEAR(p50(op_of(200, 100'000, 1024), 22), 3e6, 0.1e6);
}

// Memory is bounded: with room for 64, a thousand operators push out the ones not used for longest.
TEST_F(OperatorCurve, ForgetsTheLongestUnused) {
  make(64);
  see(op_of(1), 66, 7e6);
  for (std::uint64_t id = 2; id <= 1000; ++id) {
    see(op_of(id), 66, 1e6);
    (void)ask(op_of(1), 66);  // in use
  }
  EXPECT_NEAR(p50(op_of(1), 66), 7e6, 10);
  int known = 0;
  for (std::uint64_t id = 2; id <= 1000; ++id) known += ask(op_of(id), 66).confidence > 0;
  EXPECT_LE(known, 64);
  EXPECT_GE(known, 32);
}

}  // namespace
}  // namespace lithos
