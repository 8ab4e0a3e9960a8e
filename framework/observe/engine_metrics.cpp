// SPDX-License-Identifier: Apache-2.0
#include "observe/engine_metrics.hpp"

#include <algorithm>
#include <array>

namespace lithos {
namespace {

TenantCounters operator-(TenantCounters now, const TenantCounters& before) {
  for (unsigned k = 0; k < kCoverageKinds; ++k) now.launches[k] -= before.launches[k];
  now.atoms_submitted -= before.atoms_submitted;
  now.atoms_completed -= before.atoms_completed;
  now.requests_completed -= before.requests_completed;
  now.service_tpc_ns -= before.service_tpc_ns;
  now.mispredicted -= before.mispredicted;
  return now;
}

void add(TenantCounters& to, const TenantCounters& more) {
  for (unsigned k = 0; k < kCoverageKinds; ++k) to.launches[k] += more.launches[k];
  to.atoms_submitted += more.atoms_submitted;
  to.atoms_completed += more.atoms_completed;
  to.requests_completed += more.requests_completed;
  to.service_tpc_ns += more.service_tpc_ns;
  to.mispredicted += more.mispredicted;
}

bool is_behaviour(FaultReason reason) { return reason <= FaultReason::slow; }  // else it is about an answer's content

// Gauges of tenants that are there; those under one label are added up.
struct Present {
  std::uint64_t quota = 0, own = 0, usable = 0, busy = 0, queued = 0, in_flight = 0;
  Nanoseconds slo{0};
  double attainment = 1;
};

}  // namespace

const std::string& EngineMetrics::label_for(const TenantSnapshot& tenant) {
  static const std::string kOtherLabel = kOther;
  if (const auto known = seen_.find(tenant.serial); known != seen_.end()) return known->second.label;
  if (const auto known = totals_.find(tenant.name); known != totals_.end()) return known->first;
  if (totals_.size() < kNamesMax) return totals_.try_emplace(tenant.name).first->first;
  ++merged_;
  return kOtherLabel;
}

void EngineMetrics::add_up(const TenantSnapshot& tenant, const std::string& label) {
  static const Totals kNothing{};
  const auto known = seen_.find(tenant.serial);
  const Totals& before = known != seen_.end() ? known->second.totals : kNothing;
  Totals& totals = totals_[label];
  add(totals.counters, tenant.counters - before.counters);
  totals.statistics.queue_wait += tenant.statistics.queue_wait.since(before.statistics.queue_wait);
  totals.statistics.request_latency += tenant.statistics.request_latency.since(before.statistics.request_latency);
  totals.statistics.prediction_error += tenant.statistics.prediction_error.since(before.statistics.prediction_error);
  totals.busy_tpc_ns += tenant.busy_tpc_ns - before.busy_tpc_ns;
  busy_since_[label] += tenant.busy_tpc_ns - before.busy_tpc_ns;
}

void EngineMetrics::take(const EngineSnapshot& now, MetricPage& page) {
  busy_since_.clear();
  std::map<std::uint64_t, Seen> seen;
  for (const TenantSnapshot& tenant : now.tenants) {
    if (tenant.serial == 0) continue;
    const std::string label = label_for(tenant);
    add_up(tenant, label);
    seen[tenant.serial] = {{tenant.counters, tenant.statistics, tenant.busy_tpc_ns}, label};
  }
  put_engine(now, page);
  const double seconds = to_seconds(now.at - last_at_);
  seen_ = std::move(seen);
  put_tenants(now, last_at_.count() == 0 ? 0 : seconds, page);
  last_at_ = now.at;
}

void EngineMetrics::put_engine(const EngineSnapshot& now, MetricPage& page) {
  page.add(Metric::gpu_tpcs, {}, std::uint64_t{now.gpu_tpcs});
  if (now.clock_mhz != 0) page.add(Metric::gpu_clock, {}, now.clock_mhz * 1e6);
  page.add(Metric::gpu_power, {}, now.power_w);
  page.add(Metric::decisions, {}, now.counters.decisions);
  page.add(Metric::leases_repaired, {}, now.counters.repaired_leases);
  page.add(Metric::leases_refused_unmasked, {}, now.counters.refused_unmasked);
  page.add(Metric::records_bad, {}, now.counters.bad_records);
  page.add(Metric::completions_lost, {}, now.counters.lost_completions);
  page.add(Metric::rights_gathered, {}, now.counters.gathered_rights);
  page.add(Metric::policy_generation, {}, now.policy_generation);
  for (const PolicyKind kind : kAllPolicyKinds) {
    const PolicyTotals::Kind& totals = now.policies.of(kind);
    page.add(Metric::policy_calls, {name_of(kind)}, totals.calls);
    page.add(Metric::policy_fallbacks, {name_of(kind)}, totals.fallbacks);
    page.add(Metric::policy_call_time, {name_of(kind)}, now.policy_call_times[index_of(kind)]);
    for (std::size_t r = 0; r < kFaultReasons; ++r) {
      const auto reason = static_cast<FaultReason>(r);
      if (is_behaviour(reason)) page.add(Metric::policy_faults, {name_of(kind), name_of(reason)}, totals.faults[r]);
      else if (totals.faults[r] > 0)
        page.add(Metric::policy_rejected_answers, {name_of(kind), name_of(reason)}, totals.faults[r]);
    }
  }
}

void EngineMetrics::put_tenants(const EngineSnapshot& now, double seconds, MetricPage& page) {
  std::array<std::uint64_t, 4> by_class{};
  std::map<std::string, Present> present;
  for (const TenantSnapshot& tenant : now.tenants) {
    if (!tenant.present) continue;
    ++by_class[std::min<std::size_t>(static_cast<std::size_t>(tenant.tenant_class), 3)];
    Present& one = present[seen_[tenant.serial].label];
    one.quota += tenant.quota_tpcs;
    one.own += tenant.own.count();
    one.usable += tenant.usable.count();
    one.busy += tenant.busy_tpcs;
    one.queued += tenant.queued;
    one.in_flight += tenant.in_flight;
    one.slo = tenant.slo;
    one.attainment = tenant.attainment;
  }
  constexpr std::array<const char*, 4> kClasses{"", "latency_critical", "throughput", "best_effort"};
  for (std::size_t c = 1; c < kClasses.size(); ++c) page.add(Metric::tenants, {kClasses[c]}, by_class[c]);
  page.add(Metric::tenant_names_merged, {}, merged_);
  for (const auto& [label, one] : present) {
    page.add(Metric::tenant_quota, {label}, one.quota);
    page.add(Metric::tenant_own, {label}, one.own);
    page.add(Metric::tenant_usable, {label}, one.usable);
    page.add(Metric::tenant_busy, {label}, one.busy);
    page.add(Metric::tenant_queued, {label}, one.queued);
    page.add(Metric::tenant_in_flight, {label}, one.in_flight);
    if (one.slo.count() == 0 || label == kOther) continue;
    page.add(Metric::tenant_slo, {label}, to_seconds(one.slo));
    page.add(Metric::tenant_slo_attainment, {label}, one.attainment);
  }
  for (const auto& [label, totals] : totals_) {
    page.add(Metric::tenant_busy_time, {label}, static_cast<double>(totals.busy_tpc_ns) * 1e-9);
    const double share = static_cast<double>(busy_since_[label]) * 1e-9 / (seconds * std::max(now.gpu_tpcs, 1u));
    if (seconds > 0) page.add(Metric::tenant_busy_ratio, {label}, share);
    for (unsigned k = 0; k < kCoverageKinds; ++k)
      if (totals.counters.launches[k] > 0)
        page.add(Metric::tenant_launches, {label, name_of(static_cast<Coverage>(k))}, totals.counters.launches[k]);
    page.add(Metric::tenant_atoms_submitted, {label}, totals.counters.atoms_submitted);
    page.add(Metric::tenant_atoms_completed, {label}, totals.counters.atoms_completed);
    page.add(Metric::tenant_requests, {label}, totals.counters.requests_completed);
    page.add(Metric::tenant_mispredicted, {label}, totals.counters.mispredicted);
    page.add(Metric::tenant_queue_wait, {label}, totals.statistics.queue_wait);
    page.add(Metric::tenant_request_latency, {label}, totals.statistics.request_latency);
    page.add(Metric::tenant_prediction_error, {label}, totals.statistics.prediction_error);
  }
}

}  // namespace lithos
