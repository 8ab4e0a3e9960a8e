// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "config/config.hpp"

namespace lithos {
namespace {

const std::vector<std::string> kKeys{"name", "class", "quota", "slo", "tolerates", "trace"};

TEST(ClosestWord, FindsSlips) {
  EXPECT_EQ(closest_word("nmae", kKeys), "name");     // swapped
  EXPECT_EQ(closest_word("quotas", kKeys), "quota");  // one too many
  EXPECT_EQ(closest_word("tolerate", kKeys), "tolerates");
  EXPECT_EQ(closest_word("sl0", kKeys), "slo");
  EXPECT_EQ(closest_word("trcae", kKeys), "trace");
}

TEST(ClosestWord, StaysSilentWhenNothingIsNear) {
  EXPECT_EQ(closest_word("frequency", kKeys), "");
  EXPECT_EQ(closest_word("xyz", kKeys), "");
  EXPECT_EQ(closest_word("", kKeys), "");
  EXPECT_EQ(closest_word("slo", {}), "");
}

TEST(ClosestWord, TakesAPartOfJustOneName) {
  EXPECT_EQ(closest_word("median", {"operator_median", "last_value"}), "operator_median");
  EXPECT_EQ(closest_word("value", {"first_value_of_all", "last_value_of_all"}), "") << "two would do";
}

}  // namespace
}  // namespace lithos
