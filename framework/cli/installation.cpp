// SPDX-License-Identifier: Apache-2.0
#include "cli/installation.hpp"

#include <filesystem>

#include "policy_host/catalog.hpp"

namespace lithos {

std::string shipped_kernel_rules() {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  const fs::path rules = program.parent_path().parent_path() / "share" / "lithos" / "kernels.toml";
  return !error && fs::is_regular_file(rules, error) ? rules.string() : "";
}

void complete_from_installation(Config& config) {
  if (config.kernel_rules.empty()) config.kernel_rules = shipped_kernel_rules();
}

std::vector<std::string> policy_folders(const Config& config, const std::vector<std::string>& from_command_line) {
  std::vector<std::string> folders = from_command_line;
  folders.insert(folders.end(), config.policy_path.begin(), config.policy_path.end());
  for (std::string& folder : PolicyCatalog::default_folders()) folders.push_back(std::move(folder));
  return folders;
}

}  // namespace lithos
