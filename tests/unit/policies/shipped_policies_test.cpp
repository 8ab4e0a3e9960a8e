// SPDX-License-Identifier: Apache-2.0
// What holds for every shipped policy: instances know nothing of each other, nothing in a view makes one crash or break
// a rule, and each is documented.
#include "test_paths.hpp"
#include "unit/policies/shipped.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

namespace lithos {
namespace {

using namespace test;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kSteps = 300;
#else
constexpr int kSteps = 2'000;
#endif

class ShippedPolicies : public ::testing::Test {
 protected:
  PolicyCatalog catalog_{{LITHOS_BINARY_DIR "/lib/lithos/policies"}};
  std::vector<FoundPolicy> policies_ = shipped_policies(catalog_);
};

std::string alone(const lithos_policy& policy, std::uint64_t seed) {
  Conversation conversation(policy, Bytes(seed));
  for (int i = 0; i < kSteps; ++i) conversation.step();
  return conversation.answers();
}

TEST_F(ShippedPolicies, AreThere) {
  EXPECT_TRUE(catalog_.problems().empty());
  std::set<std::uint32_t> kinds;
  for (const FoundPolicy& found : policies_) kinds.insert(found.policy->kind);
  EXPECT_EQ(kinds.size(), 4u);
  EXPECT_GE(policies_.size(), 20u);
}

// Two instances in one process, their calls interleaved, each answer as if the other were not there: no mutable globals.
TEST_F(ShippedPolicies, TwoInstancesDoNotMeet) {
  for (const FoundPolicy& found : policies_) {
    Conversation one(*found.policy, Bytes(1)), other(*found.policy, Bytes(2));
    Bytes turns(3);
    for (int left_one = kSteps, left_other = kSteps; left_one + left_other > 0;) {
      const bool first = left_other == 0 || (left_one > 0 && turns.one_in(2));
      (first ? one : other).step();
      --(first ? left_one : left_other);
    }
    EXPECT_EQ(one.answers(), alone(*found.policy, 1)) << found.policy->id;
    EXPECT_EQ(other.answers(), alone(*found.policy, 2)) << found.policy->id;
  }
}

// Whatever a view says: no crash, no exception, nothing that the guard has to correct. Values that no engine would send may mislead.
TEST_F(ShippedPolicies, NonsenseDoesNotBreakThem) {
  for (const FoundPolicy& found : policies_) {
    Conversation conversation(*found.policy, Bytes(11));
    for (int i = 0; i < 4 * kSteps; ++i) conversation.step();
    EXPECT_EQ(broken_rules(conversation.set()), "") << found.policy->id;
  }
}

TEST_F(ShippedPolicies, AreReadableInOneSitting) {
  namespace fs = std::filesystem;
  for (const char* kind : {"scheduler", "predictor", "right_sizer", "dvfs"})
    for (const auto& folder : fs::directory_iterator(fs::path(LITHOS_SOURCE_DIR) / "policies" / kind)) {
      const std::string name = folder.path().filename().string();
      EXPECT_TRUE(fs::exists(folder.path() / "README.md")) << name;
      EXPECT_TRUE(fs::exists(folder.path() / (name + ".toml"))) << name;
      std::ifstream source(folder.path() / (name + ".cpp"));
      int lines = 0;
      for (std::string line; std::getline(source, line);) ++lines;
      EXPECT_GT(lines, 0) << name;
      EXPECT_LE(lines, 200) << name;
    }
}

}  // namespace
}  // namespace lithos
