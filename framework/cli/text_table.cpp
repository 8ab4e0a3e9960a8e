// SPDX-License-Identifier: Apache-2.0
#include "cli/text_table.hpp"

#include <algorithm>
#include <cassert>

namespace lithos {
namespace {

constexpr std::size_t kGap = 2;  // blanks between columns

std::string heading_of(const std::string& group) { return group.empty() ? "" : "── " + group; }

std::string repeated(std::string_view piece, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += piece;
  return text;
}

std::string trimmed(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

}  // namespace

void TextTable::add_column(std::string title, std::string group, Align align) {
  columns_.push_back({std::move(title), std::move(group), align});
}

void TextTable::add_row(std::vector<Cell> cells) {
  assert(cells.size() <= columns_.size());
  cells.resize(columns_.size());
  rows_.push_back(std::move(cells));
}

std::vector<std::size_t> TextTable::widths() const {
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    std::size_t width = display_width(columns_[c].title);
    for (const auto& row : rows_) width = std::max(width, display_width(row[c].text));
    widths.push_back(width);
  }
  // A heading wider than its group widens the group's last column.
  for (const auto& [first, end] : groups()) {
    const std::size_t room = room_of(widths, first, end), needed = display_width(heading_of(columns_[first].group));
    if (needed > room) widths[end - 1] += needed - room;
  }
  return widths;
}

std::vector<std::pair<std::size_t, std::size_t>> TextTable::groups() const {
  std::vector<std::pair<std::size_t, std::size_t>> groups;
  for (std::size_t first = 0, end = 0; first < columns_.size(); first = end) {
    while (end < columns_.size() && columns_[end].group == columns_[first].group) ++end;
    groups.emplace_back(first, end);
  }
  return groups;
}

std::size_t TextTable::room_of(const std::vector<std::size_t>& widths, std::size_t first, std::size_t end) {
  std::size_t room = (end - first - 1) * kGap;
  for (std::size_t c = first; c < end; ++c) room += widths[c];
  return room;
}

std::string TextTable::group_line(const std::vector<std::size_t>& widths, bool colour) const {
  std::string line;
  for (const auto& [first, end] : groups()) {
    std::string heading = heading_of(columns_[first].group);
    const std::size_t room = room_of(widths, first, end), used = display_width(heading);
    if (heading.empty()) heading = std::string(room, ' ');
    else if (room > used) heading += " " + repeated("─", room - used - 1);
    line += (first > 0 ? std::string(kGap, ' ') : "") + styled(heading, Tone::faint, colour && used > 0);
  }
  return trimmed(line);
}

std::string TextTable::render(bool colour) const {
  const std::vector<std::size_t> width = widths();
  const auto render_line = [&](auto&& cell_of) {
    std::string line;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      const Cell cell = cell_of(c);
      const std::string blanks(width[c] - display_width(cell.text), ' ');
      const std::string text = styled(cell.text, cell.tone, colour);
      line +=
          (c > 0 ? std::string(kGap, ' ') : "") + (columns_[c].align == Align::left ? text + blanks : blanks + text);
    }
    return trimmed(line);
  };
  const bool grouped =
      std::any_of(columns_.begin(), columns_.end(), [](const Column& column) { return !column.group.empty(); });
  std::string text = grouped ? group_line(width, colour) : "";
  text += render_line([&](std::size_t c) { return Cell{columns_[c].title, Tone::strong}; });
  for (const auto& row : rows_) text += render_line([&](std::size_t c) { return row[c]; });
  return text;
}

}  // namespace lithos
