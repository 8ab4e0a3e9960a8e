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

TEST(ReportJson, MapsAreShortAndNumbersStayOnOneLine) {
  std::vector<SetReport> reports = testing::two_sets();
  TimelineSampler sampler({Nanoseconds{500}, Nanoseconds{900}, 4, 1}, 3, 1, 1);
  for (int i = 0; i < 4; ++i) sampler.look({{TpcSet::first(i < 2 ? 2 : 0), TpcSet::first(3), TpcSet::first(3), 1}}, 1980, 400);
  reports[0].timelines = {sampler.finish()};
  reports[0].tenants[0].own = TpcSet::first(3);
  reports[0].tenants[0].latency_histogram = {{Nanoseconds{1000}, Nanoseconds{1032}, 7}};
  reports[0].warnings = {"a list in a text [ 1, 2 ] and a quote \\\" [ 3 ]"};
  const std::string json = to_json(testing::two_tenants(), reports);
  for (const char* part : {"\"own_tpcs\": \"0-2\"", "\"from\": [1000]", "\"count\": [7]", "\"1*2 0*2\",", "\"=\",", "\"0*4\"",
                           "\"working_tpcs\": [2.0,2.0,0.0,0.0]", "\"start_ns\": 0", "in a text [ 1, 2 ] and", "[ 3 ]"})
    EXPECT_NE(json.find(part), std::string::npos) << part << "\n" << json;
}

}  // namespace
}  // namespace lithos
