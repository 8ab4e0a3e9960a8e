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
