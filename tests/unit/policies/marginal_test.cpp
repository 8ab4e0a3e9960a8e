// SPDX-License-Identifier: Apache-2.0
// The right-sizer marginal through its ABI: a tenant whose operators follow known laws, asked and told as the engine does.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "test_paths.hpp"
#include "unit/policies/shipped.hpp"

namespace lithos {
namespace {

using namespace test;

struct Law {
  double m, b;  // ns: m/t + b
  double ns(std::uint32_t tpcs) const { return m / tpcs + b; }
};

class Marginal : public ::testing::Test {
 protected:
  void SetUp() override {
    PolicySetConfig config;
    config.right_sizer.id = "org.lithos.right_sizer.marginal";
    CreatedPolicySet created = PolicySet::create(config, catalog_, gpu_info());
    ASSERT_NE(created.set, nullptr) << to_string(created.diagnostics.at(0));
    set_ = std::move(created.set);
  }

  static lithos_op op_of(std::uint64_t id, std::uint32_t blocks = 100'000) {
    lithos_op op{};
    op.op_id = id;
    op.blocks = blocks;
    op.threads_per_block = 128;
    op.blocks_per_tpc = 32;
    op.cluster_blocks = 1;
    op.min_tpcs = 1;
    return op;
  }
  std::uint32_t ask(const lithos_op& op, double slip = 1.1, std::uint32_t tpcs = 66) {
    return answer(op, slip, tpcs, LITHOS_CLASS_LATENCY_CRITICAL).tpcs;
  }
  lithos_size answer(const lithos_op& op, double slip, std::uint32_t tpcs, std::uint32_t tenant_class) {
    lithos_size_query query{};
    query.op = op;
    query.tenant_id = 1;
    query.tenant_class = tenant_class;
    query.tpcs = tpcs;
    query.slip = slip;
    return set_->choose(query);
  }
  void see(const lithos_op& op, std::uint32_t tpcs, double ns, std::uint32_t neighbours = 0) {
    lithos_observation seen{};
    seen.op = op;
    seen.tenant_id = 1;
    seen.tpcs = tpcs;
    seen.clock_mhz = 1980;
    seen.neighbour_tpcs = neighbours;
    seen.block_count = op.blocks;
    seen.duration_ns = static_cast<std::uint64_t>(ns);
    set_->observe(seen);
  }
  // Launches all operators so often, each on what is chosen. What was taken in the last round, over what all TPCs would take.
  double run(const std::vector<Law>& laws, int rounds, double slip = 1.1) {
    double taken = 0, whole = 0;
    for (int round = 0; round < rounds; ++round) {
      taken = whole = 0;
      for (std::size_t i = 0; i < laws.size(); ++i) {
        const std::uint32_t tpcs = ask(op_of(i + 1), slip);
        least_ = std::min(least_, tpcs);
        see(op_of(i + 1), tpcs, laws[i].ns(tpcs));
        taken += laws[i].ns(tpcs), whole += laws[i].ns(66);
        chosen_[i + 1] = tpcs;
      }
    }
    return taken / whole;
  }

  PolicyCatalog catalog_{{LITHOS_BINARY_DIR "/lib/lithos/policies"}};
  std::unique_ptr<PolicySet> set_;
  std::map<std::uint64_t, std::uint32_t> chosen_;
  std::uint32_t least_ = 66;
};

TEST_F(Marginal, BeginsWithAllTpcsAndTriesThoseThatHoldABlock) {
  EXPECT_EQ(ask(op_of(1)), 66u);
  EXPECT_EQ(ask(op_of(2, 32)), 66u);
  see(op_of(2, 32), 66, 1e6);
  EXPECT_EQ(ask(op_of(2, 32)), 16u);
  see(op_of(3, 1), 66, 1e6);
  EXPECT_EQ(ask(op_of(3, 1)), 66u) << "one at a time";
  see(op_of(2, 32), 16, 1e6);
  EXPECT_EQ(ask(op_of(3, 1)), 2u) << "never one";
}

TEST_F(Marginal, GraphsAndCollectivesAreLeftAlone) {
  lithos_op op = op_of(1, 4);
  op.flags = LITHOS_OP_GRAPH;
  EXPECT_EQ(ask(op), 66u);
  op.flags = LITHOS_OP_COLLECTIVE;
  EXPECT_EQ(ask(op), 66u);
}

TEST_F(Marginal, NeverBelowTheMinimum) {
  lithos_op op = op_of(1);
  op.min_tpcs = 50;
  for (int i = 0; i < 50; ++i) {
    const std::uint32_t tpcs = ask(op);
    ASSERT_GE(tpcs, 50u);
    see(op, tpcs, 1e6);
  }
}

// The two-TPC probe of a kernel that scales would take thirty times as long. It is never tried.
TEST_F(Marginal, ExploresDownwardsAndNeverFarBelowWhatPays) {
  run({{66e6, 0}}, 2'000);
  EXPECT_GE(least_, 39u) << "its first and only probe is 0.6 of 66";
  EXPECT_GE(chosen_[1], 60u);
}

// A kernel that hardly scales gives most of its TPCs up; one that scales keeps them; the whole stays within its share of the slip.
TEST_F(Marginal, SpendsTheSlipWhereItBuysMost) {
  const double slowdown = run({{5e6, 1e6}, {60e6, 0}, {30e6, 0.5e6}}, 5'000);
  EXPECT_LE(chosen_[1], 40u);
  EXPECT_GE(chosen_[2], 62u);
  EXPECT_LE(slowdown, 1.055);
  EXPECT_GT(slowdown, 1.005) << "what may be spent is spent";
}

// One wave on 50 TPCs and more, two on fewer: what the first probe, on 40, says of 41 to 65 is a guess.
TEST_F(Marginal, FindsTheKneeBetweenAProbeThatWasTooSlowAndAllTpcs) {
  const auto ns = [](std::uint32_t tpcs) { return tpcs >= 50 ? 1e6 : 1.7e6; };
  const auto settle = [&](int launches) {
    std::uint32_t tpcs = 66;
    for (int i = 0; i < launches; ++i)
      tpcs = ask(op_of(1)), see(op_of(1), tpcs, ns(tpcs)), least_ = std::min(least_, tpcs);
    return tpcs;
  };
  const std::uint32_t settled = settle(60'000);
  EXPECT_GE(settled, 50u);
  EXPECT_LE(settled, 55u);
  EXPECT_GE(least_, 39u) << "half-way between two counts, not beyond";
}

// It is found in few tries, of which each may take as long as the probe before.
TEST_F(Marginal, TriesAHandfulOfTpcCountsAtMost) {
  std::set<std::uint32_t> tried;
  for (int i = 0; i < 60'000; ++i) {
    const std::uint32_t tpcs = ask(op_of(1));
    tried.insert(tpcs);
    see(op_of(1), tpcs, tpcs >= 64 ? 1e6 : 1.7e6);
  }
  EXPECT_LE(tried.size(), 6u);
  EXPECT_EQ(ask(op_of(1)), 66u);
}

// Whose requests nobody waits for does not lose what is saved by being busy.
TEST_F(Marginal, OnlyLatencyCriticalTenantsRush) {
  const std::vector<Law> laws{{5e6, 1e6}, {0, 1e6}};
  run(laws, 3000);
  const lithos_size costs_time = answer(op_of(1), 1.1, 66, LITHOS_CLASS_LATENCY_CRITICAL);
  ASSERT_LT(costs_time.tpcs, 66u);
  ASSERT_GT(costs_time.expected_slowdown, 1.01);
  EXPECT_EQ(costs_time.rush_after, 5u);
  const lithos_size costs_nothing = answer(op_of(2), 1.1, 66, LITHOS_CLASS_LATENCY_CRITICAL);
  ASSERT_LT(costs_nothing.tpcs, 66u);
  EXPECT_EQ(costs_nothing.rush_after, 0u) << "its narrow launches hold nobody up";
  EXPECT_EQ(answer(op_of(1), 1.1, 66, LITHOS_CLASS_THROUGHPUT).rush_after, 0u);
  EXPECT_EQ(answer(op_of(1), 1.1, 66, LITHOS_CLASS_BEST_EFFORT).rush_after, 0u);
  ASSERT_TRUE(set_->set_param(PolicyKind::right_sizer, "patience", {std::int64_t{0}, {}}).ok());
  EXPECT_EQ(answer(op_of(1), 1.1, 66, LITHOS_CLASS_LATENCY_CRITICAL).rush_after, 0u);
}

TEST_F(Marginal, NoSlipNoSlowdown) {
  const double slowdown = run({{5e6, 1e6}, {60e6, 0}}, 3'000, 1.0);
  EXPECT_LE(slowdown, 1.001);
}

TEST_F(Marginal, NoOperatorIsSlowedBeyondTheSlip) {
  for (const double slip : {1.05, 1.1, 1.3}) {
    SetUp();
    const Law law{20e6, 0.7e6};
    run({law}, 3'000, slip);
    EXPECT_LE(law.ns(chosen_[1]) / law.ns(66), slip + 1e-3) << slip;
  }
}

// Who loses its slip to neighbours has none to give; when they have gone, it saves again.
TEST_F(Marginal, GivesNothingUpWhereNeighboursCostTheSlip) {
  const Law law{0, 1e6};  // TPCs are of no use to it
  run({law}, 3'000);
  ASSERT_LE(ask(op_of(1)), 40u);
  for (int i = 0; i < 200'000; ++i) see(op_of(1), 66, 1.4e6, 30);
  EXPECT_EQ(ask(op_of(1)), 66u);
  for (int i = 0; i < 200'000; ++i) see(op_of(1), 66, 1e6);
  EXPECT_LE(ask(op_of(1)), 40u);
}

// With fewer TPCs than are shared with neighbours it looks as fast as with all: that is no reason to choose them.
TEST_F(Marginal, LearnsNothingOfScalingBesideNeighbours) {
  for (int i = 0; i < 3'000; ++i) see(op_of(1), i % 2 == 0 ? 66 : 22, 1e6, 33);
  EXPECT_EQ(ask(op_of(1)), 66u);
}

// Time beside neighbours says nothing of how an operator scales.
TEST_F(Marginal, ContendedTimesDoNotCountBesideCleanOnes) {
  run({{60e6, 0}}, 200);
  const std::uint32_t before = ask(op_of(1));
  for (int i = 0; i < 200; ++i) see(op_of(1), 66, 2e6, 30);  // twice as long: as if 66 TPCs were no better than 33
  EXPECT_EQ(ask(op_of(1)), before);
}

// Few operators are tried at once: a tenant is not slowed as a whole while it is learnt.
TEST_F(Marginal, TriesFewOperatorsAtOnce) {
  for (std::uint64_t id = 1; id <= 20; ++id) see(op_of(id), 66, 1e6);
  int tried = 0;
  for (std::uint64_t id = 1; id <= 20; ++id) tried += ask(op_of(id)) < 66;
  EXPECT_GE(tried, 1);
  EXPECT_LE(tried, 4);
}

}  // namespace
}  // namespace lithos
