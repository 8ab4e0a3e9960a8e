// SPDX-License-Identifier: Apache-2.0
#include "cli/report_json.hpp"

#include <nlohmann/json.hpp>

#include "cli/comparison.hpp"

namespace lithos {
namespace {

using Json = nlohmann::ordered_json;  // keeps our order: readable, and the same on every machine

const char* name_of_class(TenantClass tenant_class) {
  switch (tenant_class) {
    case TenantClass::latency_critical: return "latency_critical";
    case TenantClass::throughput: return "throughput";
    case TenantClass::best_effort: return "best_effort";
  }
  return "unknown";
}

Json latency_json(const TenantReport& tenant) {
  return {{"p50", tenant.latency_p50.count()}, {"p90", tenant.latency_p90.count()},
          {"p99", tenant.latency_p99.count()}, {"p999", tenant.latency_p999.count()},
          {"max", tenant.latency_max.count()}, {"mean", tenant.latency_mean.count()}};
}

Json tenant_json(const TenantReport& tenant) {
  Json launches = Json::object();
  for (unsigned kind = 0; kind < kCoverageKinds; ++kind)
    if (tenant.launches[kind] > 0) launches[name_of(static_cast<Coverage>(kind))] = tenant.launches[kind];
  return {{"name", tenant.name},
          {"class", name_of_class(tenant.tenant_class)},
          {"quota_tpcs", tenant.quota_tpcs},
          {"open_loop", tenant.open_loop},
          {"arrivals", tenant.arrivals},
          {"requests", tenant.requests},
          {"unfinished", tenant.unfinished},
          {"throughput_per_s", tenant.throughput_per_s},
          {"solo_rate_per_s", tenant.solo_rate_per_s},
          {"share_of_solo", tenant.share_of_solo},
          {"latency_ns", latency_json(tenant)},
          {"service_mean_ns", tenant.service_mean.count()},
          {"service_p50_ns", tenant.service_p50.count()},
          {"slo_ns", tenant.slo.count()},
          {"slo_attainment", tenant.slo_attainment},
          {"launches", std::move(launches)},
          {"covered_share", covered_share(tenant)},
          {"atoms", tenant.atoms},
          {"mispredicted", tenant.mispredicted},
          {"tpc_share", tenant.tpc_share},
          {"work_on_borrowed_share", tenant.work_on_borrowed_share}};
}

Json set_json(const SetReport& report) {
  Json policies = Json::array(), tenants = Json::array(), faults = Json::array(), metrics = Json::array();
  for (const PolicyUsed& policy : report.policies)
    policies.push_back({{"kind", policy.kind}, {"id", policy.id}, {"version", policy.version}, {"hash", policy.hash}});
  for (const TenantReport& tenant : report.tenants) tenants.push_back(tenant_json(tenant));
  for (const PolicyFaultCount& fault : report.faults)
    faults.push_back(
        {{"kind", fault.kind}, {"reason", fault.reason}, {"count", fault.count}, {"last_message", fault.last_message}});
  for (const PolicyMetricValue& metric : report.metrics)
    metrics.push_back({{"kind", metric.kind}, {"name", metric.name}, {"unit", metric.unit}, {"value", metric.value}});
  return {{"name", report.name},
          {"sharing", report.sharing},
          {"seed", report.seed},
          {"simulated_s", report.simulated_s},
          {"policies", std::move(policies)},
          {"tenants", std::move(tenants)},
          {"tpc_utilisation", report.tpc_utilisation},
          {"energy_j", report.energy_j},
          {"mean_power_w", report.mean_power_w},
          {"mean_clock_mhz", report.mean_clock_mhz},
          {"decisions", report.engine.decisions},
          {"bad_records", report.engine.bad_records},
          {"repaired_leases", report.engine.repaired_leases},
          {"records_lost", report.records_lost},
          {"events", report.events},
          {"atoms", report.atoms},
          {"faults", std::move(faults)},
          {"metrics", std::move(metrics)},
          {"warnings", report.warnings}};
}

}  // namespace

std::string to_json(const Config& config, const std::vector<SetReport>& reports) {
  Json sets = Json::array();
  for (const SetReport& report : reports) sets.push_back(set_json(report));
  const Json document{{"format", "lithos-sim-1"}, {"lithos_version", LITHOS_VERSION}, {"config", config.file},
                      {"gpu", config.gpu},        {"baseline", config.baseline},      {"sets", std::move(sets)}};
  // Text that is not UTF-8 (a path, a policy's message) must not end the program: it is replaced.
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace lithos
