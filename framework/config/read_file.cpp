// SPDX-License-Identifier: Apache-2.0
#include "config/read_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <tuple>

#include "config/table_reader.hpp"

namespace lithos {

Result<std::string> read_text_file(const std::string& path, std::size_t most) {
  std::error_code error;
  const auto kind = std::filesystem::status(path, error).type();
  if (kind == std::filesystem::file_type::not_found) return not_found("no such file" + near_files(path));
  if (kind == std::filesystem::file_type::directory) return invalid_argument("is a folder; name a .toml file in it");
  std::ifstream file(path, std::ios::binary);
  if (!file) return invalid_argument(fmt::format("cannot be read: {}", std::strerror(errno)));
  std::string text;
  std::string block(std::size_t{1} << 14, '\0');
  while (file.read(block.data(), static_cast<std::streamsize>(block.size())) || file.gcount() > 0) {
    text.append(block, 0, static_cast<std::size_t>(file.gcount()));
    if (text.size() > most) return invalid_argument(fmt::format("is larger than {} MiB", most >> 20));
  }
  return text;
}

void sort_by_position(std::vector<Diagnostic>& diagnostics) {
  std::stable_sort(diagnostics.begin(), diagnostics.end(), [](const Diagnostic& a, const Diagnostic& b) {
    return std::tie(a.where.line, a.where.column) < std::tie(b.where.line, b.where.column);
  });
}

}  // namespace lithos
