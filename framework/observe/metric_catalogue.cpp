// SPDX-License-Identifier: Apache-2.0
#include "observe/metric_catalogue.hpp"

#include <fmt/format.h>

#include <cmath>

namespace lithos {
namespace {

constexpr std::uint32_t kCounter = LITHOS_SERIES_COUNTER, kGauge = LITHOS_SERIES_GAUGE,
                        kHistogram = LITHOS_SERIES_HISTOGRAM;

constexpr std::array<MetricEntry, kMetrics> kCatalogue{{
    {Metric::build_info,
     kGauge,
     "lithos_build_info",
     {"version", "gpu"},
     "Always 1; which LithOS this is, and for which GPU."},
    {Metric::gpu_tpcs, kGauge, "lithos_gpu_tpcs", {}, "TPCs of the GPU."},
    {Metric::gpu_clock, kGauge, "lithos_gpu_clock_hertz", {}, "SM clock in force."},
    {Metric::gpu_power,
     kGauge,
     "lithos_gpu_power_watts",
     {},
     "Power drawn, mean of the last reading; absent where nobody can read it."},
    {Metric::gpu_energy, kCounter, "lithos_gpu_energy_joules_total", {}, "Energy drawn since the start."},
    {Metric::decisions, kCounter, "lithos_decisions_total", {}, "Times the scheduler was asked."},
    {Metric::leases_repaired,
     kCounter,
     "lithos_leases_repaired_total",
     {},
     "Leases that broke a safety rule and were put right."},
    {Metric::leases_refused_unmasked,
     kCounter,
     "lithos_leases_refused_unmasked_total",
     {},
     "Leases that a policy wished unmasked while masks are on."},
    {Metric::records_bad,
     kCounter,
     "lithos_records_bad_total",
     {},
     "Records of tenants that made no sense, or came twice."},
    {Metric::completions_lost,
     kCounter,
     "lithos_completions_lost_total",
     {},
     "Atoms given up because nobody reported their end."},
    {Metric::rights_gathered,
     kCounter,
     "lithos_rights_gathered_total",
     {},
     "Launches that may spin and had to have their TPCs gathered."},
    {Metric::policy_info,
     kGauge,
     "lithos_policy_info",
     {"kind", "policy", "version", "hash"},
     "Always 1; the policy in force of each kind. hash: of its library, empty for a built-in one."},
    {Metric::policy_generation,
     kGauge,
     "lithos_policy_generation",
     {},
     "Counts the sets of policies that were in force."},
    {Metric::policy_swaps,
     kCounter,
     "lithos_policy_swaps_total",
     {},
     "Changes of policies that were carried out, by whomever."},
    {Metric::policy_changes_refused,
     kCounter,
     "lithos_policy_changes_refused_total",
     {},
     "Changes that failed; the old policies stayed in force."},
    {Metric::policy_rollbacks,
     kCounter,
     "lithos_policy_rollbacks_total",
     {},
     "Returns to the policies before, asked for or by the guard."},
    {Metric::policy_demotions,
     kCounter,
     "lithos_policy_demotions_total",
     {},
     "Policies that the guard took out of force."},
    {Metric::policies_quarantined,
     kGauge,
     "lithos_policies_quarantined",
     {},
     "Libraries that are not loaded any more."},
    {Metric::policy_calls, kCounter, "lithos_policy_calls_total", {"kind"}, "Questions to policies."},
    {Metric::policy_call_time,
     kHistogram,
     "lithos_policy_call_seconds",
     {"kind"},
     "How long their answers took: for the scheduler, the time of a decision."},
    {Metric::policy_fallbacks,
     kCounter,
     "lithos_policy_fallbacks_total",
     {"kind"},
     "Questions that the built-in policy answered in place of the one in force."},
    {Metric::policy_faults,
     kCounter,
     "lithos_policy_faults_total",
     {"kind", "reason"},
     "Calls that failed or were late: error_status, exception, too_late, and slow, whose answers are used."},
    {Metric::policy_rejected_answers,
     kCounter,
     "lithos_policy_rejected_answers_total",
     {"kind", "reason"},
     "Parts of answers that were dropped or put right."},
    {Metric::tenants, kGauge, "lithos_tenants", {"class"}, "Tenants that are attached."},
    {Metric::tenants_joined, kCounter, "lithos_tenants_joined_total", {}, "Tenants that ever attached."},
    {Metric::tenant_quota, kGauge, "lithos_tenant_quota_tpcs", {"tenant"}, "TPCs it is configured to own."},
    {Metric::tenant_own, kGauge, "lithos_tenant_own_tpcs", {"tenant"}, "TPCs it owns."},
    {Metric::tenant_usable,
     kGauge,
     "lithos_tenant_usable_tpcs",
     {"tenant"},
     "TPCs that its lease names, those of idle owners included."},
    {Metric::tenant_busy, kGauge, "lithos_tenant_busy_tpcs", {"tenant"}, "TPCs on which its work runs."},
    {Metric::tenant_busy_ratio,
     kGauge,
     "lithos_tenant_tpc_busy_ratio",
     {"tenant"},
     "Share of the GPU's TPC time on which its work ran, since the sample before."},
    {Metric::tenant_busy_time,
     kCounter,
     "lithos_tenant_tpc_busy_seconds_total",
     {"tenant"},
     "TPCs times seconds on which its work ran."},
    {Metric::tenant_launches,
     kCounter,
     "lithos_tenant_launches_total",
     {"tenant", "outcome"},
     "Launches by how they went: masked and cut are as policy wished, the others say why not."},
    {Metric::tenant_atoms_submitted,
     kCounter,
     "lithos_tenant_atoms_submitted_total",
     {"tenant"},
     "Atoms, whole launches and graphs given to the GPU."},
    {Metric::tenant_atoms_completed,
     kCounter,
     "lithos_tenant_atoms_completed_total",
     {"tenant"},
     "… that the GPU has finished."},
    {Metric::tenant_queued,
     kGauge,
     "lithos_tenant_queued_launches",
     {"tenant"},
     "Launches that wait in its launch queues."},
    {Metric::tenant_in_flight, kGauge, "lithos_tenant_atoms_in_flight", {"tenant"}, "Atoms on the GPU."},
    {Metric::tenant_queue_wait,
     kHistogram,
     "lithos_tenant_queue_wait_seconds",
     {"tenant"},
     "From a launch entering its queue until its first atom is given to the GPU."},
    {Metric::tenant_requests,
     kCounter,
     "lithos_tenant_requests_total",
     {"tenant"},
     "Requests completed: graphs, or launches up to a synchronisation."},
    {Metric::tenant_request_latency,
     kHistogram,
     "lithos_tenant_request_seconds",
     {"tenant"},
     "From a request's first launch to its end."},
    {Metric::tenant_slo,
     kGauge,
     "lithos_tenant_slo_seconds",
     {"tenant"},
     "Its objective for that; absent if it has none."},
    {Metric::tenant_slo_attainment,
     kGauge,
     "lithos_tenant_slo_attainment_ratio",
     {"tenant"},
     "Share of its last 256 requests that met it; absent if it has none."},
    {Metric::tenant_prediction_error,
     kHistogram,
     "lithos_tenant_prediction_error_seconds",
     {"tenant"},
     "Predicted against measured time of its atoms, without the sign."},
    {Metric::tenant_mispredicted,
     kCounter,
     "lithos_tenant_mispredicted_total",
     {"tenant"},
     "Atoms whose prediction was off by more than 50 µs."},
    {Metric::tenant_names_merged,
     kCounter,
     "lithos_tenant_names_merged_total",
     {},
     "Tenants whose series were merged into tenant=\"_other\", because there were too many names."},
    {Metric::plugin_events, kCounter, "lithos_plugin_events_total", {"plugin"}, "Events that the exporter took."},
    {Metric::plugin_events_dropped,
     kCounter,
     "lithos_plugin_events_dropped_total",
     {"plugin"},
     "Events that it was too slow for."},
    {Metric::plugin_samples, kCounter, "lithos_plugin_samples_total", {"plugin"}, "Samples of metrics handed to it."},
    {Metric::plugin_failures, kCounter, "lithos_plugin_failures_total", {"plugin"}, "Calls of the plugin that failed."},
    {Metric::plugin_busy,
     kGauge,
     "lithos_plugin_busy_seconds",
     {"plugin"},
     "How long it has been in the call it is in; 0: it is in none."},
}};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kMetrics; ++i)
    if (static_cast<std::size_t>(kCatalogue[i].metric) != i) return false;
  return true;
}
static_assert(in_order(), "the table is in the order of the enumeration");

const char* type_name(std::uint32_t type) {
  return type == kCounter ? "counter" : type == kGauge ? "gauge" : "histogram";
}

}  // namespace

std::span<const MetricEntry, kMetrics> metric_catalogue() { return kCatalogue; }
const MetricEntry& entry_of(Metric metric) { return kCatalogue[static_cast<std::size_t>(metric)]; }

std::size_t labels_of(const MetricEntry& entry) {
  std::size_t count = 0;
  while (count < std::size(entry.label) && entry.label[count] != nullptr) ++count;
  return count;
}

const std::array<double, kBounds>& histogram_bounds() {
  static const std::array<double, kBounds> kAll = [] {
    std::array<double, kBounds> bounds{};
    for (std::size_t i = 0; i < kBounds; ++i) bounds[i] = std::ldexp(1e-9, static_cast<int>(kFirstBoundPow2 + i));
    return bounds;
  }();
  return kAll;
}

std::string metric_reference() {
  std::string page =
      "<!-- Made from framework/observe/metric_catalogue.cpp: `metrics_reference > docs/reference/metrics.md`; a test "
      "compares. -->\n"
      "# Metrics\n\n"
      "What every exporter that takes samples is given once a second; `export_prometheus` serves it at `/metrics`. "
      "Base units; counters start\n"
      "at 0 with the process. Histograms have buckets at powers of two nanoseconds, from 1 µs to 17 s.\n\n"
      "`tenant` is the tenant's name; after 64 names, others are counted together as `_other`. `kind` is `scheduler`, "
      "`predictor`,\n"
      "`right_sizer` or `dvfs`; `plugin` a plugin's short name.\n\n"
      "| metric | type | labels | meaning |\n|---|---|---|---|\n";
  for (const MetricEntry& entry : kCatalogue) {
    std::string labels;
    for (std::size_t i = 0; i < labels_of(entry); ++i)
      labels += fmt::format("{}`{}`", i == 0 ? "" : ", ", entry.label[i]);
    page += fmt::format("| `{}` | {} | {} | {} |\n", entry.name, type_name(entry.type), labels, entry.help);
  }
  return page;
}

}  // namespace lithos
