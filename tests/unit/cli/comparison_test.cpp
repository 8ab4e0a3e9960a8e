// SPDX-License-Identifier: Apache-2.0
#include "cli/comparison.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "cli/console.hpp"
#include "unit/cli/support.hpp"

namespace lithos {
namespace {

using testing::two_sets;
using testing::two_tenants;

TEST(Comparison, OneRowPerSetForAPairOfTenants) {
  EXPECT_EQ(render_comparison(two_tenants(), two_sets(), false),
            "lithos sim  demo.toml  ·  h200  ·  9.5 s measured, seed 1\n"
            "  hp: resnet50_infer_b16 as a graph, Poisson 300/s, SLO 10ms\n"
            "  be: llama8l_prefill_b8_s2048 eager, closed loop\n"
            "\n"
            "        ── hp: latency in ms ────────────────────  ── be ─────────  ── GPU ───────────────────────\n"
            "set      p50   p99  ×alone   max  SLO met  done/s  done/s  of solo  busy  energy J  atoms  covered\n"
            "alone   1.65  6.23   1.00×  12.5   99.87%     300       –        –   39%      3456   852k     100%\n"
            "lithos  2.41  7.65   1.23×  15.3   99.87%     300    4.75      57%   92%      5812   872k      86%\n"
            "\n"
            "×alone: p99 against set alone.  of solo: rate against the tenant alone on the whole GPU.\n"
            "busy: TPC time with work on it.  covered: launches that ran where a policy put them, not the hardware.\n");
}

TEST(Comparison, FitsTheWidthOfATerminal) {
  const std::string text = render_comparison(two_tenants(), two_sets(), false);
  std::size_t start = 0;
  for (std::size_t end; (end = text.find('\n', start)) != std::string::npos; start = end + 1)
    EXPECT_LE(display_width(text.substr(start, end - start)), 110u);
}

TEST(Comparison, OneRowPerTenantWhereThereAreMore) {
  Config config = two_tenants();
  TenantConfig third = config.tenants[1];
  third.name = "batch";
  config.tenants.push_back(third);
  std::vector<SetReport> reports = two_sets();
  reports[1].tenants.push_back(testing::be_report(1.0));
  reports[1].tenants[2].name = "batch";
  const std::string text = render_comparison(config, reports, false);
  EXPECT_NE(text.find("set     tenant"), std::string::npos) << text;
  EXPECT_NE(text.find("\nlithos  hp "), std::string::npos) << text;
  EXPECT_NE(text.find("\n        batch "), std::string::npos) << "the set's name once" << text;
}

TEST(Comparison, WithoutABaselineThereIsNoRatio) {
  Config config = two_tenants();
  config.baseline.clear();
  const std::string text = render_comparison(config, two_sets(), false);
  EXPECT_EQ(text.find("×alone"), std::string::npos);
}

TEST(Comparison, ATenantWithoutRequestsHasNoLatency) {
  std::vector<SetReport> reports = two_sets();
  reports[1].tenants[0].requests = 0;
  EXPECT_NE(render_comparison(two_tenants(), reports, false).find("lithos     –"), std::string::npos);
}

TEST(Comparison, CoveredCountsWhatPoliciesPlaced) {
  EXPECT_DOUBLE_EQ(covered_share(testing::be_report(1)), 0.75);
  EXPECT_DOUBLE_EQ(covered_share(testing::hp_report(1, 1)), 1.0);
  EXPECT_DOUBLE_EQ(covered_share(TenantReport{}), 0.0);
}

TEST(Notes, SayWhatTheRunAndThePoliciesDidWrong) {
  std::vector<SetReport> reports = two_sets();
  EXPECT_EQ(render_notes(reports, false), "");
  reports[1].warnings = {"the clock never settled"};
  reports[1].faults = {{"scheduler", "unknown_tpcs", 3, "lost count"}};
  EXPECT_EQ(render_notes(reports, false),
            "note: lithos: the clock never settled\n"
            "note: lithos: the scheduler was corrected 3 times: unknown_tpcs (lost count)\n");
}

TEST(ShortNumbers, KeepThreeDigits) {
  EXPECT_EQ(short_number(1.654), "1.65");
  EXPECT_EQ(short_number(9.996), "10.0");
  EXPECT_EQ(short_number(12.34), "12.3");
  EXPECT_EQ(short_number(99.96), "100");
  EXPECT_EQ(short_number(3598.2), "3598");
  EXPECT_EQ(short_number(0), "0.00");
  EXPECT_EQ(short_number(std::numeric_limits<double>::quiet_NaN()), "–");
}

TEST(ShortNumbers, Counts) {
  EXPECT_EQ(short_count(0), "0");
  EXPECT_EQ(short_count(9999), "9999");
  EXPECT_EQ(short_count(12'345), "12.3k");
  EXPECT_EQ(short_count(999'600), "1.00M");
  EXPECT_EQ(short_count(1'204'000), "1.20M");
  EXPECT_EQ(short_count(2'000'000'000), "2.00G");
}

TEST(ShortNumbers, PercentagesNeverRoundAMissAway) {
  EXPECT_EQ(short_percent(1), "100%");
  EXPECT_EQ(short_percent(0.99999), "99.99%");
  EXPECT_EQ(short_percent(0.9987), "99.87%");
  EXPECT_EQ(short_percent(0.565), "56%");
  EXPECT_EQ(short_percent(0.0123), "1.2%");
  EXPECT_EQ(short_percent(0), "0%");
}

}  // namespace
}  // namespace lithos
