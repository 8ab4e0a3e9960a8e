// SPDX-License-Identifier: Apache-2.0
// Creation, parameters, metrics and descriptions of a policy set. What the guard does to bad answers: guard_test.cpp.
#include "policy_host/policy_set.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "policy_host/catalog.hpp"
#include "test_policies.hpp"

namespace lithos {
namespace {

using namespace test;
using testing::HasSubstr;

class PolicySetTest : public testing::Test {
 protected:
  PolicySetTest() { script = {}; }
};

TEST_F(PolicySetTest, CreatesAndDestroysEachInstanceOnce) {
  {
    const auto set = make_set(all_tables());
    EXPECT_EQ(script.alive, 4);
  }
  EXPECT_EQ(script.alive, 0);
}

TEST_F(PolicySetTest, ARefusedCreationSaysWhyAndLeavesNothingBehind) {
  script.create = [] {
    script.host->fail(script.host, "needs 16 TPCs");
    return lithos_status{LITHOS_E_UNSUPPORTED};
  };
  const auto made = PolicySet::from_tables({&kScheduler, nullptr, nullptr, nullptr}, small_gpu());
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.status().message(), "policy org.lithos.test.scheduler refused to start (status -3): needs 16 TPCs");
  EXPECT_EQ(script.alive, 0);
}

TEST_F(PolicySetTest, AThrowingCreationIsARefusal) {
  script.create = []() -> lithos_status { throw std::runtime_error("boom"); };
  EXPECT_FALSE(PolicySet::from_tables({&kScheduler, nullptr, nullptr, nullptr}, small_gpu()).ok());
}

TEST_F(PolicySetTest, ATableInTheWrongRoleIsRefused) {
  const auto made = PolicySet::from_tables({&kPredictor, nullptr, nullptr, nullptr}, small_gpu());
  ASSERT_FALSE(made.ok());
  EXPECT_THAT(made.status().message(), HasSubstr("expected a scheduler"));
}

TEST_F(PolicySetTest, AGpuWithoutTpcsIsRefused) {
  lithos_gpu_info gpu = small_gpu();
  gpu.tpcs = 0;
  EXPECT_FALSE(PolicySet::from_tables({}, gpu).ok());
  gpu.tpcs = LITHOS_TPCS_MAX + 1;
  EXPECT_FALSE(PolicySet::from_tables({}, gpu).ok());
}

TEST_F(PolicySetTest, PassesQuestionsAndAnswersThrough) {
  script.decide = [](const lithos_sched_view* view, lithos_sched_answer* answer) {
    EXPECT_EQ(answer->tenants, 2u);
    lease_of(answer, 1).usable[LITHOS_PRESSURE_IDLE] = bits(0xff);
    lease_of(answer, 1).atom_ns = 250'000;
    lease_of(answer, 1).outstanding_limit_ns = std::numeric_limits<std::uint64_t>::max();  // no limit is a fair wish
    lease_of(answer, 1).flags = LITHOS_LEASE_LOW_PRIORITY | LITHOS_LEASE_HOLD | LITHOS_LEASE_UNMASKED;
    answer->next_decision_ns = view->now_ns + 1;
    return LITHOS_OK;
  };
  const auto set = make_set(all_tables());
  SmallView view;
  EXPECT_EQ(set->decide(view.view, view.answer), AnsweredBy::policy);
  EXPECT_EQ(view.lease(0).usable[0].words[0], 0x0fu);  // untouched: preset
  EXPECT_EQ(view.lease(1).usable[0].words[0], 0xffu);
  EXPECT_EQ(view.lease(1).usable[2].words[0], 0xf0u);
  EXPECT_EQ(view.lease(1).atom_ns, 250'000u);
  EXPECT_EQ(view.answer.next_decision_ns, 1'000'001u);
  EXPECT_TRUE(view.padding_untouched());

  EXPECT_EQ(set->predict({}).p99_ns, 20u);
  EXPECT_EQ(set->faults().total(), 0u);
  EXPECT_EQ(set->calls(PolicyKind::scheduler), 1u);
  EXPECT_EQ(set->calls(PolicyKind::predictor), 1u);
  EXPECT_EQ(set->fallbacks(PolicyKind::predictor), 0u);
}

TEST_F(PolicySetTest, ObservationsReachPredictorAndRightSizer) {
  int seen = 0;
  script.observe = [&](const lithos_observation* o) { seen += o->duration_ns == 5 ? 1 : 0; };
  const auto set = make_set(all_tables());
  lithos_observation observation{};
  observation.duration_ns = 5;
  set->observe(observation);
  EXPECT_EQ(seen, 2);
}

TEST_F(PolicySetTest, TenantLeftReachesTheScheduler) {
  std::uint64_t left = 0;
  script.tenant_left = [&](std::uint64_t id) { left = id; };
  const auto set = make_set(all_tables());
  set->tenant_left(42);
  EXPECT_EQ(left, 42u);
  make_set({})->tenant_left(42);  // the built-in scheduler has no such operation
}

TEST_F(PolicySetTest, DescribesWhatAnswers) {
  const auto set = make_set({&kScheduler, nullptr, nullptr, nullptr});
  const PolicyDescription scheduler = set->description(PolicyKind::scheduler);
  EXPECT_EQ(scheduler.id, "org.lithos.test.scheduler");
  EXPECT_EQ(scheduler.version, "1.0.0");
  EXPECT_TRUE(scheduler.path.empty());
  EXPECT_EQ(set->description(PolicyKind::dvfs).id, "builtin.dvfs");
  EXPECT_EQ(set->slip(), 1.1);
}

TEST_F(PolicySetTest, MetricsAddOrSetAndIgnoreNonsense) {
  const auto set = make_set({&kScheduler, nullptr, nullptr, nullptr});
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double value : {2.0, 3.0, -7.0, nan}) script.host->metric(script.host, 0, value);
  for (const double value : {2.0, 3.0, nan}) script.host->metric(script.host, 1, value);
  script.host->metric(script.host, 99, 1);
  const std::vector<MetricReading> metrics = set->metrics();
  ASSERT_EQ(metrics.size(), 2u);
  EXPECT_EQ(metrics[0].name, "asked_total");
  EXPECT_TRUE(metrics[0].counter);
  EXPECT_EQ(metrics[0].value, 5.0);  // a counter never falls
  EXPECT_EQ(metrics[1].value, 3.0);
}

TEST_F(PolicySetTest, LogLinesAreBounded) {
  int lines = 0;
  GuardOptions guard;
  guard.log = [&](PolicyKind kind, int, const std::string&) { lines += kind == PolicyKind::scheduler ? 1 : 0; };
  const auto set = make_set({&kScheduler, nullptr, nullptr, nullptr}, guard);
  for (int i = 0; i < 5000; ++i) script.host->log(script.host, LITHOS_LOG_INFO, "again");
  EXPECT_EQ(lines, 1000);
}

TEST_F(PolicySetTest, LiveParametersChangeWhileRunningOthersDoNot) {
  std::int64_t slice = 0;
  script.set_param = [&](std::uint32_t id, const lithos_value* value) {
    EXPECT_EQ(id, 1u);
    slice = value->as.i64;
    return LITHOS_OK;
  };
  const auto set = make_set(all_tables());
  EXPECT_TRUE(set->set_param(PolicyKind::scheduler, "slice", {std::string("1ms"), {}}).ok());
  EXPECT_EQ(slice, 1'000'000);
  const Status fixed = set->set_param(PolicyKind::scheduler, "picks", {std::int64_t{8}, {}});
  EXPECT_EQ(fixed.message(), "scheduler.params.picks cannot be changed while running");
  EXPECT_FALSE(set->set_param(PolicyKind::scheduler, "slice", {std::string("9s"), {}}).ok());
  EXPECT_FALSE(set->set_param(PolicyKind::scheduler, "nothing", {true, {}}).ok());
  EXPECT_EQ(slice, 1'000'000);
  EXPECT_EQ(set->faults().total(), 0u);
}

TEST_F(PolicySetTest, ARefusedLiveParameterIsCounted) {
  script.set_param = [](std::uint32_t, const lithos_value*) { return lithos_status{LITHOS_E_INVALID}; };
  const auto set = make_set(all_tables());
  EXPECT_FALSE(set->set_param(PolicyKind::scheduler, "slice", {std::string("1ms"), {}}).ok());
  EXPECT_EQ(set->faults().of(PolicyKind::scheduler, FaultReason::error_status), 1u);
}

TEST_F(PolicySetTest, ConfigurationMistakesAreAllReportedAndNothingStarts) {
  PolicyCatalog catalog({});
  PolicySetConfig config;
  config.scheduler.id = "no_such_thing";
  config.scheduler.where = {"demo.toml", 3, 1};
  config.dvfs.params["slice"] = {true, {"demo.toml", 9, 1}};
  const CreatedPolicySet made = PolicySet::create(config, catalog, small_gpu());
  EXPECT_EQ(made.set, nullptr);
  ASSERT_EQ(made.diagnostics.size(), 2u);
  EXPECT_THAT(to_string(made.diagnostics[0]),
              HasSubstr("demo.toml:3:1: scheduler: no scheduler policy is called \"no_such_thing\""));
  EXPECT_THAT(to_string(made.diagnostics[1]), HasSubstr("demo.toml:9:1: dvfs.params.slice: this policy has no"));
  EXPECT_EQ(PolicySet::check(config, catalog).size(), 2u);
}

TEST_F(PolicySetTest, BuiltinsAreNamedOrImplied) {
  PolicyCatalog catalog({});
  PolicySetConfig config;
  config.name = "plain";
  config.slip = 1.3;
  config.scheduler.id = "builtin.scheduler";
  const CreatedPolicySet made = PolicySet::create(config, catalog, small_gpu());
  ASSERT_NE(made.set, nullptr);
  EXPECT_EQ(made.set->name(), "plain");
  EXPECT_EQ(made.set->slip(), 1.3);
  for (const PolicyKind kind : kAllPolicyKinds)
    EXPECT_EQ(made.set->description(kind).id, std::string("builtin.") + name_of(kind));

  config.dvfs.id = "builtin.predictor";
  EXPECT_THAT(PolicySet::create(config, catalog, small_gpu()).diagnostics.at(0).message,
              HasSubstr("policy builtin.predictor is a predictor, expected a dvfs"));
}

}  // namespace
}  // namespace lithos
