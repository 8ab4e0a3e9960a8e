// SPDX-License-Identifier: Apache-2.0
#include <lithos/testing/expect.hpp>
#include <lithos/testing/policy_under_test.hpp>

using namespace std::chrono_literals;
using lithos::testing::Answer;
using lithos::testing::PolicyUnderTest;
using lithos::testing::ViewBuilder;

LITHOS_TEST(an_idle_owner_lends_to_who_has_work) {
  ViewBuilder machine(66);
  machine.latency_critical("web", 42).idle();
  machine.best_effort("batch").pressed().waits(2'000'000);
  Answer answer(machine);
  PolicyUnderTest().decide(machine, answer);
  LITHOS_EXPECT(answer.borrowed("batch", LITHOS_PRESSURE_IDLE).count() == 66);
  LITHOS_EXPECT(!answer.borrowed("batch", LITHOS_PRESSURE_PRESSED).overlaps(machine.tenant(0).view().own));
}

LITHOS_TEST(workers_get_equal_slices_that_do_not_overlap) {
  ViewBuilder machine(66);
  machine.latency_critical("web", 42).idle();
  machine.best_effort("one").pressed();
  machine.best_effort("two").pressed();
  Answer answer(machine);
  PolicyUnderTest().decide(machine, answer);
  const lithos::TpcSet owners = machine.tenant(0).view().own;
  const lithos::TpcSet one = answer.borrowed("one", LITHOS_PRESSURE_IDLE) & owners;
  const lithos::TpcSet two = answer.borrowed("two", LITHOS_PRESSURE_IDLE) & owners;
  LITHOS_EXPECT(!one.overlaps(two));
  LITHOS_EXPECT((one | two).count() == 42);
}

LITHOS_TEST(the_parameter_arrives_and_can_change) {
  ViewBuilder machine(66);
  machine.best_effort("batch").pressed();
  Answer answer(machine);
  PolicyUnderTest policy({{"atom", 1ms}});
  policy.decide(machine, answer);
  LITHOS_EXPECT(answer.lease("batch").atom_ns == 1'000'000);
  policy.set_param({"atom", 2ms});
  policy.decide(machine, answer);
  LITHOS_EXPECT(answer.lease("batch").atom_ns == 2'000'000);
}

LITHOS_TEST_MAIN()
