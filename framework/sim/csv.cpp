// SPDX-License-Identifier: Apache-2.0
#include "sim/csv.hpp"

namespace lithos {

std::string split_csv_line(std::string_view line, std::vector<std::string>& fields) {
  fields.clear();
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  std::string field;
  std::size_t at = 0;
  for (;;) {
    field.clear();
    if (at < line.size() && line[at] == '"') {
      const std::size_t opened = at + 1;
      for (++at;; ++at) {
        if (at >= line.size())
          return "the quoted field that starts in column " + std::to_string(opened) + " is not closed";
        if (line[at] != '"') {
          field += line[at];
          continue;
        }
        if (at + 1 < line.size() && line[at + 1] == '"') {
          field += '"';
          ++at;
          continue;
        }
        ++at;
        break;
      }
      if (at < line.size() && line[at] != ',')
        return "expected a comma after the closing quote in column " + std::to_string(at + 1);
    } else {
      while (at < line.size() && line[at] != ',') field += line[at++];
    }
    fields.push_back(field);
    if (at >= line.size()) return {};
    ++at;  // the comma; a line that ends in one has an empty last field
  }
}

}  // namespace lithos
