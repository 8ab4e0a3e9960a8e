// SPDX-License-Identifier: Apache-2.0
#include "cli/load.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "cli/installation.hpp"
#include "policy_host/policy_set.hpp"
#include "policy_host/services.hpp"
#include "sim/simulation.hpp"

namespace lithos {
namespace {

auto order_of(const Diagnostic& d) { return std::tie(d.where.file, d.where.line, d.where.column, d.message); }

// Two sets that name the same wrong trace or policy need one message each place, not one each check.
void sort_and_drop_repeats(std::vector<Diagnostic>& diagnostics) {
  std::stable_sort(diagnostics.begin(), diagnostics.end(),
                   [](const Diagnostic& a, const Diagnostic& b) { return order_of(a) < order_of(b); });
  diagnostics.erase(std::unique(diagnostics.begin(), diagnostics.end(),
                                [](const Diagnostic& a, const Diagnostic& b) { return order_of(a) == order_of(b); }),
                    diagnostics.end());
}

void append(std::vector<Diagnostic>& to, std::vector<Diagnostic> from) {
  for (Diagnostic& diagnostic : from) to.push_back(std::move(diagnostic));
}

// What decides the inputs; points that agree in it share them.
std::string inputs_key(const Config& config) {
  std::string key = config.gpu + '|' + config.kernel_rules;
  for (const TenantConfig& tenant : config.tenants)
    key += '|' + tenant.name + '|' + tenant.trace + '|' + tenant.arrivals.path + '|' + std::to_string(static_cast<int>(tenant.arrivals.kind));
  return key;
}

using KnownInputs = std::map<std::string, std::shared_ptr<const SimInputs>>;

void check_point(const Config& config, KnownInputs& known, LoadedConfig& loaded) {
  std::shared_ptr<const SimInputs>& inputs = known[inputs_key(config)];
  if (inputs == nullptr) {
    LoadedInputs read = load_inputs(config);
    append(loaded.diagnostics, std::move(read.diagnostics));
    inputs = std::move(read.inputs);
  }
  if (inputs != nullptr) append(loaded.diagnostics, check_against_device(config, inputs->gpu.tpcs));
  loaded.inputs.push_back(inputs);
  for (const PolicySetConfig& set : config.sets) append(loaded.diagnostics, PolicySet::check(set, *loaded.catalog));
}

}  // namespace

LoadedConfig load_config(const std::string& path, const std::vector<std::string>& policy_path) {
  LoadedConfig loaded;
  ParsedConfig parsed = parse_config_file(path);
  loaded.diagnostics = std::move(parsed.diagnostics);
  if (!parsed.config) return loaded;

  loaded.config = std::move(*parsed.config);
  complete_from_installation(loaded.config);
  loaded.catalog = std::make_unique<PolicyCatalog>(policy_folders(loaded.config, policy_path));
  loaded.points = std::move(parsed.points);
  for (const PluginConfig& plugin : loaded.config.plugins)
    append(loaded.diagnostics, check_plugin(plugin, default_plugin_folders()));
  KnownInputs known;
  for (ConfigPoint& point : loaded.points) {
    complete_from_installation(point.config);
    check_point(point.config, known, loaded);
  }
  sort_and_drop_repeats(loaded.diagnostics);
  return loaded;
}

std::string render_diagnostics(const std::string& path, const std::vector<Diagnostic>& diagnostics) {
  std::string text;
  for (const Diagnostic& diagnostic : diagnostics) text += to_string(diagnostic) + "\n";
  if (diagnostics.size() > 1) text += fmt::format("{}: {} mistakes; nothing was started\n", path, diagnostics.size());
  return text;
}

}  // namespace lithos
