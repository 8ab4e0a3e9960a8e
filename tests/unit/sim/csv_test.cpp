// SPDX-License-Identifier: Apache-2.0
#include "sim/csv.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lithos {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Csv, PlainQuotedAndEmptyFields) {
  std::vector<std::string> fields;
  EXPECT_EQ(split_csv_line("a,\"b, c\",,\"say \"\"hi\"\"\",", fields), "");
  EXPECT_THAT(fields, ElementsAre("a", "b, c", "", "say \"hi\"", ""));
  EXPECT_EQ(split_csv_line("one\r", fields), "");
  EXPECT_THAT(fields, ElementsAre("one"));
}

TEST(Csv, SaysWhatIsWrong) {
  std::vector<std::string> fields;
  EXPECT_THAT(split_csv_line("a,\"b", fields), HasSubstr("column 3 is not closed"));
  EXPECT_THAT(split_csv_line("\"a\"b,c", fields), HasSubstr("expected a comma"));
}

}  // namespace
}  // namespace lithos
