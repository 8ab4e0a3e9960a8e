// SPDX-License-Identifier: Apache-2.0
// What a configuration leaves to the installation, found from the program's own place: <prefix>/bin/lithos goes with
// <prefix>/lib/lithos/policies (PolicyCatalog::default_folders) and <prefix>/share/lithos/kernels.toml. A build
// folder is laid out the same way.
#pragma once

#include <string>
#include <vector>

#include "config/config.hpp"

namespace lithos {

// The folder that holds bin/lithos's folder, or empty.
std::string installation_prefix();

// A program that is installed beside this one.
std::string installed_program(const std::string& name);

// <prefix>/share/lithos/<name>, a file or folder, or empty if it is not there.
std::string shared_file(const std::string& name);

// The shipped kernel rules, or empty if they are not where they should be.
std::string shipped_kernel_rules();

// Where lithosd's sockets are: as given, else LITHOS_RUN_DIR, else the default.
std::string run_folder(const std::string& from_command_line);

// Fills in the shipped kernel rules where the configuration names none.
void complete_from_installation(Config& config);

// Folders to search for policies: those of the command line, then the configuration's, then the installed ones.
std::vector<std::string> policy_folders(const Config& config, const std::vector<std::string>& from_command_line);

}  // namespace lithos
