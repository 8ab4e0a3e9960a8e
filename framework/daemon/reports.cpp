// SPDX-License-Identifier: Apache-2.0
#include "daemon/reports.hpp"

#include "base/tpc_ranges.hpp"

namespace lithos {

const char* name_of(TenantClass tenant_class) {
  switch (tenant_class) {
    case TenantClass::latency_critical: return "latency_critical";
    case TenantClass::throughput: return "throughput";
    case TenantClass::best_effort: return "best_effort";
  }
  return "?";
}

namespace {

const char* name_of(Pressure pressure) {
  return pressure == Pressure::idle ? "idle" : pressure == Pressure::active ? "active" : "pressed";
}

Json operators_json(const std::vector<OperatorReport>& operators) {
  Json list = Json::array();
  for (const OperatorReport& op : operators) {
    Json one = Json::object();
    one.set("name", op.name).set("launches", op.totals.launches).set("atoms", op.totals.atoms).set("ns", op.totals.ns);
    one.set("tpc_ns", op.totals.tpc_ns).set("wanted_tpcs", op.wanted_tpcs);
    list.add(one.set("predicted_ns", op.predicted.count()));
  }
  return list;
}

}  // namespace

Json to_json(const SessionReport& session) {
  Json json = Json::object();
  json.set("name", session.name).set("class", name_of(session.tenant_class)).set("pid", session.pid);
  json.set("slot", session.slot).set("incarnation", session.incarnation).set("quota_tpcs", session.quota_tpcs).set("own_tpcs", session.own.count());
  json.set("leased_tpcs", session.leased.count()).set("pressure", name_of(session.pressure));
  json.set("own", to_ranges(session.own)).set("leased", to_ranges(session.leased)).set("working", to_ranges(session.working));
  Json latency = Json::object();
  latency.set("p50", session.latency_p50.count()).set("p99", session.latency_p99.count());
  json.set("slo_ns", session.slo.count()).set("slo_attainment", session.slo_attainment).set("latency_ns", latency);
  json.set("queued", session.queued).set("device_in_flight", session.device_in_flight);
  json.set("atoms_submitted", session.counters.atoms_submitted)
      .set("atoms_completed", session.counters.atoms_completed);
  json.set("requests_completed", session.counters.requests_completed);
  Json launches = Json::object();
  for (unsigned kind = 0; kind < kCoverageKinds; ++kind)
    if (session.counters.launches[kind] > 0)
      launches.set(lithos::name_of(static_cast<Coverage>(kind)), session.counters.launches[kind]);
  json.set("launches", launches);
  if (!session.operators.empty()) json.set("operators", operators_json(session.operators));
  json.set("records", session.link.records)
      .set("records_bad", session.link.bad_records)
      .set("records_dropped", session.records_dropped);
  json.set("submissions", session.link.submissions).set("submissions_bad", session.link.bad_submissions);
  json.set("wakes_paid", session.link.wakes_paid);
  return json;
}

Json to_json(const PolicyManagerReport& report) {
  Json json = Json::object();
  json.set("generation", report.generation).set("in_probation", report.in_probation);
  Json policies = Json::array();
  for (const PolicyInForce& policy : report.policies) {
    Json one = Json::object();
    one.set("kind", lithos::name_of(policy.description.kind)).set("policy", policy.description.id);
    one.set("version", policy.description.version).set("path", policy.path).set("hash", policy.description.hash);
    one.set("calls", policy.calls)
        .set("fallbacks", policy.fallbacks)
        .set("faults", policy.faults)
        .set("last_fault", policy.last_fault);
    policies.add(one);
  }
  json.set("policies", policies).set("swaps", report.swaps).set("rollbacks", report.rollbacks);
  json.set("demotions", report.demotions).set("failed_changes", report.failed_changes);
  Json prediction = Json::object();
  prediction.set("judged", report.prediction.judged).set("contended", report.prediction.contended);
  prediction.set("unfamiliar", report.prediction.unfamiliar).set("bad_windows", report.prediction.bad_windows);
  prediction.set("off_share", report.prediction.off).set("builtin_off_share", report.prediction.builtin_off);
  json.set("prediction", prediction).set("quality_demotions", report.quality_demotions);
  json.set("modules_leaked", report.modules_leaked)
      .set("modules_pinned", report.modules_pinned)
      .set("last_event", report.last_event);
  return json;
}

Json to_json(const std::vector<std::pair<std::string, PluginReport>>& plugins) {
  Json list = Json::array();
  for (const auto& [name, report] : plugins) {
    Json one = Json::object();
    one.set("name", name).set("kind", report.kind == PluginKind::power ? "power" : "exporter");
    one.set("plugin", report.description.id).set("version", report.description.version);
    one.set("path", report.description.path).set("hash", report.description.hash);
    one.set("events", report.feed.delivered)
        .set("events_dropped", report.feed.dropped)
        .set("events_refused", report.feed.refused)
        .set("events_waiting", report.feed.waiting);
    one.set("samples", report.samples).set("clock_requests", report.clock_requests);
    one.set("failures", report.failures).set("last_failure", report.last_failure);
    one.set("busy_for_s", to_seconds(report.busy_for));
    Json metrics = Json::object();
    for (const MetricReading& metric : report.metrics) metrics.set(metric.name, metric.value);
    list.add(one.set("metrics", metrics));
  }
  return list;
}

Json to_json(const ChangeReport& report) {
  Json changes = Json::array();
  for (const std::string& change : report.changes) changes.add(change);
  Json json = Json::object();
  json.set("generation", report.generation)
      .set("changes", changes)
      .set("prepare_us", report.prepare_us)
      .set("pause_us", report.pause_us)
      .set("longest_refresh_us", report.longest_refresh_us)
      .set("probation_s", to_seconds(report.probation));
  Json steps = Json::object();
  for (std::size_t i = 0; i < kChangeSteps; ++i)
    if (report.step_us[i] > 0) steps.set(name_of(static_cast<ChangeStep>(i)), report.step_us[i]);
  return json.set("step_us", steps);
}

Json to_json(const QuarantinedLibrary& library) {
  Json json = Json::object();
  json.set("hash", library.hash).set("policy", library.id).set("path", library.path).set("reason", library.reason);
  return json;
}

}  // namespace lithos
