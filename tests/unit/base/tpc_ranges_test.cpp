// SPDX-License-Identifier: Apache-2.0
#include "base/tpc_ranges.hpp"

#include <gtest/gtest.h>

namespace lithos {
namespace {

TEST(TpcRanges, ThereAndBack) {
  for (const char* text : {"", "0", "0-41", "0-41,60", "3,5,7-9,254-255"}) {
    const std::optional<TpcSet> set = from_ranges(text);
    ASSERT_TRUE(set.has_value()) << text;
    EXPECT_EQ(to_ranges(*set), text);
  }
  EXPECT_EQ(to_ranges(TpcSet::first(TpcSet::kMaxTpcs)), "0-255");
}

TEST(TpcRanges, WhatIsNoSetIsRefused) {
  for (const char* text : {"x", "1-", "-1", "4-2", "1,,2", "1,", "256", "1 2", "99999999999999999999"})
    EXPECT_FALSE(from_ranges(text).has_value()) << text;
}

}  // namespace
}  // namespace lithos
