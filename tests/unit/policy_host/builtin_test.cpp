// SPDX-License-Identifier: Apache-2.0
#include "policy_host/builtin.hpp"

#include <gtest/gtest.h>

#include "policy_host/policy_table_check.hpp"
#include "test_policies.hpp"

namespace lithos {
namespace {

using namespace test;

TEST(Builtin, TablesPassTheSameCheckAsLoadedOnes) {
  for (const PolicyKind kind : kAllPolicyKinds) {
    const Status status = check_policy(&builtin_policy(kind));
    EXPECT_TRUE(status.ok()) << status.message();
    EXPECT_EQ(find_builtin_policy(std::string("builtin.") + name_of(kind)), &builtin_policy(kind));
  }
  EXPECT_EQ(find_builtin_policy("builtin"), nullptr);
}

TEST(Builtin, SchedulerGivesOwnTpcsAndUnownedOnesToThoseWithoutQuota) {
  const auto set = make_set({});
  SmallView view;
  EXPECT_EQ(set->decide(view.view, view.answer), AnsweredBy::fallback);
  for (const lithos_tpc_set& level : view.lease(0).usable) EXPECT_EQ(level.words[0], 0x0fu);
  for (const lithos_tpc_set& level : view.lease(1).usable) EXPECT_EQ(level.words[0], 0xf0u);
  EXPECT_EQ(view.answer.next_decision_ns, 0u);
  EXPECT_TRUE(view.padding_untouched());
  EXPECT_EQ(set->faults().total(), 0u);
  EXPECT_EQ(set->fallbacks(PolicyKind::scheduler), 0u);  // it was asked for, so it is no fallback
}

lithos_op op_with(std::uint64_t id, std::uint32_t blocks, std::uint32_t blocks_per_tpc) {
  lithos_op op{};
  op.op_id = id;
  op.blocks = blocks;
  op.blocks_per_tpc = blocks_per_tpc;
  return op;
}

lithos_prediction predict(PolicySet& set, const lithos_op& op, std::uint32_t tpcs, std::uint32_t clock = 1980) {
  lithos_predict_query query{};
  query.op = op;
  query.tenant_id = 1;
  query.tpcs = tpcs;
  query.clock_mhz = clock;
  return set.predict(query);
}

lithos_observation seen(const lithos_op& op, std::uint32_t tpcs, std::uint64_t duration_ns) {
  lithos_observation out{};
  out.op = op;
  out.tenant_id = 1;
  out.tpcs = tpcs;
  out.clock_mhz = 1980;
  out.block_count = op.blocks;
  out.duration_ns = duration_ns;
  return out;
}

TEST(Builtin, PredictorGuessesWhatItNeverSaw) {
  const auto set = make_set({});
  const lithos_prediction guess = predict(*set, op_with(9, 100, 4), 8);
  EXPECT_EQ(guess.p50_ns, 100'000u);
  EXPECT_EQ(guess.p99_ns, 100'000u);
  EXPECT_EQ(guess.confidence, 0.0);
}

TEST(Builtin, PredictorScalesTheLastDurationWithTpcsClockAndBlocks) {
  const auto set = make_set({});
  const lithos_op op = op_with(9, 1000, 4);
  set->observe(seen(op, 4, 80'000));
  EXPECT_EQ(predict(*set, op, 4).p50_ns, 80'000u);
  EXPECT_EQ(predict(*set, op, 8).p50_ns, 40'000u);
  EXPECT_EQ(predict(*set, op, 2).p50_ns, 160'000u);
  EXPECT_EQ(predict(*set, op, 4, 990).p50_ns, 160'000u);
  EXPECT_GT(predict(*set, op, 4).confidence, 0.0);

  lithos_observation atom = seen(op, 4, 10'000);  // a quarter of the launch
  atom.block_count = 250;
  set->observe(atom);
  EXPECT_EQ(predict(*set, op, 4).p50_ns, 40'000u);
}

TEST(Builtin, PredictorKnowsThatFewBlocksFillFewTpcs) {
  const auto set = make_set({});
  const lithos_op op = op_with(9, 8, 4);  // two TPCs' worth
  set->observe(seen(op, 8, 50'000));
  EXPECT_EQ(predict(*set, op, 4).p50_ns, 50'000u);
  EXPECT_EQ(predict(*set, op, 1).p50_ns, 100'000u);
}

TEST(Builtin, PredictorKeepsTenantsApart) {
  const auto set = make_set({});
  const lithos_op op = op_with(9, 1000, 4);
  set->observe(seen(op, 4, 80'000));
  lithos_predict_query query{};
  query.op = op;
  query.tenant_id = 2;
  query.tpcs = 4;
  EXPECT_EQ(set->predict(query).confidence, 0.0);
}

TEST(Builtin, RightSizerTakesWhatOneWaveFills) {
  const auto set = make_set({});
  const auto size = [&](std::uint32_t blocks, std::uint32_t per_tpc, std::uint32_t tpcs) {
    lithos_size_query query{};
    query.op = op_with(9, blocks, per_tpc);
    query.tpcs = tpcs;
    query.slip = 1.1;
    return set->choose(query).tpcs;
  };
  EXPECT_EQ(size(9, 4, 8), 3u);
  EXPECT_EQ(size(8, 4, 8), 2u);
  EXPECT_EQ(size(1, 4, 8), 1u);
  EXPECT_EQ(size(1000, 4, 8), 8u);
  EXPECT_EQ(size(9, 0, 8), 8u);  // occupancy not known
  EXPECT_EQ(size(0, 4, 8), 8u);
}

TEST(Builtin, DvfsWantsTheHighestClock) {
  const auto set = make_set({});
  lithos_power_sample sample{};
  sample.struct_size = sizeof sample;
  sample.now_ns = 5;
  const lithos_clock_request request = set->plan(sample);
  EXPECT_EQ(request.clock_mhz, 1980u);
  EXPECT_EQ(request.next_sample_ns, 0u);
}

}  // namespace
}  // namespace lithos
