// SPDX-License-Identifier: Apache-2.0
#include "cli/report_json.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "unit/cli/support.hpp"

namespace lithos {
namespace {

TEST(ReportJson, HasUnitsInItsNamesAndKeepsItsOrder) {
  const std::string json = to_json(testing::two_tenants(), testing::two_sets());
  std::size_t last = 0;
  for (const char* key :
       {"\"format\": \"lithos-sim-1\"", "\"config\": \"demo.toml\"", "\"name\": \"alone\"", "\"p50\": 1650000",
        "\"slo_ns\": 10000000", "\"graph\": 3000", "\"energy_j\": 3456.0", "\"name\": \"lithos\"", "\"cut\": 3000"}) {
    const std::size_t at = json.find(key, last);
    EXPECT_NE(at, std::string::npos) << key << "\n" << json;
    last = at == std::string::npos ? last : at;
  }
  EXPECT_EQ(json.back(), '\n');
}

TEST(ReportJson, LeavesOutWhatDiffersFromRunToRun) {
  std::vector<SetReport> reports = testing::two_sets();
  const std::string first = to_json(testing::two_tenants(), reports);
  reports[0].wall_s = 12.5;
  EXPECT_EQ(to_json(testing::two_tenants(), reports), first);
}

TEST(ReportJson, SurvivesNumbersAndTextThatJsonCannotHold) {
  std::vector<SetReport> reports = testing::two_sets();
  reports[0].mean_power_w = std::numeric_limits<double>::quiet_NaN();
  reports[0].warnings = {"\xff\xfe"};
  const std::string json = to_json(testing::two_tenants(), reports);
  EXPECT_NE(json.find("\"mean_power_w\": null"), std::string::npos);
}

}  // namespace
}  // namespace lithos
