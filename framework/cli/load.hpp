// SPDX-License-Identifier: Apache-2.0
// From a file's name to everything a run needs, or to every mistake at once. Nothing starts here.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "policy_host/catalog.hpp"
#include "sim/inputs.hpp"

namespace lithos {

struct LoadedConfig {
  Config config;                           // completed from the installation
  std::unique_ptr<PolicyCatalog> catalog;  // where its policies are found; null if the file cannot be parsed
  std::vector<ConfigPoint> points;         // its cases and sweeps, at least one; completed likewise
  std::vector<std::shared_ptr<const SimInputs>> inputs;  // by point
  std::vector<Diagnostic> diagnostics;     // in the order of the file; empty: the rest may be used
};

// Parses the file; then, if that went well, reads every trace and asks every policy about its parameters.
LoadedConfig load_config(const std::string& path, const std::vector<std::string>& policy_path);

// The diagnostics and a closing line ("demo.toml: 3 mistakes; nothing was started").
std::string render_diagnostics(const std::string& path, const std::vector<Diagnostic>& diagnostics);

}  // namespace lithos
