// SPDX-License-Identifier: Apache-2.0
// One run of one policy set: virtual GPU, engine, an executor and a workload per tenant, and the transport between
// them.
//
// Deterministic: a report is a function of configuration, set and options (wall_s excepted); nothing else that runs in
// the process matters, and every set sees the same arrivals. Each call is independent, so sets may run on several
// threads at once, each with its own call; the cache of solo rates behind them is locked.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/status.hpp"
#include "base/time.hpp"
#include "config/config.hpp"
#include "policy_host/policy_set.hpp"
#include "sim/report.hpp"

namespace lithos {

class PolicyCatalog;
struct SimInputs;

struct SimOptions {
  std::optional<std::uint64_t> seed;              // in place of run.seed
  std::optional<Nanoseconds> duration;            // in place of run.duration (warm-up included, as there)
  std::function<void(double fraction)> progress;  // 0 … 1, a few hundred times per run; may be empty
  std::shared_ptr<const SimInputs> inputs;        // what load_inputs() gave for this configuration; null: read again
  bool operators = false;                         // fill TenantReport::operators
  bool timelines = false;                         // fill SetReport::timelines
  std::vector<PluginConfig> plugins;              // exporters and power control for this run, found in …
  std::vector<std::string> plugin_folders;        // … these; a plugin that cannot be had is an error
  bool solo_rates = true;                         // false: leave solo_rate_per_s 0 and save the extra runs
};

// Creates the policies of a set for a GPU. Called once per run.
using PolicyFactory = std::function<Result<std::unique_ptr<PolicySet>>(const lithos_gpu_info& gpu)>;

// Reads every input of a configuration (traces, arrival files, device) without running anything: `lithos config check`,
// and the promise that nothing starts on bad input. Every mistake at once, with file and line.
std::vector<Diagnostic> check_inputs(const Config& config);

// Runs one set. Errors: a trace or arrival file that cannot be read (all mistakes in one message, one per line), a
// policy that cannot be loaded, tenants that do not fit on the device.
Result<SetReport> run_set(const Config& config, const PolicySetConfig& set, PolicyCatalog& catalog,
                          const SimOptions& options = {});
Result<SetReport> run_set(const Config& config, const PolicySetConfig& set, const PolicyFactory& policies,
                          const SimOptions& options = {});

}  // namespace lithos
