// SPDX-License-Identifier: Apache-2.0
// Another predictor or right-sizer: operators are asked about a few at a time, and all of them soon.
#include <gtest/gtest.h>

#include <set>

#include "policy_host/catalog.hpp"
#include "unit/engine/support.hpp"

namespace lithos::test {
namespace {

constexpr unsigned kOperators = 100;   // of each of two tenants
constexpr unsigned kPerTimerMost = 4;  // engine.cpp, kAskedPerTimer

class Exchange : public ::testing::Test {
 protected:
  Exchange() {
    for (unsigned i = 0; i < kOperators; ++i) kernels.push_back(t.kernel("free" + std::to_string(i), 5000));
    for (const char* name : {"a", "b"}) tenants.push_back(t.join(spec(name, TenantClass::throughput, 20)));
    for (const TenantId tenant : tenants)
      for (const KernelInfo& kernel : kernels) t.engine->register_kernel(tenant, kernel, t.now);
    other = std::move(PolicySet::from_tables(all_tables(), gpu_info(t.gpu, 0))).value();
    script.predict = [](const lithos_predict_query*, lithos_prediction* out) {
      *out = {777, 888, 1};
      return LITHOS_OK;
    };
  }
  std::uint64_t asked() const { return other->calls(PolicyKind::predictor) / OperatorDecision::kPoints; }

  EngineUnderTest t;
  std::vector<KernelInfo> kernels;
  std::vector<TenantId> tenants;
  std::unique_ptr<PolicySet> other;
};

TEST_F(Exchange, AsksNothingAtTheBoundaryAndAFewAtATimeAfterwards) {
  t.engine->set_policies(*other, t.now);
  EXPECT_EQ(asked(), 0u);
  EXPECT_EQ(other->calls(PolicyKind::scheduler), 1u) << "but it decides";
  unsigned timers = 0;
  while (t.engine->has_stale_operators()) {
    ASSERT_LE(t.engine->next_timer(), t.now) << "due at once";
    const std::uint64_t before = asked();
    t.engine->on_timer(t.now);
    ASSERT_LE(asked() - before, kPerTimerMost);
    ASSERT_LE(++timers, 2 * kOperators / kPerTimerMost + 1) << "and it ends";
  }
  EXPECT_EQ(asked(), 2 * kOperators) << "each once";
  for (const KernelInfo& kernel : kernels)
    EXPECT_EQ(t.out.decisions[kernel.id].predicted_at[0].count(), 777) << "and published";
  EXPECT_GT(t.engine->next_timer(), t.now);
}

TEST_F(Exchange, WhatIsLaunchedIsAskedAboutAtOnceAndOnlyOnce) {
  t.engine->set_policies(*other, t.now);
  const KernelInfo& last = kernels.back();
  t.submitted(tenants[1], last, 1);
  EXPECT_EQ(asked(), 1u);
  EXPECT_EQ(t.out.decisions[last.id].predicted_at[0].count(), 777);
  t.run_until(t.now + Nanoseconds{1'000'000});
  EXPECT_FALSE(t.engine->has_stale_operators());
  EXPECT_EQ(asked(), 2 * kOperators);
}

TEST_F(Exchange, AnotherExchangeBeginsAnewAndTenantsMayLeaveMeanwhile) {
  t.engine->set_policies(*other, t.now);
  t.engine->on_timer(t.now);
  const std::uint64_t first = asked();
  auto third = std::move(PolicySet::from_tables(all_tables(), gpu_info(t.gpu, 0))).value();
  t.engine->set_policies(*third, t.now);
  t.engine->leave(tenants[0], t.now);
  t.run_until(t.now + Nanoseconds{1'000'000});
  EXPECT_EQ(asked(), first) << "the second set is not asked any more";
  EXPECT_EQ(third->calls(PolicyKind::predictor), kOperators * OperatorDecision::kPoints) << "about whom is there";
}

// Another right-sizer says nothing about times: the predictor's answers stand.
TEST_F(Exchange, WhoStaysIsNotAskedAgain) {
  t.engine->set_policies(*other, t.now);
  t.run_until(t.now + Nanoseconds{1'000'000});
  PolicyCatalog catalog({});
  const PolicyKind kinds[] = {PolicyKind::right_sizer};
  const auto third = PolicySet::replace(*other, kinds, {}, catalog).set;
  ASSERT_NE(third, nullptr);
  t.engine->set_policies(*third, t.now);
  t.run_until(t.now + Nanoseconds{1'000'000});
  EXPECT_FALSE(t.engine->has_stale_operators());
  EXPECT_EQ(third->calls(PolicyKind::right_sizer), 2 * kOperators);
  EXPECT_EQ(third->calls(PolicyKind::predictor), 0u);
  EXPECT_EQ(t.out.decisions[kernels[0].id].predicted_at[0].count(), 777) << "and they are still known";
}

// What the old set had time to learn is told to the new one: a little at a time too, however much it is.
TEST_F(Exchange, WhatWasSeenBeforeIsToldAFewAtATimeAndBeforeAnybodyIsAskedAgain) {
  constexpr unsigned kToldMost = 8 + 8;  // engine.cpp, kReplayedPerTimer, to the end of a set
  std::uint64_t launch = 0;
  for (const KernelInfo& kernel : kernels) {
    t.submitted(tenants[0], kernel, ++launch);
    t.now += Nanoseconds{100'000};
    t.completed(tenants[0], kernel, launch);
  }
  t.run_until(t.now + Nanoseconds{1'000'000});
  std::set<std::uint64_t> told;
  script.observe = [&](const lithos_observation* seen) { told.insert(seen->op.op_id); };
  t.engine->set_policies(*other, t.now);
  EXPECT_EQ(told.size(), 0u) << "the exchange does not wait for it";
  t.submitted(tenants[0], kernels.back(), ++launch);
  EXPECT_EQ(asked(), 1u) << "who knows nothing yet is asked all the same";
  while (told.size() < kOperators) {
    ASSERT_TRUE(t.engine->has_stale_operators());
    const std::size_t before = told.size();
    t.engine->on_timer(t.now);
    ASSERT_LE(told.size() - before, kToldMost);
    ASSERT_GT(told.size(), before) << "and it goes on";
    if (told.size() < kOperators) { ASSERT_EQ(asked(), 1u) << "nobody else is asked before"; }
  }
  t.run_until(t.now + Nanoseconds{1'000'000});
  EXPECT_EQ(asked(), 2 * kOperators + 1) << "the one that was asked too early is asked again";
}

}  // namespace
}  // namespace lithos::test
