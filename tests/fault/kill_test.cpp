// SPDX-License-Identifier: Apache-2.0
// SIGKILL at random moments under load. LITHOS_KILLS says how often.
#include <random>

#include "fault/support.hpp"

namespace lithos::testing {
namespace {

class Kill : public LithosdTest {
 protected:
  // Lets the tenants get somewhere between nothing and a little; the moment is random in the amount of work done, not
  // in time.
  void some_work(const std::string& name) {
    const std::int64_t wanted = atoms_of(name) + static_cast<std::int64_t>(random() % 200);
    ASSERT_TRUE(eventually([&] { return atoms_of(name) >= wanted; })) << lithosd.output();
  }
  std::mt19937 random{7};
};

TEST_F(Kill, TheDaemonAtRandomMomentsCostsNoBlock) {
  start();
  Process a = tenant("a"), b = tenant("b");
  ASSERT_TRUE(works("a") && works("b"));
  double longest_s = 0;
  const int wanted = kills_wanted(8);
  for (int i = 0; i < wanted; ++i) {
    some_work(i % 2 == 0 ? "a" : "b");
    const int victim = daemon_pid();
    ASSERT_NE(victim, 0);
    const Nanoseconds began = monotonic_now();
    ::kill(victim, SIGKILL);
    ASSERT_TRUE(eventually([&] {
      const int now = daemon_pid();
      return now != 0 && now != victim && atoms_of("a") > 0 && atoms_of("b") > 0;
    })) << lithosd.output();
    longest_s = std::max(longest_s, to_seconds(monotonic_now() - began));
  }
  std::printf("%d kills; from the kill until both tenants had work done again: at most %.2f s\n", wanted, longest_s);
  for (Process* one : {&a, &b}) {
    one->signal(SIGTERM);
    expect_exact(*one);
  }
}

TEST_F(Kill, TenantsAtRandomMomentsLeaveTheirSlotsAndHarmNobody) {
  start();
  Process a = tenant("a");
  ASSERT_TRUE(works("a"));
  const int wanted = kills_wanted(20);
  for (int i = 0; i < wanted; ++i) {
    Process victim = tenant("b");
    if (random() % 4 != 0) { ASSERT_TRUE(works("b", 1 + static_cast<std::int64_t>(random() % 60))); }
    victim.kill();
    ASSERT_TRUE(eventually([&] { return atoms_of("b") == -1; })) << "its slot is free";
  }
  const Result<Json> status = ask("status");
  EXPECT_EQ(status.value().integer_of("tenants"), 1);
  EXPECT_EQ(status.value().integer_of("bad_records"), 0);
  a.signal(SIGTERM);
  expect_exact(a);
}

TEST_F(Kill, ManyTenantsComeAndGo) {
  start();
  Process a = tenant("a");
  ASSERT_TRUE(works("a"));
  for (int round = 0; round < kills_wanted(3); ++round) {
    std::vector<Process> crowd;
    for (int i = 0; i < 8; ++i) crowd.push_back(tenant("b" + std::to_string(i), {"--requests", "2"}));
    // Names that the configuration does not know have no trace to replay: refused by the program, not the daemon.
    for (Process& one : crowd) (void)one.wait();
    std::vector<Process> borrowers;
    for (int i = 0; i < 4; ++i) borrowers.push_back(tenant("b", {"--requests", "2"}));
    int done = 0;
    for (Process& one : borrowers) done += one.wait() == 0 ? 1 : 0;
    EXPECT_GE(done, 1) << "one name, one tenant at a time";
  }
  ASSERT_TRUE(eventually([&] { return ask("status").value().integer_of("tenants") == 1; }));
  a.signal(SIGTERM);
  expect_exact(a);
}

}  // namespace
}  // namespace lithos::testing
