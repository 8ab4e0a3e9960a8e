// SPDX-License-Identifier: Apache-2.0
#include "observe/metric_catalogue.hpp"
#include "test_paths.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <set>
#include <sstream>

namespace lithos {
namespace {

// Prometheus's rules of naming; `promtool check metrics` says the same about a whole page (tests/e2e).
TEST(MetricCatalogue, NamesFollowTheRules) {
  const std::regex base("lithos_[a-z0-9_]+");
  std::set<std::string> seen;
  for (const MetricEntry& entry : metric_catalogue()) {
    const std::string name = entry.name;
    EXPECT_TRUE(std::regex_match(name, base)) << name;
    EXPECT_TRUE(seen.insert(name).second) << name << " is there twice";
    EXPECT_EQ(name.ends_with("_total"), entry.type == LITHOS_SERIES_COUNTER) << name;
    EXPECT_EQ(std::string(entry.help).find('|'), std::string::npos) << name;
    const std::regex other_units(".*_(ms|us|ns|mhz|percent)(_.*)?");
    EXPECT_FALSE(std::regex_match(name, other_units)) << name << ": base units only";
  }
}

TEST(MetricCatalogue, TheReferenceIsWhatTheCodeSays) {
  std::ifstream file(LITHOS_SOURCE_DIR "/docs/reference/metrics.md");
  std::stringstream page;
  page << file.rdbuf();
  EXPECT_EQ(page.str(), metric_reference())
      << "make it anew: build/dev/tests/bin/metrics_reference > docs/reference/metrics.md";
}

}  // namespace
}  // namespace lithos
