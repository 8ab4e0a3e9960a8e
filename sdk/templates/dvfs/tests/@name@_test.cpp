// SPDX-License-Identifier: Apache-2.0
#include <lithos/testing/expect.hpp>
#include <lithos/testing/policy_under_test.hpp>

using lithos::testing::PolicyUnderTest;

static std::uint32_t clock_for(std::uint32_t bound, double busy_share) {
  PolicyUnderTest policy({{"lowest", 0.5}});
  lithos_op_weight weight{};
  weight.op_id = 1;
  weight.tenant_id = 1;
  weight.bound = bound;
  weight.share = 1;
  weight.mean_ns = 100'000;
  weight.tpcs = 66;
  lithos_power_sample sample{};
  sample.struct_size = sizeof sample;
  sample.clock_mhz = 1980;
  sample.now_ns = 1'000'000'000;
  sample.window_ns = 100'000'000;
  sample.busy_share = busy_share;
  sample.slip = 1.1;
  sample.op = &weight;
  sample.op_size = sizeof weight;
  sample.ops = 1;
  return policy.plan(sample).clock_mhz;
}

LITHOS_TEST(compute_bound_work_keeps_the_clock) { LITHOS_EXPECT(clock_for(LITHOS_BOUND_COMPUTE, 1.0) == 1980); }
LITHOS_TEST(memory_bound_work_lowers_it) { LITHOS_EXPECT(clock_for(LITHOS_BOUND_MEMORY, 1.0) == 990); }
LITHOS_TEST(so_does_idle_time) { LITHOS_EXPECT(clock_for(LITHOS_BOUND_COMPUTE, 0.5) < 1980); }

LITHOS_TEST_MAIN()
