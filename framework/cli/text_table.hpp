// SPDX-License-Identifier: Apache-2.0
// A table for a terminal: columns as wide as their widest cell, in groups that have a heading of their own.
//
//                    ── hp ──────────────  ── GPU ──
//   set               p50    p99  SLO met       busy
//   alone            1.65   6.23    99.8%        39%
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "cli/console.hpp"

namespace lithos {

struct Cell {
  std::string text;
  Tone tone = Tone::plain;
};

class TextTable {
 public:
  enum class Align { left, right };

  // Neighbours with the same `group` stand under one heading; an empty group has none.
  void add_column(std::string title, std::string group = "", Align align = Align::right);
  // One cell per column; missing ones are empty.
  void add_row(std::vector<Cell> cells);
  // Lines that end in a newline and carry no trailing blanks.
  std::string render(bool colour) const;

 private:
  struct Column {
    std::string title;
    std::string group;
    Align align;
  };
  std::vector<std::size_t> widths() const;
  std::vector<std::pair<std::size_t, std::size_t>> groups() const;  // [first, end) of neighbours with one heading
  static std::size_t room_of(const std::vector<std::size_t>& widths, std::size_t first, std::size_t end);
  std::string group_line(const std::vector<std::size_t>& widths, bool colour) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace lithos
