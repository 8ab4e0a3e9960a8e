// SPDX-License-Identifier: Apache-2.0
// The example alerts against the code and the handbook; `promtool check rules` looks at their grammar (below, where it is
// installed).
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "observe/metric_catalogue.hpp"
#include "test_paths.hpp"

namespace lithos {
namespace {

std::string read(const std::string& path) {
  std::ifstream file(std::string(LITHOS_SOURCE_DIR "/") + path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::set<std::string> all_matches(const std::string& text, const std::regex& pattern) {
  std::set<std::string> found;
  for (std::sregex_iterator at(text.begin(), text.end(), pattern), end; at != end; ++at) found.insert((*at)[1]);
  return found;
}

TEST(Alerts, NameMetricsThatExist) {
  std::set<std::string> known{"lithos_sample_age_seconds"};  // the exporter's own
  for (const MetricEntry& entry : metric_catalogue()) {
    known.insert(entry.name);
    if (entry.type == LITHOS_SERIES_HISTOGRAM) known.insert(std::string(entry.name) + "_bucket");
  }
  const std::string rules = read("configs/alerts/lithos.yml");
  std::istringstream lines(rules);
  int checked = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.find("expr:") == std::string::npos) continue;
    for (const std::string& name : all_matches(line, std::regex("(lithos_[a-z0-9_]+)"))) {
      EXPECT_TRUE(known.count(name) == 1) << name << " in " << line;
      ++checked;
    }
  }
  EXPECT_GT(checked, 12);
}

TEST(Alerts, EachHasItsEntryInTheHandbook) {
  const std::string handbook = read("docs/operate.md");
  const std::set<std::string> alerts = all_matches(read("configs/alerts/lithos.yml"), std::regex("alert: (\\w+)"));
  EXPECT_GT(alerts.size(), 10u);
  for (const std::string& alert : alerts)
    EXPECT_NE(handbook.find("\n### " + alert + "\n"), std::string::npos) << alert << " is not in docs/operate.md";
}

TEST(Alerts, PromtoolAgrees) {
  if (std::system("command -v promtool >/dev/null") != 0)
    GTEST_SKIP() << "promtool is not installed (Debian: prometheus)";
  EXPECT_EQ(std::system("promtool check rules " LITHOS_SOURCE_DIR "/configs/alerts/lithos.yml >/dev/null"), 0);
  EXPECT_EQ(std::system("promtool test rules " LITHOS_SOURCE_DIR "/tests/unit/observe/alerts_promtool.yml >/dev/null"),
            0);
}

}  // namespace
}  // namespace lithos
