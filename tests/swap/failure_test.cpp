// SPDX-License-Identifier: Apache-2.0
// A failure at each step of a swap, and of applying a configuration, leaves the old policies in force and says so.
#include "swap/support.hpp"

namespace lithos::testing {
namespace {

class Failure : public DaemonTest, public ::testing::WithParamInterface<ChangeStep> {
 protected:
  void start_with_injection(const std::string& text = config_text()) {
    options.policies.inject = [this](ChangeStep step) {
      return armed && step == GetParam() ? internal_error("injected at " + std::string(name_of(step))) : Status{};
    };
    DaemonTest::start(text);
  }
  std::atomic<bool> armed = false;
};

class FailureOfASwap : public Failure {};

TEST_P(FailureOfASwap, LeavesTheOldOneInForce) {
  start_with_injection();
  Process a = tenant("a"), b = tenant("b");
  ASSERT_TRUE(works("a") && works("b"));
  armed = true;
  const Result<Json> done = swap_to(fixture("good_v1"));
  armed = false;
  ASSERT_FALSE(done.ok());
  EXPECT_NE(done.status().message().find("injected at"), std::string::npos);
  EXPECT_NE(done.status().message().find("stay in force"), std::string::npos);
  EXPECT_EQ(in_force("scheduler"), "org.lithos.scheduler.tpc_borrowing");
  EXPECT_EQ(mapped("good_v1"), 0u) << "nothing of it stays behind";
  EXPECT_TRUE(swap_to(fixture("good_v1")).ok()) << "and the next one works";
  EXPECT_EQ(in_force("scheduler"), "org.test.good");
  finish(a);
  finish(b);
}

INSTANTIATE_TEST_SUITE_P(AtEachStep, FailureOfASwap,
                         ::testing::Values(ChangeStep::resolve, ChangeStep::verify, ChangeStep::load,
                                           ChangeStep::create, ChangeStep::commit, ChangeStep::replay,
                                           ChangeStep::persist),
                         [](const ::testing::TestParamInfo<ChangeStep>& at) { return std::string(name_of(at.param)); });

// A configuration that does everything at once: another right-sizer (an exchange), a live parameter of the scheduler, and
// a quota. "good" answers with an error at level 9, so that it shows whether the parameter is in force.
class FailureOfApply : public Failure {
 protected:
  std::string with(int level, const std::string& right_sizer, int quota_of_b) const {
    std::string text =
        config_text("scheduler = { policy = \"org.test.good\", path = \"" + fixture("good_v1") +
                    "\", params = { level = " + std::to_string(level) + " } }\nright_sizer = \"" + right_sizer + "\"");
    const std::string b = "class = \"best_effort\"\n";
    return text.replace(text.find(b), b.size(), "class = \"throughput\"\nquota = " + std::to_string(quota_of_b) + "\n");
  }
  std::int64_t faults() { return number("scheduler", "faults"); }
  std::int64_t number(const std::string& kind, const std::string& what) {
    const Result<Json> status = admin->ask("status");
    for (const Json& one : *status.value()["policies"]["policies"].items())
      if (one.text_of("kind") == kind) return one.integer_of(what);
    return -1;
  }
  bool decides_again(std::int64_t times = 5) {
    const std::int64_t before = admin->ask("status").value().integer_of("decisions");
    return eventually([&] { return admin->ask("status").value().integer_of("decisions") >= before + times; });
  }
  std::int64_t quota_of(const std::string& name) {
    const Result<Json> tenants = admin->ask("tenants");
    for (const Json& one : *tenants.value().items())
      if (one.text_of("name") == name) return one.integer_of("quota_tpcs");
    return -1;
  }
};

TEST_P(FailureOfApply, LeavesTheOldConfigurationInForce) {
  options.policies.strikes = 1'000'000;  // the guard does not mix in
  start_with_injection(with(1, "none", 7));
  Process a = tenant("a");
  ASSERT_TRUE(works("a"));
  const std::string before = folder.read("state/last-good.toml");
  Json where = Json::object();
  where.set("path", folder.write("next.toml", with(9, "amdahl", 11)));
  const std::string plan = admin->ask("config.plan", where).value().dump();
  armed = true;
  const Result<Json> done = admin->ask("config.apply", where);
  armed = false;
  ASSERT_FALSE(done.ok());
  EXPECT_NE(done.status().message().find("injected at"), std::string::npos) << done.status().message();
  EXPECT_NE(done.status().message().find("stay in force"), std::string::npos);
  EXPECT_EQ(in_force("scheduler"), "org.test.good");
  EXPECT_EQ(in_force("right_sizer"), "org.lithos.right_sizer.none");
  EXPECT_EQ(folder.read("state/last-good.toml"), before);
  EXPECT_EQ(admin->ask("config.plan", where).value().dump(), plan) << "all of it is still to do";
  const std::int64_t faults_then = faults();
  ASSERT_TRUE(decides_again());
  EXPECT_EQ(faults(), faults_then) << "level 9 is not in force";
  Process b = tenant("b");
  ASSERT_TRUE(works("b"));
  EXPECT_EQ(quota_of("b"), 7);
  finish(b);

  ASSERT_TRUE(admin->ask("config.apply", where).ok()) << "and the next one works";
  EXPECT_EQ(in_force("right_sizer"), "org.lithos.right_sizer.amdahl");
  ASSERT_TRUE(decides_again());
  EXPECT_GT(faults(), faults_then);
  EXPECT_TRUE(eventually([&] { return quota_of("b") == -1; }));
  b = tenant("b");
  ASSERT_TRUE(works("b"));
  EXPECT_EQ(quota_of("b"), 11);
  finish(a);
  finish(b);
}

INSTANTIATE_TEST_SUITE_P(AtEachStep, FailureOfApply,
                         ::testing::Values(ChangeStep::resolve, ChangeStep::verify, ChangeStep::load,
                                           ChangeStep::create, ChangeStep::commit, ChangeStep::replay,
                                           ChangeStep::parameters, ChangeStep::tenants, ChangeStep::persist),
                         [](const ::testing::TestParamInfo<ChangeStep>& at) { return std::string(name_of(at.param)); });

}  // namespace
}  // namespace lithos::testing
