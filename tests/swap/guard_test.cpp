// SPDX-License-Identifier: Apache-2.0
// Policies that answer wrongly are contained in place: tenants keep their work, the operator sees why, the policy goes.
#include "swap/support.hpp"

namespace lithos::testing {
namespace {

class Guard : public DaemonTest {
 protected:
  void start_busy(const std::string& text = config_text()) {
    start(text);
    a = tenant("a");
    b = tenant("b");
    ASSERT_TRUE(works("a") && works("b"));
  }
  void finish_both() {
    finish(a);
    finish(b);
  }
  std::string last_event() {
    const Result<Json> status = admin->ask("status");
    return status.ok() ? status.value()["policies"].text_of("last_event") : "";
  }
  Process a, b;
};

class Contained : public Guard, public ::testing::WithParamInterface<const char*> {};

TEST_P(Contained, StrikesDuringProbationBringTheOldOneBack) {
  start_busy();
  ASSERT_TRUE(swap_to(fixture(GetParam())).ok());
  EXPECT_TRUE(eventually([&] { return in_force("scheduler") == "org.lithos.scheduler.tpc_borrowing"; }))
      << last_event();
  EXPECT_NE(last_event().find("rolled back"), std::string::npos) << last_event();
  EXPECT_NE(last_event().find(GetParam()), std::string::npos) << last_event();
  EXPECT_EQ(admin->ask("policy.exits").value().items()->size(), 1u);
  finish_both();
}

INSTANTIATE_TEST_SUITE_P(Schedulers, Contained, ::testing::Values("throws", "foreign_tpcs", "nonsense_rate"),
                         [](const ::testing::TestParamInfo<const char*>& at) { return std::string(at.param); });

// Nothing is wrong with each lease alone: the engine sees to it that owners keep what is theirs.
TEST_F(Guard, TheSameTpcsForEverybodyTakeNothingFromTheirOwner) {
  start_busy();
  ASSERT_TRUE(swap_to(fixture("duplicate_tpcs")).ok());
  for (const char* name : {"a", "b"}) {
    const std::int64_t before = atoms_of(name);
    EXPECT_TRUE(works(name, before + 50)) << name;
  }
  const Result<Json> tenants = admin->ask("tenants");
  for (const Json& one : *tenants.value().items()) {
    EXPECT_EQ(one.integer_of("own_tpcs"), one.text_of("name") == "a" ? 40 : 0);
    EXPECT_GE(one.integer_of("leased_tpcs"), one.integer_of("own_tpcs"));
  }
  EXPECT_EQ(in_force("scheduler"), "org.test.duplicate_tpcs") << "no fault: lending is what schedulers do";
  finish_both();
}

TEST_F(Guard, StrikesAfterProbationPutTheFallbackInForce) {
  options.policies.probation = Nanoseconds{1};
  start_busy();
  ASSERT_TRUE(swap_to(fixture("throws")).ok());
  EXPECT_TRUE(eventually([&] { return in_force("scheduler") != "org.test.throws"; }));
  EXPECT_EQ(in_force("scheduler"), "builtin.scheduler") << last_event();
  finish_both();
}

TEST_F(Guard, APredictorWithoutNumbersIsReplaced) {
  start_busy();
  ASSERT_TRUE(swap({change("predictor", "", fixture("nan"))}).ok());
  EXPECT_TRUE(eventually([&] { return in_force("predictor") != "org.test.nan"; }));
  EXPECT_NE(last_event().find("org.test.nan"), std::string::npos) << last_event();
  finish_both();
}

// One tenant alone: with two at work all the time nothing that is observed is clean, and nobody is judged by it.
class Quality : public Guard {
 protected:
  Quality() {
    options.policies.quality.window = Nanoseconds{50'000'000};
    options.policies.quality.least = 30;
    options.policies.quality.windows = 2;
  }
  void expect_said() {
    EXPECT_NE(last_event().find("org.test.bad_predictor"), std::string::npos) << last_event();
    EXPECT_NE(last_event().find("the built-in predictor by"), std::string::npos) << last_event();
    EXPECT_EQ(policies_number("quality_demotions"), 1);
    EXPECT_EQ(policies_number("demotions"), 1);
    const Result<Json> exits = admin->ask("policy.exits");
    ASSERT_EQ(exits.value().items()->size(), 1u);
    EXPECT_EQ(exits.value().items()->front().text_of("what"), "worse than the built-in");
    EXPECT_EQ(exits.value().items()->front().text_of("kind"), "predictor");
  }
};

TEST_F(Quality, APredictorAHundredTimesOffIsDemoted) {
  options.policies.probation = Nanoseconds{1};
  start(config_text("scheduler = \"tpc_borrowing\"\npredictor = { policy = \"org.test.bad_predictor\", path = \"" +
                    fixture("bad_predictor") + "\" }"));
  a = tenant("a");
  ASSERT_TRUE(works("a"));
  EXPECT_TRUE(eventually([&] { return in_force("predictor") == "builtin.predictor"; })) << last_event();
  expect_said();
  finish(a);
}

TEST_F(Quality, DuringProbationTheOldPredictorComesBack) {
  start(config_text("scheduler = \"tpc_borrowing\"\npredictor = \"operator_median\""));
  a = tenant("a");
  ASSERT_TRUE(works("a"));
  ASSERT_TRUE(swap({change("predictor", "", fixture("bad_predictor"))}).ok());
  EXPECT_TRUE(eventually([&] { return in_force("predictor") == "org.lithos.predictor.operator_median"; }))
      << last_event();
  expect_said();
  finish(a);
}

TEST_F(Guard, AThreadLeftBehindPinsItsLibraryAndIsSaid) {
  start_busy();
  ASSERT_TRUE(swap_to(fixture("leaks_thread")).ok());
  ASSERT_TRUE(admin->ask("policy.rollback").ok());
  EXPECT_EQ(policies_number("modules_pinned"), 1);
  EXPECT_GT(mapped("leaks_thread"), 0u) << "its code is still running";
  EXPECT_NE(last_event().find("left a thread"), std::string::npos);
  finish_both();
}

}  // namespace
}  // namespace lithos::testing
