// SPDX-License-Identifier: Apache-2.0
#include "policy_host/search_path.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "config/config.hpp"

namespace lithos {

namespace fs = std::filesystem;

std::vector<std::string> search_folders(const char* variable, const char* kind) {
  std::vector<std::string> folders;
  if (const char* given = std::getenv(variable); given != nullptr) {
    std::string_view rest = given;
    while (!rest.empty()) {
      const std::size_t colon = rest.find(':');
      if (const std::string_view folder = rest.substr(0, colon); !folder.empty()) folders.emplace_back(folder);
      rest = colon == std::string_view::npos ? std::string_view() : rest.substr(colon + 1);
    }
  }
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  if (!error) folders.push_back((program.parent_path().parent_path() / "lib" / "lithos" / kind).string());
  return folders;
}

std::vector<std::string> libraries_in(const std::string& folder) {
  std::vector<std::string> paths;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    if (at->path().extension() == ".so") paths.push_back(at->path().string());
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::string_view last_part_of_id(std::string_view id) { return id.substr(id.rfind('.') + 1); }

std::string closest_id(const std::string& id, const std::vector<std::string>& known) {
  if (std::string near = closest_word(id, known); !near.empty()) return near;
  std::vector<std::string> short_names;
  for (const std::string& name : known) short_names.emplace_back(last_part_of_id(name));
  return closest_word(std::string(last_part_of_id(id)), short_names);
}

}  // namespace lithos
