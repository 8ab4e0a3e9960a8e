// SPDX-License-Identifier: Apache-2.0
#include "cli/output_file.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>

namespace lithos {

Status check_writable(const std::string& path, const std::string& option) {
  if (path.empty() || path == "-") return {};
  std::error_code error;
  if (std::filesystem::is_directory(path, error))
    return invalid_argument(fmt::format("{} {}: is a folder", option, path));
  const std::ofstream file(path, std::ios::app);
  return file ? Status{} : invalid_argument(fmt::format("{} {}: cannot be written", option, path));
}

Status write_output(const std::string& path, const std::string& text, const std::string& option, Console& console) {
  if (path == "-") {
    console.out << text << std::flush;
    return {};
  }
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text << std::flush;
  return file ? Status{} : unavailable(fmt::format("{} {}: could not be written", option, path));
}

}  // namespace lithos
