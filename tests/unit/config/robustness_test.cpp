// SPDX-License-Identifier: Apache-2.0
// Whatever stands in a file, reading it ends with a configuration or with messages of one line each.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <random>

#include "config/config.hpp"
#include "test_paths.hpp"

namespace lithos {
namespace {

std::string shipped(const std::string& name) {
  std::ifstream file(LITHOS_SOURCE_DIR "/configs/" + name);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Deletes, doubles or replaces a few random pieces of a right file: what a hand at an editor does, many times over.
std::string damaged(std::string text, std::mt19937_64& random) {
  static const std::string kOther = "[]{}\"'=,.#\n\\\x01\xff 0-e_inf";
  for (auto times = 1 + random() % 4; times > 0 && !text.empty(); --times) {
    const std::size_t at = random() % text.size(), length = 1 + random() % 12;
    switch (random() % 3) {
      case 0: text.erase(at, length); break;
      case 1: text.insert(at, text.substr(random() % text.size(), length)); break;
      default: text[at] = kOther[random() % kOther.size()];
    }
  }
  return text;
}

template <class Parsed>
void expect_sound(const Parsed& parsed, bool has_value, const std::string& text) {
  ASSERT_EQ(has_value, parsed.diagnostics.empty()) << text;
  for (const Diagnostic& diagnostic : parsed.diagnostics) {
    const std::string message = to_string(diagnostic);
    EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 0) << message;
    EXPECT_GE(diagnostic.where.line, 1) << message;
  }
}

constexpr int kRounds = 3000;
constexpr std::uint64_t kSeed = 20261122;

TEST(Robustness, DamagedConfigurations) {
  std::mt19937_64 random(kSeed);
  const std::string demo = shipped("demo.toml");
  ASSERT_FALSE(demo.empty());
  for (int round = 0; round < kRounds; ++round) {
    SCOPED_TRACE(round);
    const std::string text = damaged(demo, random);
    const ParsedConfig parsed = parse_config_text(text, LITHOS_SOURCE_DIR "/configs/demo.toml");
    expect_sound(parsed, parsed.config.has_value(), text);
  }
}

TEST(Robustness, DamagedKernelRules) {
  std::mt19937_64 random(kSeed);
  const std::string rules = shipped("kernels.toml");
  ASSERT_FALSE(rules.empty());
  for (int round = 0; round < kRounds / 10; ++round) {
    SCOPED_TRACE(round);
    const std::string text = damaged(rules, random);
    const ParsedKernelRules parsed = parse_kernel_rules_text(text, "kernels.toml");
    expect_sound(parsed, parsed.rules.has_value(), text);
  }
}

TEST(Robustness, DeepNesting) {
  const ParsedConfig parsed = parse_config_text("a = " + std::string(5000, '['), "x.toml");
  EXPECT_EQ(parsed.diagnostics.size(), 1u);
}

TEST(Robustness, TextOfAnyKindStaysOnOneLine) {
  const ParsedConfig parsed = parse_config_text("gpu = 1\n\"a\\nb\" = \"\"\"x\ny\"\"\"\n", "x.toml");
  ASSERT_FALSE(parsed.diagnostics.empty());
  for (const Diagnostic& diagnostic : parsed.diagnostics)
    EXPECT_EQ(to_string(diagnostic).find('\n'), std::string::npos);
}

}  // namespace
}  // namespace lithos
