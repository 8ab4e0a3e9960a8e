// SPDX-License-Identifier: Apache-2.0
#include <lithos/testing/expect.hpp>
#include <lithos/testing/policy_under_test.hpp>

using lithos::testing::PolicyUnderTest;

static lithos_size_query ask(std::uint32_t blocks, double slip) {
  lithos_size_query query{};
  query.op = lithos::testing::make_op(7, blocks);  // four blocks to a TPC
  query.tenant_id = 1;
  query.tenant_class = LITHOS_CLASS_BEST_EFFORT;
  query.tpcs = 66;
  query.slip = slip;
  return query;
}

LITHOS_TEST(a_small_kernel_gets_what_its_blocks_fill) {
  LITHOS_EXPECT(PolicyUnderTest().choose(ask(8, 1.0)).tpcs == 2);
}

LITHOS_TEST(slip_saves_tpcs) {
  PolicyUnderTest policy;
  LITHOS_EXPECT(policy.choose(ask(4096, 1.0)).tpcs == 66);
  const lithos_size size = policy.choose(ask(4096, 1.2));
  LITHOS_EXPECT(size.tpcs < 66);
  LITHOS_EXPECT(size.expected_slowdown <= 1.2);
}

LITHOS_TEST_MAIN()
