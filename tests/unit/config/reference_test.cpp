// SPDX-License-Identifier: Apache-2.0
// docs/reference/toml.md says what the readers' tables say. To write the page anew: LITHOS_UPDATE_DOCS=1 config_test.
#include "config/reference.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>

#include "test_paths.hpp"

namespace lithos {
namespace {

constexpr const char* kPage = LITHOS_SOURCE_DIR "/docs/reference/toml.md";
constexpr const char* kEnd = "<!-- end of keys -->";

std::string page() {
  std::ifstream file(kPage);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// The page with `table` between its markers; empty if the page has no place for it.
std::string with_table(const std::string& page, const std::string& title, const std::string& table) {
  const std::string begin = "<!-- keys: " + title + " -->\n";
  const std::size_t from = page.find(begin);
  const std::size_t to = page.find(kEnd, from);
  if (from == std::string::npos || to == std::string::npos) return "";
  return page.substr(0, from + begin.size()) + table + page.substr(to);
}

TEST(Reference, ThePageHoldsEverySectionAsTheReadersHaveIt) {
  const std::string before = page();
  std::string now = with_table(before, "quantities", to_markdown(quantities()));
  ASSERT_NE(now, "") << "no place for quantities";
  for (const SectionFacts& section : configuration_sections()) {
    now = with_table(now, section.title, to_markdown(section));
    ASSERT_NE(now, "") << "no place for " << section.title;
  }
  if (std::getenv("LITHOS_UPDATE_DOCS") != nullptr) std::ofstream(kPage) << now;
  else EXPECT_EQ(before, now) << "write it anew: LITHOS_UPDATE_DOCS=1 config_test";
}

TEST(Reference, EveryKeySaysWhatItIs) {
  for (const SectionFacts& section : configuration_sections()) {
    std::set<std::string> seen;
    for (const KeyFacts& key : section.keys) {
      EXPECT_TRUE(seen.insert(key.key).second) << section.title << " has " << key.key << " twice";
      EXPECT_FALSE(key.type.empty()) << section.title << key.key;
      EXPECT_FALSE(key.doc.empty()) << section.title << key.key;
    }
  }
}

TEST(Reference, DefaultsAndBoundsAreThoseOfTheValues) {
  const auto row = [](const std::string& title, const std::string& key) {
    for (const SectionFacts& section : configuration_sections())
      for (const KeyFacts& facts : section.keys)
        if (section.title == title && facts.key == key) return facts.type + " | " + facts.initial;
    return std::string();
  };
  EXPECT_EQ(row("[run]", "duration"), "time, at least 1ms | `\"10s\"`");
  EXPECT_EQ(row("[run]", "seeds"), "whole number, 1 to 1000 | `1`");
  EXPECT_EQ(row("[transport]", "loss"), "number, 0 to 1 | `0`");
  EXPECT_EQ(row("[transport]", "clock_offset"), "time, may be negative | `\"0s\"`");
  EXPECT_EQ(row("[[tenant]]", "slo"), "time, at least 1ns | none");
  EXPECT_EQ(row("[[tenant]]", "trace"), "file | ");
  EXPECT_EQ(row("[[tenant]]", "mode"), "one of `\"graph\"`, `\"eager\"` | `\"eager\"`");
  EXPECT_EQ(row("[[kernel]]", "persistent"), "true or false | `false`");
}

}  // namespace
}  // namespace lithos
