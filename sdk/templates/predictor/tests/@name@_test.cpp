// SPDX-License-Identifier: Apache-2.0
#include <lithos/testing/expect.hpp>
#include <lithos/testing/policy_under_test.hpp>
#include <lithos/testing/trace.hpp>

using lithos::testing::PolicyUnderTest;

static lithos_predict_query on(const lithos_op& op, std::uint32_t tpcs) {
  lithos_predict_query query{};
  query.op = op;
  query.tenant_id = 1;
  query.tpcs = tpcs;
  query.clock_mhz = 1980;
  return query;
}

static lithos_observation took(const lithos_op& op, std::uint32_t tpcs, std::uint64_t duration_ns) {
  lithos_observation seen{};
  seen.op = op;
  seen.tenant_id = 1;
  seen.tpcs = tpcs;
  seen.clock_mhz = 1980;
  seen.block_count = op.blocks;
  seen.duration_ns = duration_ns;
  return seen;
}

LITHOS_TEST(what_was_seen_is_predicted) {
  PolicyUnderTest policy;
  const lithos_op op = lithos::testing::make_op(7);
  for (int i = 0; i < 50; ++i) policy.observe(took(op, 66, 100'000));
  const lithos_prediction prediction = policy.predict(on(op, 66));
  LITHOS_EXPECT(prediction.p50_ns > 95'000 && prediction.p50_ns < 105'000);
  LITHOS_EXPECT(prediction.p99_ns >= prediction.p50_ns);
}

LITHOS_TEST(fewer_tpcs_take_longer) {
  PolicyUnderTest policy;
  const lithos_op op = lithos::testing::make_op(7);
  policy.observe(took(op, 66, 100'000));
  LITHOS_EXPECT(policy.predict(on(op, 33)).p50_ns > policy.predict(on(op, 66)).p50_ns);
}

LITHOS_TEST(an_unknown_kernel_gets_a_guess_without_confidence) {
  PolicyUnderTest policy;
  const lithos_prediction guess = policy.predict(on(lithos::testing::make_op(9), 66));
  LITHOS_EXPECT(guess.p50_ns > 0);
  LITHOS_EXPECT(guess.confidence == 0);
}

LITHOS_TEST_MAIN()
