// SPDX-License-Identifier: Apache-2.0
// Many runs that belong together: every set of every point (case, sweep) of a file, once per seed. Runs go on several threads; what
// comes out is in the order of the file and the same whatever their number.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/load.hpp"
#include "sim/report.hpp"

namespace lithos {

struct ExperimentOptions {
  std::optional<std::uint64_t> first_seed;  // in place of run.seed
  std::optional<std::uint64_t> seeds;       // how many, in place of run.seeds; each is one more than the one before
  std::optional<Nanoseconds> duration;
  std::vector<std::string> sets;            // only these; empty: all
  unsigned jobs = 0;
  bool operators = false;
  bool timelines = false;
  std::vector<PluginConfig> plugins;  // each is loaded for the first run of its set (PluginConfig::set)
};

// One set at one point.
struct RunGroup {
  std::string label;      // "lithos atom=400us"
  std::string set;
  std::string case_name;  // empty: the file has none
  std::vector<Setting> settings;  // those that concern the set
  std::size_t point = 0;          // of LoadedConfig::points
  std::vector<SetReport> runs;    // by seed
};

struct Experiment {
  std::vector<RunGroup> groups;      // those that ran
  std::vector<std::string> errors;   // one per group that failed
  bool bad_input = true;             // all failures are the input's
};

// How many runs there will be, for a progress bar.
std::size_t count_runs(const LoadedConfig& loaded, const ExperimentOptions& options);

// `progress` is called from any thread with the run's number and a share; may be empty.
Experiment run_experiment(const LoadedConfig& loaded, const ExperimentOptions& options,
                          const std::function<void(std::size_t, double)>& progress);

}  // namespace lithos
