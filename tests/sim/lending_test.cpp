// SPDX-License-Identifier: Apache-2.0
// What lending must buy (configs/experiments/lending_*.toml): the tail of a nearly empty GPU with half or more of the batch job's own rate, and
// more work than a static split at its tail. 20 000 requests a row.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "policy_host/catalog.hpp"
#include "sim/simulation.hpp"
#include "test_paths.hpp"

namespace lithos {
namespace {

struct Row {
  double p50_ms = 0, p99_ms = 0, best_effort_share = 0;
  std::uint64_t requests = 0;
};

std::map<std::string, Row> run(const std::string& file, const std::vector<std::string>& sets) {
  const ParsedConfig parsed = parse_config_file(LITHOS_SOURCE_DIR "/configs/experiments/" + file);
  EXPECT_TRUE(parsed.config) << file;
  std::map<std::string, Row> rows;
  if (!parsed.config) return rows;
  PolicyCatalog catalog({LITHOS_BINARY_DIR "/lib/lithos/policies"});
  for (const PolicySetConfig& set : parsed.config->sets) {
    if (std::find(sets.begin(), sets.end(), set.name) == sets.end()) continue;
    const Result<SetReport> report = run_set(*parsed.config, set, catalog);
    EXPECT_TRUE(report.ok()) << report.status().message();
    if (!report.ok()) continue;
    Row& row = rows[set.name];
    for (const TenantReport& tenant : report.value().tenants) {
      if (tenant.name == "be") row.best_effort_share = tenant.share_of_solo;
      if (tenant.name != "hp") continue;
      row.requests = tenant.requests;
      row.p50_ms = static_cast<double>(tenant.latency_p50.count()) * 1e-6;
      row.p99_ms = static_cast<double>(tenant.latency_p99.count()) * 1e-6;
    }
  }
  return rows;
}

TEST(Lending, At300RequestsPerSecond) {
  auto rows = run("lending_300.toml", {"alone", "lithos", "static_42_24", "tuned_to_42_24"});
  const Row alone = rows["alone"], lent = rows["lithos"];
  EXPECT_GE(lent.requests, 20'000u);
  EXPECT_LE(lent.p99_ms, 1.3 * alone.p99_ms);
  EXPECT_LE(lent.p50_ms, 1.8 * alone.p50_ms);
  EXPECT_GE(lent.best_effort_share, 0.5);
  EXPECT_LE(rows["tuned_to_42_24"].p99_ms, rows["static_42_24"].p99_ms);
  EXPECT_GE(rows["tuned_to_42_24"].best_effort_share, 1.1 * rows["static_42_24"].best_effort_share);
}

TEST(Lending, At100RequestsPerSecond) {
  auto rows = run("lending_100.toml", {"alone", "lithos"});
  EXPECT_GE(rows["lithos"].requests, 20'000u);
  EXPECT_LE(rows["lithos"].p99_ms, 1.4 * rows["alone"].p99_ms);
  EXPECT_GE(rows["lithos"].best_effort_share, 0.75);
}

}  // namespace
}  // namespace lithos
