// SPDX-License-Identifier: Apache-2.0
// Finding policies by name, and whole sets of loaded policies: parameters from TOML values, faults across the boundary.
#include "policy_host/catalog.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "policy_host/policy_set.hpp"

namespace lithos {
namespace {

using testing::HasSubstr;

lithos_gpu_info gpu() {
  static constexpr std::uint32_t kClocks[] = {1980, 1000};
  return {sizeof(lithos_gpu_info), 8, 2, 1, nullptr, 1, kClocks, 2, 0};
}

bool maps_contain(const std::string& text) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);)
    if (line.find(text) != std::string::npos) return true;
  return false;
}

std::string find_error(PolicyCatalog& catalog, PolicyKind kind, const std::string& id, const std::string& path = {}) {
  const Result<FoundPolicy> found = catalog.find(kind, id, path);
  return found.ok() ? "found " + std::string(found.value().policy->id) : found.status().message();
}

TEST(CatalogTest, FindsByIdAndByItsLastPart) {
  PolicyCatalog catalog({"/no/such/folder", MODULES});
  EXPECT_EQ(find_error(catalog, PolicyKind::scheduler, "org.lithos.test.plain_c"), "found org.lithos.test.plain_c");
  EXPECT_EQ(find_error(catalog, PolicyKind::scheduler, "plain_c"), "found org.lithos.test.plain_c");
  EXPECT_EQ(find_error(catalog, PolicyKind::right_sizer, "sizer"), "found org.lithos.test.several.sizer");
  EXPECT_EQ(find_error(catalog, PolicyKind::scheduler, ""), "found builtin.scheduler");
  EXPECT_EQ(find_error(catalog, PolicyKind::scheduler, "builtin.scheduler"), "found builtin.scheduler");
  EXPECT_EQ(catalog.list().size(), 4u + 5u);
}

TEST(CatalogTest, SuggestsForUnknownNamesAndNamesTheWrongKind) {
  PolicyCatalog catalog({MODULES});
  EXPECT_THAT(find_error(catalog, PolicyKind::scheduler, "plane_c"),
              HasSubstr("no scheduler policy is called \"plane_c\"; did you mean \"plain_c\"?"));
  EXPECT_THAT(find_error(catalog, PolicyKind::scheduler, "org.lithos.test.plain_d"),
              HasSubstr("did you mean \"org.lithos.test.plain_c\"?"));
  EXPECT_EQ(find_error(catalog, PolicyKind::dvfs, "plain_c"),
            "policy org.lithos.test.plain_c is a scheduler, expected a dvfs");
}

TEST(CatalogTest, AmbiguousShortNamesNeedTheWholeId) {
  PolicyCatalog catalog({MODULES, std::string(MODULES) + "/hermetic"});  // the same ids twice: the first folder's win
  EXPECT_EQ(find_error(catalog, PolicyKind::dvfs, "dvfs"), "found org.lithos.test.several.dvfs");
  EXPECT_EQ(catalog.problems().size(), 4u + 1u);  // four hidden ids, one library of plugins
}

TEST(CatalogTest, BrokenLibrariesStopNobodyAndAreTold) {
  PolicyCatalog catalog({BROKEN, MODULES});
  EXPECT_EQ(find_error(catalog, PolicyKind::scheduler, "plain_c"), "found org.lithos.test.plain_c");
  EXPECT_GE(catalog.problems().size(), 9u);
  EXPECT_THAT(find_error(catalog, PolicyKind::scheduler, "xyzzy"),
              HasSubstr("abi_other_major.so: built for policy ABI 2"));
}

TEST(CatalogTest, ExplicitPaths) {
  PolicyCatalog catalog({});
  const std::string several = std::string(MODULES) + "/abi_several.so";
  EXPECT_EQ(find_error(catalog, PolicyKind::dvfs, "", several), "found org.lithos.test.several.dvfs");
  EXPECT_EQ(find_error(catalog, PolicyKind::dvfs, "dvfs", several), "found org.lithos.test.several.dvfs");
  EXPECT_THAT(find_error(catalog, PolicyKind::dvfs, "plain_c", several),
              HasSubstr("abi_several.so: no dvfs policy is called \"plain_c\""));
  EXPECT_THAT(find_error(catalog, PolicyKind::dvfs, "", std::string(MODULES) + "/abi_plain_c.so"),
              HasSubstr("holds 0 policies of kind dvfs, expected one"));
  EXPECT_THAT(find_error(catalog, PolicyKind::dvfs, "", "/no/such.so"), HasSubstr("/no/such.so: No such file"));
}

// ---- whole sets ------------------------------------------------------------------------------------------------------

struct OneTenant {
  OneTenant() {
    tenant.tenant_id = 1;
    tenant.name = "be";
    tenant.tenant_class = LITHOS_CLASS_BEST_EFFORT;
    view.struct_size = sizeof view;
    view.now_ns = 10;
    view.tpcs = 8;
    view.tenants = 1;
    view.tenant_size = sizeof tenant;
    view.tenant = &tenant;
    view.unowned = {{0xf0, 0, 0, 0}};
    answer = {sizeof answer, 1, sizeof lease, &lease, 0};
  }
  lithos_tenant_view tenant{};
  lithos_sched_view view{};
  lithos_lease lease{};
  lithos_sched_answer answer{};
};

PolicySetConfig several(const char* fault) {
  PolicySetConfig config;
  config.scheduler.id = "org.lithos.test.several.scheduler";
  config.scheduler.params["fault"] = {std::string(fault), {"t.toml", 4, 9}};
  config.scheduler.params["note"] = {std::string("by order"), {"t.toml", 5, 9}};
  config.predictor.id = "predictor";
  config.right_sizer.id = "sizer";
  config.dvfs.id = "dvfs";
  return config;
}

TEST(LoadedSetTest, AllFourKindsFromOneLibrary) {
  PolicyCatalog catalog({MODULES});
  CreatedPolicySet made = PolicySet::create(several("none"), catalog, gpu());
  ASSERT_NE(made.set, nullptr) << to_string(made.diagnostics.at(0));
  OneTenant one;
  EXPECT_EQ(made.set->decide(one.view, one.answer), AnsweredBy::policy);
  EXPECT_EQ(one.lease.usable[0].words[0], 0xffu);
  lithos_observation seen{};
  seen.duration_ns = 33;
  made.set->observe(seen);
  EXPECT_EQ(made.set->predict({}).p99_ns, 66u);
  lithos_size_query size{};
  size.tpcs = 7;
  size.slip = 1.1;
  EXPECT_EQ(made.set->choose(size).tpcs, 4u);
  EXPECT_EQ(made.set->plan({}).clock_mhz, 1000u);
  EXPECT_EQ(made.set->faults().total(), 0u);
  EXPECT_THAT(made.set->description(PolicyKind::dvfs).path, HasSubstr("abi_several.so"));
  EXPECT_EQ(made.set->description(PolicyKind::dvfs).hash.size(), 16u);
}

TEST(LoadedSetTest, FaultsAcrossTheBoundaryAreContainedAndTold) {
  PolicyCatalog catalog({MODULES, std::string(MODULES) + "/hermetic"});
  CreatedPolicySet made = PolicySet::create(several("throws"), catalog, gpu());
  ASSERT_NE(made.set, nullptr);
  OneTenant one;
  EXPECT_EQ(made.set->decide(one.view, one.answer), AnsweredBy::fallback);
  EXPECT_EQ(one.lease.usable[0].words[0], 0xf0u);
  EXPECT_EQ(made.set->faults().of(PolicyKind::scheduler, FaultReason::exception), 1u);
  EXPECT_EQ(made.set->faults().last_message(PolicyKind::scheduler), "thrown: by order");

  ASSERT_TRUE(made.set->set_param(PolicyKind::scheduler, "fault", {std::string("error"), {}}).ok());
  EXPECT_EQ(made.set->decide(one.view, one.answer), AnsweredBy::fallback);
  EXPECT_EQ(made.set->faults().of(PolicyKind::scheduler, FaultReason::error_status), 1u);
  EXPECT_EQ(made.set->faults().last_message(PolicyKind::scheduler), "by order");

  ASSERT_TRUE(made.set->set_param(PolicyKind::scheduler, "fault", {std::string("garbage"), {}}).ok());
  EXPECT_EQ(made.set->decide(one.view, one.answer), AnsweredBy::policy);
  EXPECT_EQ(made.set->faults().of(PolicyKind::scheduler, FaultReason::bad_rate), 1u);
  EXPECT_EQ(one.lease.usable[0].words[0], 0xf0u);

  ASSERT_TRUE(made.set->set_param(PolicyKind::scheduler, "fault", {std::string("none"), {}}).ok());
  EXPECT_EQ(made.set->decide(one.view, one.answer), AnsweredBy::policy);
  EXPECT_EQ(one.lease.usable[0].words[0], 0xffu);
  EXPECT_EQ(made.set->faults().total(), 3u);
}

TEST(LoadedSetTest, MistakesInParametersAreAllReportedWithPlaces) {
  PolicyCatalog catalog({MODULES});
  PolicySetConfig config = several("thows");
  config.scheduler.params["note"].value = true;
  config.right_sizer.id = "sizzer";
  config.right_sizer.where = {"t.toml", 9, 1};
  const CreatedPolicySet made = PolicySet::create(config, catalog, gpu());
  EXPECT_EQ(made.set, nullptr);
  ASSERT_EQ(made.diagnostics.size(), 3u);
  EXPECT_EQ(to_string(made.diagnostics[0]),
            "t.toml:4:9: scheduler.params.fault = \"thows\": "
            "expected one of \"none\", \"throws\", \"error\", \"garbage\"; did you mean \"throws\"?");
  EXPECT_EQ(to_string(made.diagnostics[1]), "t.toml:5:9: scheduler.params.note = true: expected text");
  EXPECT_THAT(to_string(made.diagnostics[2]), HasSubstr("t.toml:9:1: right_sizer: no right_sizer policy"));
}

TEST(LoadedSetTest, ARefusalToStartCarriesThePolicysWords) {
  PolicyCatalog catalog({MODULES});
  PolicySetConfig config = several("none");
  config.scheduler.params["note"].value = std::string("refuse this");
  const CreatedPolicySet made = PolicySet::create(config, catalog, gpu());
  ASSERT_EQ(made.diagnostics.size(), 1u);
  EXPECT_EQ(made.diagnostics[0].message,
            "scheduler: policy org.lithos.test.several.scheduler refused to start (status -5): refused by note");
}

TEST(LoadedSetTest, ASetKeepsItsLibrariesAndNothingStaysAfterwards) {
  std::unique_ptr<PolicySet> set;
  {
    PolicyCatalog catalog({MODULES});
    CreatedPolicySet made = PolicySet::create(several("none"), catalog, gpu());
    set = std::move(made.set);
  }
  ASSERT_NE(set, nullptr);
  EXPECT_TRUE(maps_contain("abi_several-"));
  EXPECT_FALSE(maps_contain("abi_plain_c-"));
  OneTenant one;
  EXPECT_EQ(set->decide(one.view, one.answer), AnsweredBy::policy);
  set.reset();
  EXPECT_FALSE(maps_contain("abi_several-"));
}

TEST(LoadedSetTest, ThePolicyInPlainC) {
  PolicyCatalog catalog({MODULES});
  PolicySetConfig config;
  config.scheduler.id = "plain_c";
  config.scheduler.params["share"] = {0.5, {}};
  CreatedPolicySet made = PolicySet::create(config, catalog, gpu());
  ASSERT_NE(made.set, nullptr);
  OneTenant one;
  EXPECT_EQ(made.set->decide(one.view, one.answer), AnsweredBy::policy);
  EXPECT_EQ(one.lease.usable[0].words[0], 0xffu);  // unowned 4 … 7 by the preset, 0 … 3 lent
  EXPECT_EQ(one.lease.usable[2].words[0], 0xf0u);
  ASSERT_TRUE(made.set->set_param(PolicyKind::scheduler, "share", {0.25, {}}).ok());
  made.set->decide(one.view, one.answer);
  EXPECT_EQ(one.lease.usable[0].words[0], 0xf3u);
  made.set->tenant_left(1);
  ASSERT_EQ(made.set->metrics().size(), 1u);
  EXPECT_EQ(made.set->metrics()[0].value, 2.0);
}

}  // namespace
}  // namespace lithos
