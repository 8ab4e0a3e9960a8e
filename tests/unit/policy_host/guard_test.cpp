// SPDX-License-Identifier: Apache-2.0
// The guard: whatever a policy answers, the engine gets something usable, only the bad part is lost, and it is counted.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "test_policies.hpp"

namespace lithos {
namespace {

using namespace test;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::uint64_t kForever = std::numeric_limits<std::uint64_t>::max();

class GuardTest : public testing::Test {
 protected:
  GuardTest() { script = {}; }

  // Runs one decision of `body` and checks that just the given fault was counted, once.
  void decide_with(std::function<void(lithos_sched_answer*)> body, FaultReason reason) {
    script.decide = [body = std::move(body)](const lithos_sched_view*, lithos_sched_answer* answer) {
      body(answer);
      return LITHOS_OK;
    };
    set = make_set(all_tables());
    set->decide(view.view, view.answer);
    expect_only(PolicyKind::scheduler, reason);
    EXPECT_TRUE(view.padding_untouched());
  }
  void expect_only(PolicyKind kind, FaultReason reason, std::uint64_t times = 1) {
    EXPECT_EQ(set->faults().of(kind, reason), times) << name_of(reason);
    EXPECT_EQ(set->faults().total(), times);
    EXPECT_FALSE(set->faults().last_message(kind).empty());
  }
  void expect_preset(std::size_t i) {
    const std::uint64_t expected = i == 0 ? 0x0f : 0xf0;
    for (const lithos_tpc_set& level : view.lease(i).usable) EXPECT_EQ(level.words[0], expected);
    EXPECT_EQ(view.lease(i).atom_ns, 0u);
    EXPECT_EQ(view.lease(i).launches_per_s, 0.0);
  }

  SmallView view;
  std::unique_ptr<PolicySet> set;
};

TEST_F(GuardTest, UnknownTpcsAreDroppedAndTheRestOfTheLeaseStays) {
  decide_with(
      [](lithos_sched_answer* answer) {
        lease_of(answer, 1).usable[0] = {{0x1f0, 1, 0, kForever}};
        lease_of(answer, 1).atom_ns = 9;
      },
      FaultReason::unknown_tpcs);
  EXPECT_EQ(view.lease(1).usable[0].words[0], 0xf0u);
  EXPECT_EQ(view.lease(1).usable[0].words[1], 0u);
  EXPECT_EQ(view.lease(1).usable[0].words[3], 0u);
  EXPECT_EQ(view.lease(1).atom_ns, 9u);
}

TEST_F(GuardTest, UnknownFlagsAreDropped) {
  decide_with([](lithos_sched_answer* answer) { lease_of(answer, 0).flags = LITHOS_LEASE_HOLD | 0x80000000u; },
              FaultReason::unknown_flags);
  EXPECT_EQ(view.lease(0).flags, LITHOS_LEASE_HOLD);
}

TEST_F(GuardTest, ALeaseWithARateThatIsNoneIsPresetAndOthersStay) {
  for (const double rate : {kNan, kInfinity, -1.0, -0.5e-300}) {
    decide_with(
        [rate](lithos_sched_answer* answer) {
          lease_of(answer, 1).usable[0] = bits(0xff);
          lease_of(answer, 1).launches_per_s = rate;
          lease_of(answer, 0).atom_ns = 5;
        },
        FaultReason::bad_rate);
    expect_preset(1);
    EXPECT_EQ(view.lease(0).atom_ns, 5u);
  }
}

TEST_F(GuardTest, ALeaseWithAnAbsurdAtomLengthIsPreset) {
  decide_with(
      [](lithos_sched_answer* answer) {
        lease_of(answer, 1).usable[0] = bits(0xff);
        lease_of(answer, 1).atom_ns = kForever;
      },
      FaultReason::absurd_time);
  expect_preset(1);
}

TEST_F(GuardTest, ADecisionTimeThatHasPassedIsDropped) {
  for (const std::uint64_t time : {std::uint64_t{1}, view.view.now_ns}) {
    decide_with([time](lithos_sched_answer* answer) { answer->next_decision_ns = time; }, FaultReason::past_time);
    EXPECT_EQ(view.answer.next_decision_ns, 0u);
  }
}

TEST_F(GuardTest, OnlyLeasesAndTimeAreTakenFromTheAnswer) {
  lithos_lease stray{};
  script.decide = [&](const lithos_sched_view*, lithos_sched_answer* answer) {
    *answer = {0, 77, 1, &stray, 0};
    return LITHOS_OK;
  };
  set = make_set(all_tables());
  const lithos_lease* leases = view.answer.lease;
  set->decide(view.view, view.answer);
  EXPECT_EQ(view.answer.lease, leases);
  EXPECT_EQ(view.answer.tenants, 2u);
  expect_preset(0);
  expect_preset(1);
}

TEST_F(GuardTest, AnErrorStatusGivesTheFallbackAndKeepsTheReason) {
  script.decide = [](const lithos_sched_view*, lithos_sched_answer* answer) {
    lease_of(answer, 1).usable[0] = bits(0xff);
    lease_of(answer, 1).atom_ns = 3;
    script.host->fail(script.host, "lost count");
    return lithos_status{LITHOS_E_INTERNAL};
  };
  set = make_set({&kScheduler, nullptr, nullptr, nullptr});
  EXPECT_EQ(set->decide(view.view, view.answer), AnsweredBy::fallback);
  expect_preset(0);
  expect_preset(1);
  expect_only(PolicyKind::scheduler, FaultReason::error_status);
  EXPECT_EQ(set->faults().last_message(PolicyKind::scheduler), "lost count");
  EXPECT_EQ(set->fallbacks(PolicyKind::scheduler), 1u);
}

TEST_F(GuardTest, AnExceptionThroughTheCInterfaceIsContained) {
  script.decide = [](const lithos_sched_view*, lithos_sched_answer*) -> lithos_status { throw 42; };
  script.observe = [](const lithos_observation*) { throw 42; };
  set = make_set(all_tables());
  EXPECT_EQ(set->decide(view.view, view.answer), AnsweredBy::fallback);
  expect_only(PolicyKind::scheduler, FaultReason::exception);
  set->observe({});
  EXPECT_EQ(set->faults().of(PolicyKind::predictor, FaultReason::exception), 1u);
  EXPECT_EQ(set->faults().of(PolicyKind::right_sizer, FaultReason::exception), 1u);
}

TEST_F(GuardTest, FailFromAnOperationWithoutStatusCounts) {
  script.tenant_left = [](std::uint64_t) { script.host->fail(script.host, "never heard of it"); };
  set = make_set({&kScheduler, nullptr, nullptr, nullptr});
  set->tenant_left(3);
  EXPECT_EQ(set->faults().of(PolicyKind::scheduler, FaultReason::exception), 1u);
  EXPECT_EQ(set->faults().last_message(PolicyKind::scheduler), "never heard of it");
}

TEST_F(GuardTest, TextOfAFailureIsBounded) {
  script.decide = [](const lithos_sched_view*, lithos_sched_answer*) {
    script.host->fail(script.host, std::string(100'000, 'x').c_str());
    return lithos_status{LITHOS_E_INTERNAL};
  };
  set = make_set({&kScheduler, nullptr, nullptr, nullptr});
  set->decide(view.view, view.answer);
  EXPECT_LT(set->faults().last_message(PolicyKind::scheduler).size(), 300u);
}

TEST_F(GuardTest, PredictionsAreRepairedOrReplaced) {
  struct Case {
    lithos_prediction given;
    FaultReason reason;
    lithos_prediction expected;
  };
  const Case cases[] = {
      {{0, 10, 1}, FaultReason::bad_prediction, {100'000, 100'000, 0}},  // the fallback's
      {{kForever, kForever, 1}, FaultReason::bad_prediction, {100'000, 100'000, 0}},
      {{10, 9, 1}, FaultReason::bad_prediction, {10, 10, 1}},
      {{10, kForever, 1}, FaultReason::bad_prediction, {10, 10, 1}},
      {{10, 20, kNan}, FaultReason::bad_confidence, {10, 20, 0}},
      {{10, 20, -0.1}, FaultReason::bad_confidence, {10, 20, 0}},
      {{10, 20, 1.1}, FaultReason::bad_confidence, {10, 20, 0}},
  };
  for (const Case& c : cases) {
    script.predict = [&](const lithos_predict_query*, lithos_prediction* out) { return *out = c.given, LITHOS_OK; };
    set = make_set(all_tables());
    lithos_predict_query query{};
    query.tpcs = 1;
    const lithos_prediction got = set->predict(query);
    EXPECT_EQ(got.p50_ns, c.expected.p50_ns);
    EXPECT_EQ(got.p99_ns, c.expected.p99_ns);
    EXPECT_EQ(got.confidence, c.expected.confidence);
    expect_only(PolicyKind::predictor, c.reason);
  }
}

TEST_F(GuardTest, AFailedPredictorIsReplacedByOneThatHasLearnt) {
  script.predict = [](const lithos_predict_query*, lithos_prediction*) { return lithos_status{LITHOS_E_NO_MEMORY}; };
  set = make_set(all_tables());
  lithos_observation seen{};
  seen.op.op_id = 5;
  seen.op.blocks = seen.block_count = 100;
  seen.tpcs = 4;
  seen.duration_ns = 7'000;
  set->observe(seen);
  lithos_predict_query query{};
  query.op = seen.op;
  query.tpcs = 4;
  EXPECT_EQ(set->predict(query).p50_ns, 7'000u);
  EXPECT_EQ(set->fallbacks(PolicyKind::predictor), 1u);
  expect_only(PolicyKind::predictor, FaultReason::error_status);
}

TEST_F(GuardTest, SizesStayWithinTheQuestion) {
  struct Case {
    lithos_size given;
    FaultReason reason;
    std::uint32_t tpcs;
  };
  const Case cases[] = {{{0, 0, 1}, FaultReason::bad_size, 3},  // the fallback's: nine blocks, four on a TPC
                        {{9, 0, 1}, FaultReason::bad_size, 8},
                        {{2, 0, kNan}, FaultReason::bad_slowdown, 2},
                        {{2, 0, kInfinity}, FaultReason::bad_slowdown, 2},
                        {{2, 0, 0.9}, FaultReason::bad_slowdown, 2}};
  for (const Case& c : cases) {
    script.choose = [&](const lithos_size_query*, lithos_size* out) { return *out = c.given, LITHOS_OK; };
    set = make_set(all_tables());
    lithos_size_query query{};
    query.op.blocks = 9;
    query.op.blocks_per_tpc = 4;
    query.tpcs = 8;
    const lithos_size got = set->choose(query);
    EXPECT_EQ(got.tpcs, c.tpcs);
    EXPECT_EQ(got.expected_slowdown, 1.0);
    expect_only(PolicyKind::right_sizer, c.reason);
  }
}

TEST_F(GuardTest, ClocksAreSnappedToTheDevicesOwn) {
  lithos_power_sample sample{};
  sample.now_ns = 100;
  const auto plan = [&](std::uint32_t mhz, std::uint64_t next) {
    script.plan = [=](const lithos_power_sample*, lithos_clock_request* out) {
      out->clock_mhz = mhz;
      out->next_sample_ns = next;
      return LITHOS_OK;
    };
    set = make_set(all_tables());
    return set->plan(sample);
  };
  EXPECT_EQ(plan(1500, 101).clock_mhz, 1500u);
  EXPECT_EQ(set->faults().total(), 0u);
  EXPECT_EQ(plan(0, 0).clock_mhz, 1980u);
  EXPECT_EQ(set->faults().total(), 0u);
  EXPECT_EQ(plan(1300, 0).clock_mhz, 1500u);
  expect_only(PolicyKind::dvfs, FaultReason::unknown_clock);
  EXPECT_EQ(plan(std::numeric_limits<std::uint32_t>::max(), 0).clock_mhz, 1980u);
  EXPECT_EQ(plan(1, 0).clock_mhz, 1000u);
  EXPECT_EQ(plan(1500, 100).next_sample_ns, 0u);
  expect_only(PolicyKind::dvfs, FaultReason::past_time);
}

TEST_F(GuardTest, AFailedDvfsPolicyMeansTheHighestClock) {
  script.plan = [](const lithos_power_sample*, lithos_clock_request* out) {
    out->clock_mhz = 1000;
    return lithos_status{LITHOS_E_INTERNAL};
  };
  set = make_set(all_tables());
  EXPECT_EQ(set->plan({}).clock_mhz, 1980u);
  EXPECT_EQ(set->fallbacks(PolicyKind::dvfs), 1u);
}

// ---- time limits -----------------------------------------------------------------------------------------------------

class LateTest : public GuardTest {
 protected:
  // A clock that the policy's own work advances.
  GuardOptions clocked() {
    GuardOptions guard;
    guard.clock = [this] { return now; };
    guard.soft_limit = Nanoseconds{100};
    guard.hard_limit = Nanoseconds{1000};
    return guard;
  }
  void decide_taking(std::int64_t ns) {
    script.decide = [this, ns](const lithos_sched_view*, lithos_sched_answer* answer) {
      now += Nanoseconds{ns};
      lease_of(answer, 1).usable[0] = bits(0xff);
      return LITHOS_OK;
    };
    set = make_set(all_tables(), clocked());
    answered_by = set->decide(view.view, view.answer);
  }
  Nanoseconds now{5'000};
  AnsweredBy answered_by = AnsweredBy::policy;
};

TEST_F(LateTest, WithinTheSoftLimitNothingIsCounted) {
  decide_taking(100);
  EXPECT_EQ(answered_by, AnsweredBy::policy);
  EXPECT_EQ(set->faults().total(), 0u);
}

TEST_F(LateTest, BeyondTheSoftLimitTheAnswerCountsAsSlowAndIsUsed) {
  decide_taking(1000);
  EXPECT_EQ(answered_by, AnsweredBy::policy);
  EXPECT_EQ(view.lease(1).usable[0].words[0], 0xffu);
  expect_only(PolicyKind::scheduler, FaultReason::slow);
}

TEST_F(LateTest, BeyondTheHardLimitTheFallbackDecides) {
  decide_taking(1001);
  EXPECT_EQ(answered_by, AnsweredBy::fallback);
  expect_preset(1);
  expect_only(PolicyKind::scheduler, FaultReason::too_late);
  EXPECT_EQ(set->fallbacks(PolicyKind::scheduler), 1u);
}

TEST_F(LateTest, HoldsForEveryKind) {
  script.predict = [this](const lithos_predict_query*, lithos_prediction*) {
    return now += Nanoseconds{2000}, LITHOS_OK;
  };
  script.choose = [this](const lithos_size_query*, lithos_size*) { return now += Nanoseconds{2000}, LITHOS_OK; };
  script.plan = [this](const lithos_power_sample*, lithos_clock_request* out) {
    out->clock_mhz = 1000;
    now += Nanoseconds{2000};
    return LITHOS_OK;
  };
  set = make_set(all_tables(), clocked());
  lithos_predict_query query{};
  query.tpcs = 1;
  EXPECT_EQ(set->predict(query).p50_ns, 100'000u);
  lithos_size_query size{};
  size.tpcs = 8;
  size.op.blocks = size.op.blocks_per_tpc = 1;
  EXPECT_EQ(set->choose(size).tpcs, 1u);
  EXPECT_EQ(set->plan({}).clock_mhz, 1980u);
  for (const PolicyKind kind : {PolicyKind::predictor, PolicyKind::right_sizer, PolicyKind::dvfs})
    EXPECT_EQ(set->faults().of(kind, FaultReason::too_late), 1u) << name_of(kind);
}

TEST_F(LateTest, WithoutAClockNothingIsLate) {
  script.decide = [this](const lithos_sched_view*, lithos_sched_answer*) {
    return now += Nanoseconds{1'000'000'000}, LITHOS_OK;
  };
  set = make_set(all_tables());
  EXPECT_EQ(set->decide(view.view, view.answer), AnsweredBy::policy);
  EXPECT_EQ(set->faults().total(), 0u);
}

}  // namespace
}  // namespace lithos
