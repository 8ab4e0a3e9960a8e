// SPDX-License-Identifier: Apache-2.0
// lithos config check: everything `lithos sim` would find wrong before it starts.
#include <fmt/format.h>

#include <filesystem>

#include "cli/commands.hpp"
#include "cli/load.hpp"

namespace lithos {

ExitCode run_config_check(const ConfigCheckArguments& arguments, Console& console) {
  bool all_good = true;
  for (const std::string& path : arguments.files) {
    const LoadedConfig loaded = load_config(path, arguments.policy_path);
    if (loaded.diagnostics.empty()) {
      console.out << fmt::format("{}: ok: {} tenants, {} sets\n", path, loaded.config.tenants.size(),
                                 loaded.config.sets.size());
      continue;
    }
    all_good = false;
    console.err << render_diagnostics(path, loaded.diagnostics);
  }
  return all_good ? ExitCode::ok : ExitCode::bad_input;
}

}  // namespace lithos
