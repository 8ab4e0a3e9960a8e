// SPDX-License-Identifier: Apache-2.0
// A failure at each step of a swap, and of applying a configuration, leaves the old policies in force and says so.
#include "swap/support.hpp"

namespace lithos::testing {
namespace {

class Failure : public DaemonTest, public ::testing::WithParamInterface<ChangeStep> {
 protected:
  void start_with_injection() {
    options.policies.inject = [this](ChangeStep step) {
      return armed && step == GetParam() ? internal_error("injected at " + std::string(name_of(step))) : Status{};
    };
    DaemonTest::start();
  }
  std::atomic<bool> armed = false;
};

TEST_P(Failure, OfASwapLeavesTheOldOneInForce) {
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

TEST_P(Failure, OfApplyLeavesTheOldConfigurationInForce) {
  start_with_injection();
  const std::string before = folder.read("state/last-good.toml");
  Json where = Json::object();
  where.set("path",
            folder.write("next.toml", config_text("scheduler = \"static_partition\"\nright_sizer = \"amdahl\"")));
  armed = true;
  const Result<Json> done = admin->ask("config.apply", where);
  armed = false;
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(in_force("scheduler"), "org.lithos.scheduler.tpc_borrowing");
  EXPECT_EQ(in_force("right_sizer"), "org.lithos.right_sizer.none");
  EXPECT_EQ(folder.read("state/last-good.toml"), before);
  EXPECT_TRUE(admin->ask("config.apply", where).ok());
  EXPECT_EQ(in_force("scheduler"), "org.lithos.scheduler.static_partition");
}

INSTANTIATE_TEST_SUITE_P(AtEachStep, Failure, ::testing::ValuesIn(kAllChangeSteps),
                         [](const ::testing::TestParamInfo<ChangeStep>& at) { return std::string(name_of(at.param)); });

}  // namespace
}  // namespace lithos::testing
