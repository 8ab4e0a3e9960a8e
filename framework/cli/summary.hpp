// SPDX-License-Identifier: Apache-2.0
// What several seeds of one set come to: mean and 95 % confidence interval of everything that tables compare. Pure.
//
//   goodput     requests per second that were done within the SLO; all of them where there is none
//   of solo     rate against the same tenant alone on the whole GPU, with the same arrivals
//   system      the tenants' shares of solo added up: 1 is what one tenant after the other would get; `goodput` counts only what met
//               its SLO
//   Jain        Jain's index over the shares of solo
#pragma once

#include <string>
#include <vector>

#include "cli/experiment.hpp"
#include "sim/estimate.hpp"

namespace lithos {

struct TenantSummary {
  std::string name;
  TenantClass tenant_class = TenantClass::best_effort;
  Nanoseconds slo{0};
  bool diverges = false;  // at some seed: percentiles then say how long the run was
  Estimate p50_ms, p99_ms, p99_of_solo, slo_attainment, goodput_per_s, throughput_per_s, share_of_solo;
};

struct GroupSummary {
  const RunGroup* group = nullptr;
  std::vector<TenantSummary> tenants;
  Estimate throughput, goodput;  // of the system
  Estimate jain, utilisation, energy_j;
};

// Open loops whose queue kept growing.
bool diverged(const TenantReport& tenant);
double goodput_per_s(const TenantReport& tenant);
// Sum over the tenants of what they did alone.
double system_throughput(const SetReport& report);
double system_goodput(const SetReport& report);
double jain_of(const SetReport& report);

GroupSummary summarise(const RunGroup& group);
std::vector<GroupSummary> summarise(const Experiment& experiment);

// One row per set and tenant, means with intervals.
std::string render_summary(const Config& config, const std::vector<GroupSummary>& summaries, bool colour);
// "7.46 ± 0.12"; "7.46" where there is one run only.
std::string with_interval(const Estimate& estimate);
std::string percent_with_interval(const Estimate& estimate);

// `lithos sim --operators`: what ran of each operator, the heaviest first, of the first seed of each set.
std::string render_operators(const Experiment& experiment, std::size_t most, bool colour);

}  // namespace lithos
