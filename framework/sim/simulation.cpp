// SPDX-License-Identifier: Apache-2.0
#include "sim/simulation.hpp"

#include <time.h>

#include <chrono>
#include <map>
#include <mutex>

#include "engine/gpu_info.hpp"
#include "policy_host/catalog.hpp"
#include "sim/inputs.hpp"
#include "sim/run.hpp"

namespace lithos {
namespace {

constexpr Nanoseconds kSoloDurationMax{5'000'000'000};  // enough for some 40 iterations of the longest shipped trace

double thread_cpu_s() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

Status add_plugins(const SimOptions& options, const lithos_gpu_info& gpu, Run& run) {
  std::vector<Diagnostic> wrong;
  const ServiceGpu served{0, {}, gpu, {}};
  for (const PluginConfig& plugin : options.plugins) {
    if (plugin.kind == PluginKind::power) {
      auto made = create_power_service(plugin.choice, options.plugin_folders, served);
      wrong.insert(wrong.end(), made.diagnostics.begin(), made.diagnostics.end());
      if (made.service != nullptr) run.control_power(std::move(made.service));
    } else {
      auto made = create_exporter_service(plugin.choice, options.plugin_folders, served);
      wrong.insert(wrong.end(), made.diagnostics.begin(), made.diagnostics.end());
      if (made.service != nullptr) run.export_to(std::move(made.service));
    }
  }
  return wrong.empty() ? Status{} : invalid_argument(join_messages(wrong));
}

Result<SetReport> run_with(const Config& config, const PolicySetConfig& set, std::shared_ptr<const SimInputs> inputs,
                           const PolicyFactory& policies, std::uint64_t seed, Nanoseconds duration,
                           const SimOptions& options) {
  const auto began = std::chrono::steady_clock::now();
  const double cpu_before_s = thread_cpu_s();
  const lithos_gpu_info gpu = gpu_info(inputs->gpu, seed);
  Result<std::unique_ptr<PolicySet>> created = policies(gpu);
  if (!created.ok()) return created.status();
  Run run(config, set, std::move(inputs), *created.value(), seed, duration);
  if (options.operators) run.keep_operators();
  if (options.timelines) run.keep_timelines();
  if (Status status = add_plugins(options, gpu, run); !status.ok()) return status;
  if (Status status = run.start(); !status.ok()) return status;
  if (Status status = run.run(options.progress); !status.ok()) return status;
  SetReport report = run.report();
  report.wall_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  report.cpu_s = thread_cpu_s() - cpu_before_s;
  return report;
}

// What decides a tenant's solo rate, as text; runs that agree in it share one measurement.
std::string solo_key(const Config& config, const TenantConfig& tenant, std::uint64_t seed, Nanoseconds duration) {
  std::string key =
      config.gpu + '|' + config.kernel_rules + '|' + tenant.name + '|' + tenant.trace + '|' + tenant.arrivals.path;
  for (const std::int64_t part :
       {static_cast<std::int64_t>(seed), duration.count(), static_cast<std::int64_t>(tenant.mode),
        static_cast<std::int64_t>(tenant.arrivals.kind), tenant.host_gap.count(), tenant.launch_gap.count(),
        tenant.arrivals.burst_length.count(), tenant.arrivals.burst_gap.count(),
        static_cast<std::int64_t>(tenant.arrivals.seed), static_cast<std::int64_t>(tenant.pipeline_depth),
        config.run.warmup.count()})
    key += '|' + std::to_string(part);
  return key + '|' + std::to_string(tenant.arrivals.rate_per_s);
}

struct Solo {
  double rate_per_s = 0;
  Nanoseconds p99{0};
};

class SoloRates {
 public:
  Solo find_or_measure(const Config& config, const TenantConfig& tenant,
                         const std::shared_ptr<const SimInputs>& inputs, std::uint64_t seed, Nanoseconds duration) {
    const std::string key = solo_key(config, tenant, seed, duration);
    {
      const std::lock_guard lock(mutex_);
      if (const auto known = rates_.find(key); known != rates_.end()) return known->second;
    }
    const Solo rate = measure(config, tenant, inputs, seed, duration);
    const std::lock_guard lock(mutex_);
    rates_[key] = rate;
    return rate;
  }

 private:
  static Solo measure(const Config& config, const TenantConfig& tenant,
                        const std::shared_ptr<const SimInputs>& inputs, std::uint64_t seed, Nanoseconds duration) {
    Config alone = config;
    alone.run.max_requests = 0;
    PolicySetConfig set;
    set.name = "solo";
    set.masks = false;
    set.scheduler.id = "builtin";  // never looked up, because the factory below ignores names
    set.only = {tenant.name};
    const auto fallbacks = [](const lithos_gpu_info& gpu) { return PolicySet::from_tables({}, gpu); };
    const Result<SetReport> report = run_with(alone, set, inputs, fallbacks, seed, duration, SimOptions{});
    if (!report.ok()) return {};
    const TenantReport& measured = report.value().tenants.front();
    return {measured.throughput_per_s, measured.latency_p99};
  }

  std::mutex mutex_;
  std::map<std::string, Solo> rates_;
};

SoloRates& solo_rates() {
  static SoloRates rates;
  return rates;
}

}  // namespace

std::vector<Diagnostic> check_inputs(const Config& config) {
  LoadedInputs loaded = load_inputs(config);
  if (!loaded.inputs) return std::move(loaded.diagnostics);
  return check_against_device(config, loaded.inputs->gpu.tpcs);
}

Result<SetReport> run_set(const Config& config, const PolicySetConfig& set, PolicyCatalog& catalog,
                          const SimOptions& options) {
  return run_set(
      config, set,
      [&](const lithos_gpu_info& gpu) -> Result<std::unique_ptr<PolicySet>> {
        CreatedPolicySet created = PolicySet::create(set, catalog, gpu);
        if (created.set == nullptr) return invalid_argument(join_messages(created.diagnostics));
        return std::move(created.set);
      },
      options);
}

Result<SetReport> run_set(const Config& config, const PolicySetConfig& set, const PolicyFactory& policies,
                          const SimOptions& options) {
  LoadedInputs loaded{options.inputs, {}};
  if (!loaded.inputs) loaded = load_inputs(config);
  if (!loaded.inputs) return invalid_argument(join_messages(loaded.diagnostics));
  const std::uint64_t seed = options.seed.value_or(config.run.seed);
  const Nanoseconds duration = options.duration.value_or(config.run.duration);
  Result<SetReport> report = run_with(config, set, loaded.inputs, policies, seed, duration, options);
  if (!report.ok() || !options.solo_rates) return report;
  const Nanoseconds solo_duration = std::min(duration, config.run.warmup + kSoloDurationMax);
  for (TenantReport& tenant : report.value().tenants)
    for (const TenantConfig& described : config.tenants) {
      if (described.name != tenant.name) continue;
      const Solo solo = solo_rates().find_or_measure(config, described, loaded.inputs, seed, solo_duration);
      tenant.solo_rate_per_s = solo.rate_per_s;
      tenant.solo_p99 = solo.p99;
      if (tenant.solo_rate_per_s > 0) tenant.share_of_solo = tenant.throughput_per_s / tenant.solo_rate_per_s;
    }
  return report;
}

}  // namespace lithos
