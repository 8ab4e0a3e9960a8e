// SPDX-License-Identifier: Apache-2.0
// Swap after swap with two busy tenants: nothing is lost, nothing leaks. LITHOS_SWAPS says how many (default 100).
#include <algorithm>

#include "swap/support.hpp"

namespace lithos::testing {
namespace {

int swaps_wanted() {
  const char* text = std::getenv("LITHOS_SWAPS");
  return text != nullptr ? std::max(1, std::atoi(text)) : 100;
}

class Soak : public DaemonTest {
 protected:
  struct Resources {
    std::size_t maps, descriptors, threads;
  };
  static Resources resources() { return {mapped(""), entries_of("/proc/self/fd"), entries_of("/proc/self/task")}; }
};

TEST_F(Soak, ManySwapsLoseAndLeakNothing) {
  start();
  Process a = tenant("a"), b = tenant("b");
  ASSERT_TRUE(works("a") && works("b"));
  const std::vector<std::vector<Json>> rounds{
      {change("scheduler", "", fixture("good_v1"))},
      {change("scheduler", "", fixture("good_v2")), change("predictor", "", fixture("good_v2"))},
      {change("scheduler", "static_partition"), change("predictor", "operator_median")},
      {change("right_sizer", "amdahl"), change("scheduler", "tpc_borrowing")},
      {change("right_sizer", "none")}};
  const auto round = [&](int i) { return swap(rounds[static_cast<std::size_t>(i) % rounds.size()]); };
  for (int i = 0; i < 2 * static_cast<int>(rounds.size()); ++i) ASSERT_TRUE(round(i).ok());  // warm
  const Resources before = resources();
  std::vector<double> pauses_us;
  const int wanted = swaps_wanted();
  for (int i = 0; i < wanted; ++i) {
    const Result<Json> done = round(i);
    ASSERT_TRUE(done.ok()) << done.status().message();
    pauses_us.push_back(*done.value()["pause_us"].number());
    if (i % 20 == 19) { ASSERT_TRUE(works("a") && works("b")) << "still at work after " << i << " swaps"; }
  }
  const Resources after = resources();
  EXPECT_LE(after.maps, before.maps + 16);
  EXPECT_LE(after.descriptors, before.descriptors + 2);
  EXPECT_EQ(after.threads, before.threads);
  EXPECT_EQ(policies_number("modules_leaked"), 0);
  EXPECT_EQ(policies_number("failed_changes"), 0);
  std::sort(pauses_us.begin(), pauses_us.end());
  std::printf("%d swaps; pause seen by decisions: p50 %.1f us, p99 %.1f us, max %.1f us\n", wanted,
              pauses_us[pauses_us.size() / 2], pauses_us[pauses_us.size() * 99 / 100], pauses_us.back());
  const Result<Json> status = admin->ask("status");
  EXPECT_EQ(status.value().integer_of("lost_completions"), 0);
  EXPECT_EQ(status.value().integer_of("device_refused"), 0);
  finish(a);
  finish(b);
}

TEST_F(Soak, AStormFromTwoClientsIsOneChangeAfterTheOther) {
  start();
  Process a = tenant("a"), b = tenant("b");
  ASSERT_TRUE(works("a") && works("b"));
  const int each = std::max(10, swaps_wanted() / 4);
  const auto storm = [&](const std::string& path) {
    Result<AdminClient> client = AdminClient::connect(folder.at("admin.sock"));
    ASSERT_TRUE(client.ok());
    for (int i = 0; i < each; ++i) {
      const Result<Json> done =
          client.value().ask(i % 5 == 4 ? "policy.rollback" : "policy.swap", changes({change("scheduler", "", path)}));
      if (i % 5 != 4) { ASSERT_TRUE(done.ok()) << done.status().message(); }
    }
  };
  std::thread other([&] { storm(fixture("good_v1")); });
  storm(fixture("good_v2"));
  other.join();
  EXPECT_NE(in_force("scheduler"), "?");
  EXPECT_EQ(policies_number("modules_leaked"), 0);
  EXPECT_LE(mapped("good_v1") + mapped("good_v2"), 20u) << "the one in force and the warm one";
  finish(a);
  finish(b);
}

}  // namespace
}  // namespace lithos::testing
