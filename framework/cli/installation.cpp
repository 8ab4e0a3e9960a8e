// SPDX-License-Identifier: Apache-2.0
#include "cli/installation.hpp"

#include <cstdlib>
#include <filesystem>

#include "daemon/admin_client.hpp"
#include "policy_host/catalog.hpp"

namespace lithos {

std::string installation_prefix() {
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? "" : program.parent_path().parent_path().string();
}

std::string installed_program(const std::string& name) {
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? name : (program.parent_path() / name).string();
}

std::string shared_file(const std::string& name) {
  const std::string path = installation_prefix() + "/share/lithos/" + name;
  std::error_code error;
  return std::filesystem::exists(path, error) ? path : "";
}

std::string shipped_kernel_rules() { return shared_file("kernels.toml"); }

std::string run_folder(const std::string& from_command_line) {
  if (!from_command_line.empty()) return from_command_line;
  const char* from_environment = std::getenv("LITHOS_RUN_DIR");
  return from_environment != nullptr && *from_environment != '\0' ? from_environment : kDefaultRunFolder;
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
