// SPDX-License-Identifier: Apache-2.0
// A policy that crashes or hangs ends the daemon; the next one is there within a second, without that policy, and
// says why. Tenants keep running and lose nothing.
#include "fault/support.hpp"

namespace lithos::testing {
namespace {

struct Case {
  const char* fixture;
  const char* what;  // in the exit record
};
void PrintTo(const Case& one, std::ostream* out) { *out << one.fixture; }

class Crash : public LithosdTest, public ::testing::WithParamInterface<Case> {};

TEST_P(Crash, QuarantinesThePolicyAndRestartsAtOnce) {
  start({"--hang-limit", "300ms"});
  Process a = tenant("a"), b = tenant("b");
  ASSERT_TRUE(works("a") && works("b"));
  const int first = daemon_pid();
  (void)swap_to(fixture(GetParam().fixture));  // the answer may not come
  int second = 0;
  ASSERT_TRUE(eventually([&] { return (second = daemon_pid()) != 0 && second != first; })) << lithosd.output();
  EXPECT_EQ(in_force("scheduler").find("org.test."), std::string::npos) << "the culprit is not in force";
  const Result<Json> quarantined = ask("policy.quarantine");
  ASSERT_TRUE(quarantined.ok());
  ASSERT_EQ(quarantined.value().items()->size(), 1u) << lithosd.output();
  EXPECT_EQ(quarantined.value().items()->front().text_of("policy"), std::string("org.test.") + GetParam().fixture);

  const Result<Json> exits = ask("policy.exits");
  ASSERT_TRUE(exits.ok());
  ASSERT_FALSE(exits.value().items()->empty());
  const Json& record = exits.value().items()->back();
  EXPECT_EQ(record.text_of("what"), GetParam().what);
  EXPECT_EQ(record.text_of("kind"), "scheduler");
  EXPECT_FALSE(record["last_decisions"].items()->empty());

  const Result<Json> again = swap_to(fixture(GetParam().fixture));
  ASSERT_FALSE(again.ok());
  EXPECT_NE(again.status().message().find("quarantined"), std::string::npos);

  ASSERT_TRUE(works("a") && works("b")) << "both are attached again";
  for (Process* one : {&a, &b}) {
    one->signal(SIGTERM);
    expect_exact(*one);
  }
}

INSTANTIATE_TEST_SUITE_P(Policies, Crash,
                         ::testing::Values(Case{"segfaults", "crash"}, Case{"aborts", "crash"}, Case{"loops", "hang"},
                                           Case{"hangs_in_libc", "hang"}, Case{"crashes_in_create", "crash"}),
                         [](const ::testing::TestParamInfo<Case>& at) { return std::string(at.param.fixture); });

TEST_F(LithosdTest, AfterACrashThePoliciesSwappedSinceAreBack) {
  start();
  ASSERT_TRUE(swap_to(fixture("good_v2")).ok());
  const int first = daemon_pid();
  ::kill(first, SIGKILL);
  int second = 0;
  ASSERT_TRUE(eventually([&] { return (second = daemon_pid()) != 0 && second != first; }));
  EXPECT_EQ(in_force("scheduler"), "org.test.good") << "killed from outside: nobody is to blame";
  EXPECT_EQ(ask("policy.quarantine").value().items()->size(), 0u);
}

TEST_F(LithosdTest, AReleasedPolicyMayComeBack) {
  start({"--hang-limit", "300ms"});
  Process a = tenant("a");
  ASSERT_TRUE(works("a"));
  const int first = daemon_pid();
  (void)swap_to(fixture("aborts"));
  int second = 0;
  ASSERT_TRUE(eventually([&] { return (second = daemon_pid()) != 0 && second != first; }));
  Json which = Json::object();
  which.set("which", "org.test.aborts");
  EXPECT_TRUE(ask("policy.release", which).ok());
  EXPECT_EQ(ask("policy.quarantine").value().items()->size(), 0u);
  EXPECT_FALSE(ask("policy.release", which).ok());
  a.signal(SIGTERM);
  expect_exact(a);
}

}  // namespace
}  // namespace lithos::testing
