// SPDX-License-Identifier: Apache-2.0
#include "daemon/daemon_config.hpp"

#include <filesystem>
#include <optional>

#include "config/read_file.hpp"
#include "cuda/tpc_map_file.hpp"
#include "sim/h200.hpp"
#include "sim/simulation.hpp"

namespace lithos {
namespace {

// <prefix>/bin/lithosd goes with <prefix>/share/lithos/kernels.toml; a build folder is laid out the same way.
std::string shipped_rules() {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  for (const fs::path& prefix :
       {program.parent_path().parent_path(), program.parent_path().parent_path().parent_path()}) {
    const fs::path rules = prefix / "share" / "lithos" / "kernels.toml";
    if (fs::is_regular_file(rules, error)) return rules.string();
  }
  return "";
}

Result<PolicySetConfig> pick_set(const Config& config, const std::string& name) {
  if (name.empty() && config.sets.size() == 1) return config.sets.front();
  for (const PolicySetConfig& set : config.sets)
    if (set.name == (name.empty() ? "lithos" : name)) return set;
  return not_found(name.empty() ? "several sets and none called \"lithos\": say which with --set" : "no set is called \"" + name + "\"");
}

// `name` is "CASE/SET", or a set alone.
Result<Config> pick_case(ParsedConfig& parsed, const std::string& name) {
  const std::size_t slash = name.find('/');
  if (slash == std::string::npos) return std::move(*parsed.config);
  return config_of_case(parsed.points, name.substr(0, slash));
}
std::string set_in(const std::string& name) { return name.substr(name.find('/') + 1); }

// A map says where the TPCs are; limits and clocks are those of the GPU that the configuration names.
Result<GpuShape> shape_of(const std::string& name, const std::string& map_file) {
  Result<GpuShape> shape = built_in_shape(name);
  if (!shape.ok() || map_file.empty()) return shape;
  const std::optional<GpuShape> map = cuda::read_map(map_file);
  if (!map) return not_found(map_file + ": not a TPC map (lithos calibrate makes one)");
  GpuShape real = std::move(shape).value();
  real.tpcs = map->tpcs;
  real.gpcs = map->gpcs;
  real.gpc_of_tpc = map->gpc_of_tpc;
  real.mask_bit_of_tpc = map->mask_bit_of_tpc;
  return real;
}

}  // namespace

std::string join_lines(const std::vector<Diagnostic>& diagnostics) {
  std::string text;
  for (const Diagnostic& diagnostic : diagnostics) text += (text.empty() ? "" : "\n") + to_string(diagnostic);
  return text;
}

LoadedDaemonConfig load_daemon_config(const std::string& path, const std::string& set_name,
                                      const std::string& map_file) {
  const Result<std::string> text = read_text_file(path);
  if (!text.ok()) return {nullptr, {{{path, 0, 0}, text.status().message()}}};
  return parse_daemon_config(text.value(), path, set_name, map_file);
}

LoadedDaemonConfig parse_daemon_config(const std::string& text, const std::string& file_name,
                                       const std::string& set_name, const std::string& map_file) {
  LoadedDaemonConfig loaded;
  ParsedConfig parsed = parse_config_text(text, file_name);
  loaded.diagnostics = std::move(parsed.diagnostics);
  if (!parsed.config) return loaded;
  auto config = std::make_unique<DaemonConfig>();
  config->text = text;
  const auto complain = [&](std::string message) {
    loaded.diagnostics.push_back({{file_name, 1, 1}, std::move(message)});
  };
  Result<Config> chosen = pick_case(parsed, set_name);
  if (!chosen.ok()) return complain(chosen.status().message()), std::move(loaded);
  config->config = std::move(chosen).value();
  Result<PolicySetConfig> set = pick_set(config->config, set_in(set_name));
  if (!set.ok()) complain(set.status().message());
  else config->set = std::move(set).value();
  if (set.ok() && !set_name.empty()) config->set.name = set_name;  // a case's set keeps the name by which it was asked for
  Result<GpuShape> gpu = shape_of(config->config.gpu, map_file);
  if (gpu.ok()) config->gpu = std::move(gpu).value();
  else complain(gpu.status().message());
  if (gpu.ok())
    for (Diagnostic& wrong : check_against_device(config->config, config->gpu.tpcs))
      loaded.diagnostics.push_back(std::move(wrong));
  if (config->config.kernel_rules.empty()) config->config.kernel_rules = shipped_rules();
  if (!config->config.kernel_rules.empty()) {
    ParsedKernelRules rules = parse_kernel_rules_file(config->config.kernel_rules);
    for (Diagnostic& wrong : rules.diagnostics) loaded.diagnostics.push_back(std::move(wrong));
    if (rules.rules) config->rules = std::move(*rules.rules);
  }
  if (loaded.diagnostics.empty()) loaded.config = std::move(config);
  return loaded;
}

EngineRoomConfig engine_room_config(const DaemonConfig& config) {
  EngineRoomConfig room;
  room.gpu = config.gpu;
  room.rules = config.rules;
  room.sharing = config.set.sharing;
  room.engine.starvation_limit = config.set.starvation_limit;
  room.engine.slip = config.set.slip;
  room.engine.masked = config.set.masks;
  room.engine.statistics = true;
  room.tenants = config.config.tenants;
  room.set = config.set;
  return room;
}

}  // namespace lithos
