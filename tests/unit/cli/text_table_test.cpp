// SPDX-License-Identifier: Apache-2.0
#include "cli/text_table.hpp"

#include <gtest/gtest.h>

namespace lithos {
namespace {

TEST(TextTable, AlignsByWhatIsSeen) {
  TextTable table;
  table.add_column("set", "", TextTable::Align::left);
  table.add_column("p99", "hp");
  table.add_column("×", "hp");
  table.add_column("busy", "GPU");
  table.add_row({{"alone"}, {"6.23"}, {"1.00×"}, {"39%"}});
  table.add_row({{"static_42_24"}, {"18.2"}});
  EXPECT_EQ(table.render(false),
            "              ── hp ─────  ── GPU\n"
            "set            p99      ×    busy\n"
            "alone         6.23  1.00×     39%\n"
            "static_42_24  18.2\n");
}

TEST(TextTable, WithoutGroupsThereIsNoGroupLine) {
  TextTable table;
  table.add_column("a");
  table.add_row({{"1"}});
  EXPECT_EQ(table.render(false), "a\n1\n");
}

TEST(TextTable, ColourDoesNotMoveColumns) {
  TextTable table;
  table.add_column("set", "", TextTable::Align::left);
  table.add_column("SLO", "hp");
  table.add_row({{"x", Tone::strong}, {"99%", Tone::good}});
  std::string text = table.render(true);
  EXPECT_NE(text.find("\x1b[32m99%\x1b[0m"), std::string::npos);
  for (std::size_t at; (at = text.find('\x1b')) != std::string::npos;) text.erase(at, text.find('m', at) - at + 1);
  EXPECT_EQ(text, table.render(false));
}

TEST(Styled, IsPlainWithoutColour) {
  EXPECT_EQ(styled("a", Tone::bad, false), "a");
  EXPECT_EQ(styled("a", Tone::plain, true), "a");
  EXPECT_EQ(styled("a", Tone::bad, true), "\x1b[31ma\x1b[0m");
}

TEST(DisplayWidth, CountsCharactersNotBytes) {
  EXPECT_EQ(display_width("abc"), 3u);
  EXPECT_EQ(display_width("×—"), 2u);
  EXPECT_EQ(display_width(""), 0u);
}

}  // namespace
}  // namespace lithos
