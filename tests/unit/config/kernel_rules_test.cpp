// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <regex>

#include "config/config.hpp"
#include "unit/config/support.hpp"

namespace lithos {
namespace {

std::string messages(const std::string& text) {
  return testing::as_text(parse_kernel_rules_text(text, "k.toml").diagnostics, "\n\n");
}

TEST(KernelRules, AreReadInOrder) {
  const ParsedKernelRules parsed = parse_kernel_rules_text(R"(
[[kernel]]
pattern = "^ncclDevKernel"
nature = "never_touch"
reason = "ranks wait for each other"
[[kernel]]
pattern = "^nvjet_"
nature = "independent"
persistent = true
reason = "pulls tiles"
)",
                                                           "k.toml");
  ASSERT_TRUE(parsed.rules.has_value());
  ASSERT_EQ(parsed.rules->rules.size(), 2u);
  EXPECT_EQ(parsed.rules->rules[0].nature, KernelNature::never_touch);
  EXPECT_FALSE(parsed.rules->rules[0].persistent);
  EXPECT_EQ(parsed.rules->rules[1].pattern, "^nvjet_");
  EXPECT_EQ(parsed.rules->rules[1].nature, KernelNature::independent);
  EXPECT_TRUE(parsed.rules->rules[1].persistent);
  EXPECT_EQ(parsed.rules->rules[1].reason, "pulls tiles");
}

TEST(KernelRules, AnEmptyFileIsAllowed) { EXPECT_TRUE(parse_kernel_rules_text("", "k.toml").rules.has_value()); }

TEST(KernelRules, MistakesAreNamed) {
  EXPECT_EQ(messages("[[kernel]]\npattern = \"a\"\nnature = \"save\"\n"),
            "k.toml:1:1: kernel[0]: \"reason\" is missing, for example reason = \"read in the library's source\"\n"
            "k.toml:3:10: kernel[0].nature = \"save\": expected one of \"unknown\", \"independent\", \"co_resident\", "
            "\"never_touch\"\n");
  EXPECT_NE(messages("[[kernel]]\npattern = \"a(\"\nnature = \"unknown\"\nreason = \"r\"\n")
                .find("k.toml:2:11: kernel[0].pattern = \"a(\": not a regular expression (ECMAScript): "),
            std::string::npos);
  EXPECT_EQ(messages("[[kernels]]\n"), "k.toml:1:3: unknown key \"kernels\"; did you mean \"kernel\"?\n");
}

}  // namespace
}  // namespace lithos
