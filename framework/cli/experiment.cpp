// SPDX-License-Identifier: Apache-2.0
#include "cli/experiment.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/parallel.hpp"
#include "policy_host/services.hpp"
#include "sim/simulation.hpp"

namespace lithos {
namespace {

bool wanted(const ExperimentOptions& options, const std::string& set) {
  return options.sets.empty() || std::find(options.sets.begin(), options.sets.end(), set) != options.sets.end();
}

std::uint64_t seeds_of(const Config& config, const ExperimentOptions& options) {
  return std::max<std::uint64_t>(options.seeds.value_or(config.run.seeds), 1);
}

std::string case_label(const std::string& case_name, const std::string& set) {
  return case_name.empty() ? set : case_name + ": " + set;
}

RunGroup make_group(const ConfigPoint& point, std::size_t index, const PolicySetConfig& set) {
  RunGroup group;
  group.set = set.name;
  group.label = set.name;
  group.case_name = point.case_name;
  group.point = index;
  for (const Setting& setting : point.settings) {
    if (!setting.sets.empty() && std::find(setting.sets.begin(), setting.sets.end(), set.name) == setting.sets.end()) continue;
    group.label += fmt::format(" {}={}", setting.label, setting.value);
    group.settings.push_back(setting);
  }
  return group;
}

// Plugins are there once, so that no two runs write the same file: for the set's first seed at its first point.
std::vector<PluginConfig> plugins_of(const std::vector<PluginConfig>& all, const std::vector<RunGroup>& groups, std::size_t group) {
  std::vector<PluginConfig> taken;
  for (const PluginConfig& plugin : all) {
    const auto first = std::find_if(groups.begin(), groups.end(),
                                    [&](const RunGroup& g) { return plugin.set.empty() || g.set == plugin.set; });
    if (first != groups.end() && static_cast<std::size_t>(first - groups.begin()) == group) taken.push_back(plugin);
  }
  return taken;
}

struct Planned {
  std::size_t group = 0;
  const PolicySetConfig* set = nullptr;
  std::uint64_t seed = 0;
};

bool is_input_error(const Status& status) {
  return status.code() == StatusCode::invalid_argument || status.code() == StatusCode::not_found ||
         status.code() == StatusCode::incompatible;
}

// Groups of which every seed ran; of the others the first error.
Experiment collect(std::vector<RunGroup> groups, const std::vector<Planned>& plan, std::vector<std::optional<Result<SetReport>>> results) {
  Experiment experiment;
  std::vector<bool> failed(groups.size(), false);
  for (std::size_t i = 0; i < plan.size(); ++i) {
    RunGroup& group = groups[plan[i].group];
    if (results[i]->ok()) {
      group.runs.push_back(std::move(*results[i]).value());
      continue;
    }
    const Status status = results[i]->status();
    if (!failed[plan[i].group])
      experiment.errors.push_back(fmt::format("set {}: {}", case_label(group.case_name, group.label), status.message()));
    failed[plan[i].group] = true;
    experiment.bad_input &= is_input_error(status);
  }
  for (std::size_t g = 0; g < groups.size(); ++g)
    if (!failed[g]) experiment.groups.push_back(std::move(groups[g]));
  return experiment;
}

}  // namespace

std::size_t count_runs(const LoadedConfig& loaded, const ExperimentOptions& options) {
  std::size_t runs = 0;
  for (const ConfigPoint& point : loaded.points)
    for (const PolicySetConfig& set : point.config.sets)
      if (wanted(options, set.name)) runs += seeds_of(point.config, options);
  return runs;
}

Experiment run_experiment(const LoadedConfig& loaded, const ExperimentOptions& options,
                          const std::function<void(std::size_t, double)>& progress) {
  std::vector<RunGroup> groups;
  std::vector<Planned> plan;
  for (std::size_t p = 0; p < loaded.points.size(); ++p) {
    const ConfigPoint& point = loaded.points[p];
    const std::uint64_t first_seed = options.first_seed.value_or(point.config.run.seed);
    for (const PolicySetConfig& set : point.config.sets) {
      if (!wanted(options, set.name)) continue;
      groups.push_back(make_group(point, p, set));
      for (std::uint64_t s = 0; s < seeds_of(point.config, options); ++s) plan.push_back({groups.size() - 1, &set, first_seed + s});
    }
  }
  std::vector<std::optional<Result<SetReport>>> results(plan.size());
  for_each_in_parallel(plan.size(), options.jobs, [&](std::size_t i) {
    const std::size_t point = groups[plan[i].group].point;
    SimOptions run;
    run.seed = plan[i].seed;
    run.duration = options.duration;
    run.operators = options.operators;
    run.timelines = options.timelines;
    if (i == 0 || plan[i - 1].group != plan[i].group) run.plugins = plugins_of(options.plugins, groups, plan[i].group);
    if (!run.plugins.empty()) run.plugin_folders = default_plugin_folders();
    run.inputs = loaded.inputs[point];
    if (progress) run.progress = [&progress, i](double fraction) { progress(i, fraction); };
    results[i].emplace(run_set(loaded.points[point].config, *plan[i].set, *loaded.catalog, run));
    if (progress) progress(i, 1.0);
  });
  return collect(std::move(groups), plan, std::move(results));
}

}  // namespace lithos
