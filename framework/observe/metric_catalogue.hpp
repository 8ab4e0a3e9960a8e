// SPDX-License-Identifier: Apache-2.0
// Every metric of the host: the one table of names, types, labels and meanings. docs/reference/metrics.md is made from
// it (tests/unit/observe compares), and a page cannot hold anything that is not in it (metric_page.hpp).
//
// Names and units as Prometheus has them: seconds, joules, watts, hertz, ratios of 1; counters end in _total.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "lithos/service_abi.h"

namespace lithos {

enum class Metric : std::uint8_t {
  build_info,
  gpu_tpcs,
  gpu_clock,
  gpu_power,
  gpu_energy,
  decisions,
  leases_repaired,
  leases_refused_unmasked,
  records_bad,
  completions_lost,
  rights_gathered,
  policy_info,
  policy_generation,
  policy_swaps,
  policy_changes_refused,
  policy_rollbacks,
  policy_demotions,
  policies_quarantined,
  policy_calls,
  policy_call_time,
  policy_fallbacks,
  policy_faults,
  policy_rejected_answers,
  tenants,
  tenants_joined,
  tenant_quota,
  tenant_own,
  tenant_usable,
  tenant_busy,
  tenant_busy_ratio,
  tenant_busy_time,
  tenant_launches,
  tenant_atoms_submitted,
  tenant_atoms_completed,
  tenant_queued,
  tenant_in_flight,
  tenant_queue_wait,
  tenant_requests,
  tenant_request_latency,
  tenant_slo,
  tenant_slo_attainment,
  tenant_prediction_error,
  tenant_mispredicted,
  tenant_names_merged,
  plugin_events,
  plugin_events_dropped,
  plugin_samples,
  plugin_failures,
  plugin_busy,
};
inline constexpr std::size_t kMetrics = static_cast<std::size_t>(Metric::plugin_busy) + 1;

struct MetricEntry {
  Metric metric;
  std::uint32_t type;  // LITHOS_SERIES_*
  const char* name;
  const char* label[4];  // null: no more
  const char* help;
};

std::span<const MetricEntry, kMetrics> metric_catalogue();  // by Metric
const MetricEntry& entry_of(Metric metric);
std::size_t labels_of(const MetricEntry& entry);

// Bounds of every histogram: powers of two nanoseconds, from 1 µs to 17 s, in seconds.
inline constexpr unsigned kFirstBoundPow2 = 10, kLastBoundPow2 = 34;
inline constexpr std::size_t kBounds = kLastBoundPow2 - kFirstBoundPow2 + 1;
const std::array<double, kBounds>& histogram_bounds();

// docs/reference/metrics.md.
std::string metric_reference();

}  // namespace lithos
