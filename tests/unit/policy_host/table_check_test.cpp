// SPDX-License-Identifier: Apache-2.0
#include "policy_host/policy_table_check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "test_policies.hpp"

namespace lithos {
namespace {

using namespace test;

// The message about a scheduler table after `change`; empty: it passes.
std::string complaint(const std::function<void(lithos_policy&)>& change) {
  lithos_policy policy = kScheduler;
  change(policy);
  return check_policy(&policy).message();
}

std::string param_complaint(const std::function<void(lithos_param&)>& change) {
  lithos_param param = kSlice;
  change(param);
  const lithos_param* table[] = {&param};
  return check_params("policy x.y", table, 1).message();
}

TEST(TableCheck, AGoodTablePasses) {
  for (const lithos_policy* policy : {&kScheduler, &kPredictor, &kRightSizer, &kDvfs})
    EXPECT_EQ(check_policy(policy).message(), "");
}

TEST(TableCheck, NamesWhatIsWrongWithAPolicy) {
  EXPECT_EQ(check_policy(nullptr).message(), "a policy's table is NULL");
  EXPECT_EQ(complaint([](auto& p) { p.struct_size = 8; }),
            "a policy has struct_size 8, expected at least " + std::to_string(sizeof(lithos_policy)));
  EXPECT_EQ(complaint([](auto& p) { p.id = nullptr; }), "a policy has no id");
  EXPECT_EQ(complaint([](auto& p) { p.kind = 9; }),
            "policy org.lithos.test.scheduler has kind 9, expected 1 (scheduler) … 4 (dvfs)");
  EXPECT_EQ(complaint([](auto& p) { p.create = nullptr; }),
            "policy org.lithos.test.scheduler: mandatory operation create is NULL");
  EXPECT_EQ(complaint([](auto& p) { p.destroy = nullptr; }),
            "policy org.lithos.test.scheduler: mandatory operation destroy is NULL");
  EXPECT_EQ(complaint([](auto& p) { p.ops = nullptr; }),
            "policy org.lithos.test.scheduler has no operations table (ops is NULL)");
  EXPECT_EQ(complaint([](auto& p) { p.set_param = nullptr; }),
            "policy org.lithos.test.scheduler declares live parameters but its set_param is NULL");
  EXPECT_EQ(complaint([](auto& p) { p.params = nullptr; }),
            "policy org.lithos.test.scheduler declares parameters but its table is NULL");
  EXPECT_EQ(complaint([](auto& p) { p.n_params = 100'000; }),
            "policy org.lithos.test.scheduler declares 100000 parameters, expected at most 256");
  EXPECT_EQ(complaint([](auto& p) { p.metrics = nullptr; }),
            "policy org.lithos.test.scheduler declares metrics but its table is NULL");
}

TEST(TableCheck, MandatoryOperationsOfEveryKind) {
  const auto without = [](const lithos_policy& policy, const auto& ops) {
    lithos_policy copy = policy;
    copy.ops = &ops;
    return check_policy(&copy).message();
  };
  EXPECT_THAT(without(kScheduler, lithos_scheduler_ops{sizeof(lithos_scheduler_ops), 0, nullptr, nullptr}),
              testing::EndsWith("mandatory operation decide is NULL"));
  EXPECT_THAT(without(kPredictor, lithos_predictor_ops{sizeof(lithos_predictor_ops), 0, nullptr, nullptr}),
              testing::EndsWith("mandatory operation predict is NULL"));
  EXPECT_THAT(without(kRightSizer, lithos_right_sizer_ops{sizeof(lithos_right_sizer_ops), 0, nullptr, nullptr}),
              testing::EndsWith("mandatory operation choose is NULL"));
  EXPECT_THAT(without(kDvfs, lithos_dvfs_ops{sizeof(lithos_dvfs_ops), 0, nullptr}),
              testing::EndsWith("mandatory operation plan is NULL"));
  EXPECT_THAT(without(kScheduler, lithos_scheduler_ops{4, 0, &on_decide, nullptr}),
              testing::HasSubstr("operations table has struct_size 4, expected at least"));
}

TEST(TableCheck, OptionalOperationsMayBeMissing) {
  const lithos_scheduler_ops ops{sizeof(lithos_scheduler_ops), 0, &on_decide, nullptr};
  EXPECT_EQ(complaint([&](auto& p) { p.ops = &ops; }), "");
}

TEST(TableCheck, NamesWhatIsWrongWithAParameter) {
  EXPECT_EQ(param_complaint([](auto&) {}), "");
  EXPECT_EQ(param_complaint([](auto& p) { p.key = "Bad Key"; }),
            "policy x.y: parameter 0 has no key in lower_snake_case");
  EXPECT_EQ(param_complaint([](auto& p) { p.type = 99; }), "policy x.y: parameter \"slice\" has unknown type 99");
  EXPECT_EQ(param_complaint([](auto& p) { p.def.as.i64 = 1; }),
            "policy x.y: parameter \"slice\" has default 1 outside its range 20000 … 5000000");
  EXPECT_EQ(param_complaint([](auto& p) { p.min.as.i64 = 6'000'000; }),
            "policy x.y: parameter \"slice\" has min 6000000 above max 5000000");
  EXPECT_EQ(param_complaint([](auto& p) { p.max.type = LITHOS_TYPE_F64; }),
            "policy x.y: parameter \"slice\" has a default, min or max of another type");
  EXPECT_EQ(param_complaint([](auto& p) { p.struct_size = 3; }),
            "policy x.y: parameter 0 has struct_size 3, expected at least " + std::to_string(sizeof(lithos_param)));
  const auto real = [](double def, double min, double max) {
    return param_complaint([=](lithos_param& p) {
      p.type = LITHOS_TYPE_F64;
      p.def = f64(def), p.min = f64(min), p.max = f64(max);
    });
  };
  EXPECT_EQ(real(0.5, 0, 1), "");
  EXPECT_EQ(real(2, 0, 1), "policy x.y: parameter \"slice\" has default 2 outside its range 0 … 1");
  EXPECT_EQ(real(0.5, 1, 0), "policy x.y: parameter \"slice\" has min 1 above max 0");
  EXPECT_EQ(real(std::numeric_limits<double>::quiet_NaN(), 0, 1),
            "policy x.y: parameter \"slice\" has NaN in its range");
}

TEST(TableCheck, EnumsNeedChoicesAndADefaultAmongThem) {
  static constexpr const char* kTwoModes[] = {"fair", "strict", nullptr};
  const auto mode = [](std::int64_t def, const char* const* choices) {
    return param_complaint([=](lithos_param& p) {
      p.type = LITHOS_TYPE_ENUM;
      p.def = i64(def, LITHOS_TYPE_ENUM);
      p.choices = choices;
    });
  };
  EXPECT_EQ(mode(1, kTwoModes), "");
  EXPECT_EQ(mode(2, kTwoModes), "policy x.y: parameter \"slice\" has default index 2, expected 0 … 1");
  EXPECT_EQ(mode(0, nullptr), "policy x.y: parameter \"slice\" is an enum without choices");
}

TEST(TableCheck, KeysAndIdsAreUnique) {
  lithos_param same_key = kPicks, same_id = kPicks;
  same_key.key = "slice";
  same_id.id = 1;
  const lithos_param* keys[] = {&kSlice, &same_key};
  EXPECT_EQ(check_params("policy x.y", keys, 2).message(), "policy x.y declares parameter \"slice\" twice");
  const lithos_param* ids[] = {&kSlice, &same_id};
  EXPECT_EQ(check_params("policy x.y", ids, 2).message(),
            "policy x.y: parameter \"picks\" has id 1, which another one has too");
  const lithos_metric* metrics[] = {&kAsked, &kAsked};
  EXPECT_EQ(check_metrics("policy x.y", metrics, 2).message(), "policy x.y declares metric \"asked_total\" twice");
}

TEST(TableCheck, ALibraryOfAnotherVersionIsIncompatible) {
  const lithos_policy* policies[] = {&kScheduler};
  lithos_policy_library library{sizeof(lithos_policy_library), 1, 0, 1, policies, "1.0.0"};
  EXPECT_TRUE(check_policy_library(&library).ok());
  library.abi_minor = 7;
  EXPECT_EQ(check_policy_library(&library).code(), StatusCode::incompatible);
  EXPECT_EQ(check_policy_library(&library).message(),
            "built for policy ABI 1.7, this host speaks 1.2: it needs a newer LithOS");
  library.abi_minor = 0;
  library.n_policies = 0;
  EXPECT_EQ(check_policy_library(&library).message(), "the library holds 0 policies, expected 1 … 256");
  const lithos_policy* twice[] = {&kScheduler, &kScheduler};
  library = {sizeof(lithos_policy_library), 1, 0, 2, twice, "1.0.0"};
  EXPECT_EQ(check_policy_library(&library).message(), "the library holds policy org.lithos.test.scheduler twice");
  EXPECT_FALSE(check_policy_library(nullptr).ok());
}

}  // namespace
}  // namespace lithos
