// SPDX-License-Identifier: Apache-2.0
// What counts when a predictor is compared with the built-in one, and how errors are measured.
#include "policy_host/prediction_judge.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "test_policies.hpp"

namespace lithos {
namespace {

using namespace test;

constexpr unsigned kMany = 4000;

lithos_observation seen_of(std::uint64_t op, std::uint64_t duration_ns, std::uint32_t neighbour_tpcs = 0) {
  lithos_observation seen{};
  seen.op.op_id = op;
  seen.op.blocks = seen.block_count = 100;
  seen.op.blocks_per_tpc = 1;
  seen.tenant_id = 1;
  seen.tpcs = 4;
  seen.neighbour_tpcs = neighbour_tpcs;
  seen.duration_ns = duration_ns;
  return seen;
}

TEST(PredictionJudge, AnErrorIsARatioAndBounded) {
  PredictionJudge judge;
  judge.judge(seen_of(1, 1000), 2000, 500);
  EXPECT_DOUBLE_EQ(judge.score().configured_log2, 1);
  EXPECT_DOUBLE_EQ(judge.score().builtin_log2, 1);
  judge.judge(seen_of(1, 1000), 1e18, 1000);
  EXPECT_DOUBLE_EQ(judge.score().configured_log2, 1 + PredictionJudge::kMostLog2);
  EXPECT_DOUBLE_EQ(judge.score().builtin_log2, 1);
}

TEST(PredictionJudge, JudgesOneInEightOfWhatIsCleanAndFamiliar) {
  PredictionJudge judge;
  for (unsigned i = 0; i < PredictionJudge::kFamiliarAfter; ++i) EXPECT_FALSE(judge.wants(seen_of(1, 1000)));
  unsigned wanted = 0;
  for (unsigned i = 0; i < kMany; ++i) wanted += judge.wants(seen_of(1, 1000));
  EXPECT_NEAR(wanted, kMany / 8, 2);
  EXPECT_EQ(judge.score().unfamiliar, PredictionJudge::kFamiliarAfter);
}

TEST(PredictionJudge, NeverWantsContendedOnesOrOnesWithoutLength) {
  PredictionJudge judge;
  for (unsigned i = 0; i < kMany; ++i) {
    ASSERT_FALSE(judge.wants(seen_of(1, 1000, 3)));
    ASSERT_FALSE(judge.wants(seen_of(1, 0)));
  }
  EXPECT_EQ(judge.score().contended, kMany);
}

// A request of 2, 3, … 16 kernels that repeats: a plain "every eighth" would meet only some of them.
TEST(PredictionJudge, MeetsEveryOperatorOfARepeatingRequest) {
  for (unsigned kernels = 2; kernels <= 16; ++kernels) {
    PredictionJudge judge;
    std::set<std::uint64_t> met;
    for (unsigned i = 0; i < kMany; ++i)
      if (const std::uint64_t op = 1 + i % kernels; judge.wants(seen_of(op, 1000))) met.insert(op);
    EXPECT_EQ(met.size(), kernels);
  }
}

class Judged : public ::testing::Test {
 protected:
  Judged() {
    script = {};
    GuardOptions guard;
    guard.judge_predictor = true;
    set = make_set(all_tables(), guard);
    script.predict = [this](const lithos_predict_query* query, lithos_prediction* out) {
      asked = *query;
      *out = {answer_ns, answer_ns, 1};
      return LITHOS_OK;
    };
  }
  // Alternating lengths, so that the built-in predictor, which says the last one, is always off by two.
  void observe(unsigned times, std::uint32_t blocks_seen = 100) {
    for (unsigned i = 0; i < times; ++i) {
      lithos_observation seen = seen_of(7, i % 2 == 0 ? 1000 : 2000);
      seen.block_count = blocks_seen;
      set->observe(seen);
    }
  }
  std::unique_ptr<PolicySet> set;
  lithos_predict_query asked{};
  std::uint64_t answer_ns = 1000;
};

TEST_F(Judged, BothAreAskedBeforeTheyAreTold) {
  observe(kMany);
  const PredictionScore score = set->prediction_score();
  ASSERT_GT(score.judged, kMany / 10);
  EXPECT_NEAR(score.builtin_log2 / static_cast<double>(score.judged), 1, 1e-9) << "it says the one before";
  EXPECT_NEAR(score.configured_log2 / static_cast<double>(score.judged), 0.5, 0.1) << "right half of the time";
  EXPECT_EQ(asked.tpcs, 4u);
  EXPECT_EQ(asked.op.op_id, 7u);
}

TEST_F(Judged, APartIsComparedWithItsShareOfTheWhole) {
  answer_ns = 4000;  // of the whole; a quarter of the blocks are seen to take 1000 or 2000
  observe(kMany, 25);
  const PredictionScore score = set->prediction_score();
  EXPECT_NEAR(score.configured_log2 / static_cast<double>(score.judged), 0.5, 0.1);
}

TEST_F(Judged, NobodyIsJudgedUnlessAskedFor) {
  set = make_set(all_tables());
  observe(kMany);
  EXPECT_EQ(set->prediction_score().judged, 0u);
  GuardOptions guard;
  guard.judge_predictor = true;
  set = make_set({}, guard);
  observe(kMany);
  EXPECT_EQ(set->prediction_score().judged, 0u) << "the built-in one beside itself";
}

}  // namespace
}  // namespace lithos
