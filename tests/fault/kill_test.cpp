// SPDX-License-Identifier: Apache-2.0
// SIGKILL at random moments under load, of the daemon and of tenants, and tenants that come and go in numbers. Short in
// CI; the long runs whose results are in docs/results/daemon:
//   LITHOS_KILLS=1000 LITHOS_RESULTS=docs/results/daemon fault_test --gtest_filter='Kill.*'
//   LITHOS_CHURN_SECONDS=300 LITHOS_CHURN_TENANTS=64 LITHOS_RESULTS=docs/results/daemon fault_test --gtest_filter='Churn.*'
#include <cstdio>
#include <map>
#include <random>

#include "fault/support.hpp"
#include "swap/measured.hpp"

namespace lithos::testing {
namespace {

constexpr double kBackLimit_s = 1;  // issue 5

unsigned seed_wanted() {
  const auto seed = static_cast<unsigned>(number_wanted("LITHOS_SEED", 7));
  std::printf("seed %u (LITHOS_SEED)\n", seed);
  return seed;
}

// Each tenant's blocks, as it told them at its end.
Json told(Process& tenant, const std::string& name) {
  const Result<Json> report = Json::parse(tenant.output());
  Json json = Json::object();
  json.set("tenant", name);
  for (const char* what : {"blocks_launched", "blocks_completed", "attached", "resubmitted"})
    json.set(what, report.value().integer_of(what));
  return json;
}

class Kill : public LithosdTest {
 protected:
  // Any moment of the next tens of milliseconds: tenants are in the middle of launching all the time.
  void until_a_random_moment() { std::this_thread::sleep_for(std::chrono::microseconds(random() % 30'000)); }

  // True: it is back, both tenants are attached, and each has had work done that it launched afterwards.
  bool is_back(int victim) {
    const int now = daemon_pid();
    return now != 0 && now != victim && atoms_of("a") > 0 && atoms_of("b") > 0;
  }
  void kill_daemon() {
    const int victim = daemon_pid();
    ASSERT_NE(victim, 0);
    until_a_random_moment();
    const Nanoseconds began = monotonic_now();
    ::kill(victim, SIGKILL);
    ASSERT_TRUE(eventually([&] { return is_back(victim); })) << lithosd.output();
    back_ms.push_back(to_us(monotonic_now() - began) / 1000);
    EXPECT_EQ(ask("status").value().text_of("last_daemon"), "was killed") << "not by its own watchdogs: " << ask("policy.exits").value().dump();
    expect_consistent();
  }
  void kill_tenant() {
    until_a_random_moment();
    const Nanoseconds began = monotonic_now();
    b.kill();
    ASSERT_TRUE(eventually([&] { return atoms_of("b") == -1; })) << "its slot is free";
    reclaimed_ms.push_back(to_us(monotonic_now() - began) / 1000);
    ASSERT_GT(atoms_of("a"), 0) << "the other one is still there";
    b = tenant("b", kForever);
    ASSERT_TRUE(works("b", 1)) << lithosd.output();
    expect_consistent();
  }
  void expect_consistent() {
    const Result<Json> status = ask("status");
    ASSERT_TRUE(status.ok());
    EXPECT_EQ(status.value().integer_of("tenants"), 2);
    EXPECT_EQ(status.value().integer_of("bad_records"), 0);
    EXPECT_EQ(status.value().integer_of("device_refused"), 0);
    EXPECT_EQ(status.value().integer_of("quarantined"), 0) << "nobody is to blame";
  }

  const std::vector<std::string> kForever{"--duration", "36000s"};
  std::mt19937 random{seed_wanted()};
  Process a, b;
  std::vector<double> back_ms, reclaimed_ms;
};

TEST_F(Kill, AtRandomMomentsCostsNoBlockOfASurvivor) {
  start();
  a = tenant("a", kForever);
  b = tenant("b", kForever);
  ASSERT_TRUE(works("a") && works("b"));
  const int wanted = number_wanted("LITHOS_KILLS", 16);
  for (int i = 0; i < wanted; ++i) {
    const bool of_daemon = random() % 2 == 0;
    of_daemon ? kill_daemon() : kill_tenant();
    if (HasFatalFailure()) return;
  }
  Json survivors = Json::array();
  for (const auto& [name, one] : {std::pair{"a", &a}, std::pair{"b", &b}}) {
    one->signal(SIGTERM);
    expect_exact(*one);
    survivors.add(told(*one, name));
  }
  Json measured = Json::object();
  measured.set("kills", wanted).set("daemon_back_and_both_tenants_served_ms", percentiles(back_ms));
  measured.set("slot_of_a_killed_tenant_free_ms", percentiles(reclaimed_ms));
  const auto late = std::count_if(back_ms.begin(), back_ms.end(), [](double ms) { return ms > 1000 * kBackLimit_s; });
  measured.set("daemon_back_later_than_1_s", static_cast<std::int64_t>(late)).set("survivors", survivors);
  std::printf("%s\n", measured.dump().c_str());
  write_results("kill", "LITHOS_KILLS=" + std::to_string(wanted) + " fault_test --gtest_filter='Kill.*'", measured);
}

// Nobody brings the daemon back: the supervisor stands still.
TEST_F(LithosdTest, ATenantWithoutADaemonEndsWhenItIsAsked) {
  start();
  Process a = tenant("a", {"--duration", "36000s"});
  ASSERT_TRUE(works("a"));
  lithosd.signal(SIGSTOP);
  ::kill(daemon_pid(), SIGKILL);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));  // it tries to attach again, every 5 ms
  const Nanoseconds asked = monotonic_now();
  a.signal(SIGTERM);
  const int code = a.wait();
  EXPECT_LT(to_seconds(monotonic_now() - asked), 4) << "two seconds for a daemon to come back";
  EXPECT_EQ(code, 1) << "what was in flight has not ended";
  EXPECT_NE(a.output().find("\"finished\": false"), std::string::npos) << a.output();
  lithosd.signal(SIGCONT);
}

// ---- in numbers --------------------------------------------------------------------------------------------

class Churn : public LithosdTest {
 protected:
  // "a", which stays, and best-effort tenants that come and go.
  static std::string crowd_text(int tenants) {
    std::string text = config_text();
    const std::size_t b = text.find("[[tenant]]\nname = \"b\""), end = text.find("[[set]]");
    const std::string one = text.substr(b, end - b);
    std::string crowd;
    for (int i = 0; i < tenants; ++i) {
      std::string next = one;
      crowd += next.replace(next.find("\"b\""), 3, "\"" + name_of(i) + "\"");
    }
    return text.replace(b, end - b, crowd);
  }
  static std::string name_of(int i) { return "c" + std::to_string(i); }

  void one_turn(int i) {
    Process& process = crowd[i];
    if (!process.started()) {
      process = tenant(name_of(i), {"--duration", "36000s"});
      ++started;
    } else if (random() % 2 == 0) {
      process.kill();
      ++killed;
    } else {
      process.signal(SIGTERM);
      const int code = process.wait();
      const Result<Json> report = Json::parse(process.output());
      // It may be asked to go before it has got in; then it has nothing to say.
      if (code == 128 + SIGTERM) return;
      // Many tenants on few processors: it was not served within its limit of two seconds.
      if (code == 1 && process.output().find("did not answer") != std::string::npos) {
        ++not_answered;
        return;
      }
      ASSERT_TRUE(code == 0 && report.ok()) << name_of(i) << ": " << process.output();
      EXPECT_EQ(report.value().integer_of("blocks_launched"), report.value().integer_of("blocks_completed"));
      ++ended;
    }
  }
  std::int64_t attached() {  // -1: no answer in time
    const Result<Json> status = ask("status");
    return status.ok() ? status.value().integer_of("tenants", -1) : -1;
  }

  std::mt19937 random{seed_wanted()};
  std::map<int, Process> crowd;
  int started = 0, killed = 0, ended = 0, not_answered = 0;
};

TEST_F(Churn, TenantsComeAndGoAndTheOneThatStaysLosesNothing) {
  const int tenants = number_wanted("LITHOS_CHURN_TENANTS", 8);
  const Nanoseconds length{number_wanted("LITHOS_CHURN_SECONDS", 2) * std::int64_t{1'000'000'000}};
  start({}, crowd_text(tenants - 1));
  Process a = tenant("a", {"--duration", "36000s"});
  ASSERT_TRUE(works("a"));
  const int daemon = daemon_pid();
  std::int64_t most = 0;
  for (int i = 0; i + 1 < tenants; ++i) one_turn(i);  // all of them at once
  for (const Nanoseconds end = monotonic_now() + length; monotonic_now() < end;) {
    one_turn(static_cast<int>(random() % static_cast<unsigned>(tenants - 1)));
    if (HasFatalFailure()) return;
    most = std::max(most, attached());
  }
  for (auto& [i, process] : crowd) process.kill();
  ASSERT_TRUE(eventually([&] { return attached() == 1; })) << "every slot is free again";
  EXPECT_EQ(daemon_pid(), daemon) << "it was the same daemon all the time";
  const Result<Json> asked = ask("status");
  ASSERT_TRUE(asked.ok()) << asked.status().message();
  const Json& status = asked.value();
  EXPECT_EQ(status.integer_of("bad_records"), 0);
  EXPECT_EQ(status.integer_of("device_refused"), 0);
  a.signal(SIGTERM);
  expect_exact(a);
  Json measured = Json::object();
  measured.set("seconds", to_seconds(length)).set("tenants", tenants).set("attached_at_once", most);
  measured.set("started", started).set("killed", killed).set("ended_exactly", ended);
  measured.set("not_answered_in_time", not_answered);
  measured.set("joined", status.integer_of("tenants_joined")).set("decisions", status.integer_of("decisions"));
  measured.set("device_completions", status.integer_of("device_completions")).set("survivor", told(a, "a"));
  std::printf("%s\n", measured.dump().c_str());
  write_results("churn", "LITHOS_CHURN_SECONDS=… LITHOS_CHURN_TENANTS=… fault_test --gtest_filter='Churn.*'", measured);
}

}  // namespace
}  // namespace lithos::testing
