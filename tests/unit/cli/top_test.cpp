// SPDX-License-Identifier: Apache-2.0
// From two answers of lithosd to a screen of 80 columns.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/console.hpp"
#include "cli/top/top_sample.hpp"
#include "cli/top/top_screen.hpp"

namespace lithos {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Json answer(const std::string& uptime, int decisions, int hp_requests, int hp_atoms, int pid = 7) {
  const std::string text = R"({"pid": )" + std::to_string(pid) + R"(, "uptime_s": )" + uptime +
                           R"(, "gpu": "h200", "device": "virtual",
    "tpcs": 66, "set": "lithos", "decisions": )" +
                           std::to_string(decisions) + R"(, "clock_mhz": 1980, "power_w": 412.4,
    "policies": {"generation": 3, "swaps": 2, "in_probation": true, "policies": [
      {"kind": "scheduler", "policy": "org.lithos.scheduler.tpc_borrowing", "version": "1.0.0", "fallbacks": 0, "faults": 2}]},
    "tenant_list": [
      {"name": "hp", "class": "latency_critical", "incarnation": 1, "quota_tpcs": 40, "own": "0-39", "leased": "0-65",
       "working": "0-9", "queued": 1, "device_in_flight": 2, "requests_completed": )" +
                           std::to_string(hp_requests) + R"(, "atoms_completed": )" + std::to_string(hp_atoms) +
                           R"(, "latency_ns": {"p50": 2730000, "p99": 17200000},
       "slo_ns": 10000000, "slo_attainment": 0.91,
       "operators": [{"name": "gemm", "launches": )" +
                           std::to_string(hp_atoms) + R"(, "atoms": 0, "ns": )" + std::to_string(hp_atoms * 1000) +
                           R"(, "tpc_ns": )" + std::to_string(hp_atoms * 20000) + R"(, "wanted_tpcs": 12}]},
      {"name": "a-tenant-with-a-very-long-name", "class": "best_effort", "incarnation": 2, "quota_tpcs": 0, "own": "", "leased": "40-65",
       "working": "8-12,40-65", "queued": 12345, "device_in_flight": 1, "requests_completed": 5, "atoms_completed": 50,
       "slo_ns": 0, "slo_attainment": 1.0}]})";
  Result<Json> json = Json::parse(text);
  EXPECT_TRUE(json.ok()) << json.status().message();
  return json.ok() ? std::move(json).value() : Json();
}

std::string all(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

TEST(Top, RatesAreGrowthOverTheTimeBetween) {
  const TopSample sample = sample_of(answer("12.0", 300, 140, 900), answer("10.0", 100, 100, 500));
  EXPECT_DOUBLE_EQ(sample.seconds, 2);
  EXPECT_DOUBLE_EQ(sample.decisions_per_s, 100);
  EXPECT_DOUBLE_EQ(sample.tenants[0].requests_per_s, 20);
  EXPECT_DOUBLE_EQ(sample.tenants[0].atoms_per_s, 200);
  EXPECT_DOUBLE_EQ(sample.tenants[1].requests_per_s, 0);
  EXPECT_EQ(sample.tenants[1].working.count(), 31u);
  ASSERT_EQ(sample.kernels.size(), 1u);
  EXPECT_DOUBLE_EQ(sample.kernels[0].share, 1);
  EXPECT_DOUBLE_EQ(sample.kernels[0].mean_us, 1);
  EXPECT_DOUBLE_EQ(sample.kernels[0].mean_tpcs, 20);
}

TEST(Top, ADaemonThatWasRestartedIsNotComparedWithTheOldOne) {
  const TopSample sample = sample_of(answer("2.0", 300, 140, 900, 8), answer("100.0", 9000, 9000, 9000, 7));
  EXPECT_DOUBLE_EQ(sample.seconds, 0);
  EXPECT_DOUBLE_EQ(sample.tenants[0].requests_per_s, 70);
}

TEST(Top, NoLineIsWiderThanTheTerminalAndNoneTooMany) {
  const TopSample sample = sample_of(answer("12.0", 300, 140, 900), answer("10.0", 100, 100, 500));
  for (const std::size_t columns : {60u, 80u, 100u, 200u}) {
    for (const std::size_t rows : {5u, 24u, 50u}) {
      TopView view;
      view.columns = columns;
      view.rows = rows;
      for (const bool help : {false, true}) {
        view.help = help;
        const std::vector<std::string> lines = render_top(sample, view);
        EXPECT_LE(lines.size(), rows);
        for (const std::string& line : lines)
          EXPECT_LE(display_width(line), std::max<std::size_t>(columns, 80)) << columns << line;
      }
    }
  }
}

TEST(Top, TheMapSaysWhoOwnsAndWhoWorks) {
  const std::string screen = all(render_top(sample_of(answer("12.0", 300, 140, 900), Json()), {}));
  EXPECT_THAT(screen, HasSubstr("own   0  " + std::string(40, 'a') + std::string(26, '.')));
  EXPECT_THAT(screen, HasSubstr("work     aaaaaaaa++BBB" + std::string(27, '.') + std::string(26, 'B')));
}

TEST(Top, ShowsWhatMattersAndMarksWhatIsLate) {
  TopView view;
  view.colour = true;
  const std::string screen =
      all(render_top(sample_of(answer("12.0", 300, 140, 900), answer("10.0", 100, 100, 500)), view));
  for (const char* part : {"tpc_borrowing; generation 3, in probation", "decisions 100/s", "1980 MHz", "412 W", "2.73",
                           "17.2", "12.3k", "gemm"})
    EXPECT_THAT(screen, HasSubstr(part));
  EXPECT_THAT(screen, HasSubstr("\x1b[31m    91%\x1b[0m"));
  EXPECT_THAT(screen, HasSubstr("\x1b[31m  faults 2\x1b[0m"));
}

TEST(Top, KeysSortWithoutChangingLetters) {
  const TopSample sample = sample_of(answer("12.0", 300, 140, 900), answer("10.0", 100, 100, 500));
  TopView view;
  view.sort = TopSort::p99;
  const std::string by_p99 = all(render_top(sample, view));
  EXPECT_LT(by_p99.find("a hp"), by_p99.find("b a-tenant"));
  view.sort = TopSort::queue;
  const std::string by_queue = all(render_top(sample, view));
  EXPECT_GT(by_queue.find("a hp"), by_queue.find("b a-tenant"));
  view.kernels = false;
  EXPECT_THAT(all(render_top(sample, view)), Not(HasSubstr("gemm")));
}

TEST(Top, AsJsonEachSampleIsOneLine) {
  const std::string line = to_json(sample_of(answer("12.0", 300, 140, 900), answer("10.0", 100, 100, 500))).dump();
  EXPECT_EQ(line.find('\n'), line.npos);
  for (const char* part :
       {"\"working\":\"8-12,40-65\"", "\"decisions_per_s\":100.0", "\"p99_ms\":17.2", "\"seconds\":2.0"})
    EXPECT_THAT(line, HasSubstr(part));
}

}  // namespace
}  // namespace lithos
