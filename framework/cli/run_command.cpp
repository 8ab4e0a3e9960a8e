// SPDX-License-Identifier: Apache-2.0
// lithos run: puts the shim before the driver, says by the environment what it is to do, and becomes the program.
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "cli/commands.hpp"
#include "cli/gpu_setup.hpp"
#include "cli/installation.hpp"
#include "cli/up/up_state.hpp"
#include "config/config.hpp"
#include "daemon/reports.hpp"

namespace lithos {
namespace {

constexpr int kNotStarted = 127;  // as shells say it

void set(const char* variable, const std::string& value) {
  if (value.empty()) ::unsetenv(variable);
  else ::setenv(variable, value.c_str(), 1);
}

// The rules as lines that need no parser in the program: "nature persistent pattern".
Result<std::string> write_rules(const std::string& toml, const std::string& folder) {
  if (toml.empty()) return std::string();
  const ParsedKernelRules parsed = parse_kernel_rules_file(toml);
  if (!parsed.rules) return invalid_argument(to_string(parsed.diagnostics.front()));
  const std::string path = folder + "/kernel_rules.txt", beside = path + fmt::format(".{}", ::getpid());
  {
    std::ofstream file(beside);
    for (const KernelRule& rule : parsed.rules->rules)
      file << static_cast<int>(rule.nature) << ' ' << (rule.persistent ? 1 : 0) << ' ' << rule.pattern << '\n';
    if (!file.flush()) return unavailable("cannot write " + beside);
  }
  std::error_code error;
  std::filesystem::rename(beside, path, error);
  return error ? Result<std::string>(unavailable("cannot write " + path)) : Result<std::string>(path);
}

// `up`: what `lithos up` has prepared for tenants of this run folder; nullptr: nothing.
Status set_environment(const RunArguments& arguments, const std::string& folder, const UpState* up) {
  std::uint64_t memory = 0;
  if (!arguments.memory_limit.empty()) {
    const Result<std::uint64_t> bytes = parse_bytes(arguments.memory_limit);
    if (!bytes.ok()) return bytes.status();
    memory = bytes.value();
  }
  const Result<std::string> rules =
      write_rules(arguments.kernel_rules.empty() ? shipped_kernel_rules() : arguments.kernel_rules, folder);
  if (!rules.ok()) return rules.status();
  std::string map = arguments.map;
  if (up != nullptr) {
    for (const auto& [variable, value] : environment_of(*up, arguments.tenant, !arguments.no_hook)) set(variable.c_str(), value);
    if (map.empty()) map = up->map;
  }
  const bool daemon = !arguments.no_daemon && arguments.tpcs.empty();
  const char* before = std::getenv("LD_LIBRARY_PATH");
  set("LD_LIBRARY_PATH", before != nullptr && *before != '\0' ? folder + ":" + before : folder);
  set("LITHOS_TENANT", arguments.tenant);
  set("LITHOS_SOCKET", daemon ? run_folder(arguments.run_folder) + "/tenants.sock" : "");
  set("LITHOS_TPC_MAP", map.empty() ? map_folder() : map);
  set("LITHOS_KERNEL_RULES", rules.value());
  set("LITHOS_TPCS", arguments.tpcs);
  set("LITHOS_STATS", arguments.stats.empty() ? "" : std::filesystem::absolute(arguments.stats).string());
  set("LITHOS_UNMANAGED", arguments.unmanaged == "run" ? "" : arguments.unmanaged);
  set("LITHOS_ADVERTISED_TPCS", arguments.advertised_tpcs == 0 ? "" : std::to_string(arguments.advertised_tpcs));
  set("LITHOS_MEMORY_LIMIT", memory == 0 ? "" : std::to_string(memory));
  set("LITHOS_HOOK", arguments.no_hook ? "0" : "");
  return {};
}

// Which shim: the one whose launches may wait is not for services with a latency to keep.
Result<bool> may_queue(const RunArguments& arguments, const UpState* up) {
  if (up == nullptr) return arguments.queued;
  const TenantLimits known = limits_of(*up, arguments.tenant);
  const bool queued = arguments.queued || known.queued;
  if (!queued || known.tenant_class != TenantClass::latency_critical) return queued;
  return invalid_argument(fmt::format("--queued: {} is {}, whose launches never wait", arguments.tenant,
                                      name_of(known.tenant_class)));
}

// Everything before the program, or why it has to go without.
Status prepare(const RunArguments& arguments) {
  const Result<UpState> state = read_state(run_folder(arguments.run_folder));
  if (state.status().code() == StatusCode::invalid_argument) return unavailable(state.status().message());
  const UpState* const up = state.ok() ? &state.value() : nullptr;
  const Result<bool> queued = may_queue(arguments, up);
  if (!queued.ok()) return queued.status();
  const Result<std::string> shim = installed_shim(queued.value());
  if (!shim.ok()) return shim.status();
  const Result<std::string> driver = find_real_driver();
  if (!driver.ok()) return driver.status();
  const Result<std::string> folder = make_shim_folder(shim.value(), driver.value());
  if (!folder.ok()) return folder.status();
  return set_environment(arguments, folder.value(), up);
}

}  // namespace

int run_program(const RunArguments& arguments, Console& console) {
  const Status ready = prepare(arguments);
  if (ready.code() == StatusCode::invalid_argument) {
    console.err << "lithos: " << ready.message() << "\n";
    return static_cast<int>(ExitCode::bad_input);
  }
  if (!ready.ok()) {
    console.err << fmt::format("lithos: tenant {}: {}; ", arguments.tenant, ready.message());
    if (arguments.unmanaged != "run") {  // nor can anybody tell whether MPS limits it
      console.err << "it may not run unmanaged\n";
      return static_cast<int>(ExitCode::failed);
    }
    console.err << "the program runs as without LithOS\n";
  }
  console.out.flush();
  console.err.flush();
  std::vector<char*> argv;
  for (const std::string& word : arguments.program) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  ::execvp(argv[0], argv.data());
  console.err << fmt::format("lithos: {}: {}\n", arguments.program.front(), std::strerror(errno));
  return kNotStarted;
}

}  // namespace lithos
