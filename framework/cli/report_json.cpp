// SPDX-License-Identifier: Apache-2.0
#include "cli/report_json.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>

#include "base/tpc_ranges.hpp"
#include "cli/comparison.hpp"

namespace lithos {
namespace {

using OrderedJson = nlohmann::ordered_json;  // keeps our order: readable, and the same on every machine

const char* name_of_class(TenantClass tenant_class) {
  switch (tenant_class) {
    case TenantClass::latency_critical: return "latency_critical";
    case TenantClass::throughput: return "throughput";
    case TenantClass::best_effort: return "best_effort";
  }
  return "unknown";
}

OrderedJson latency_json(const TenantReport& tenant) {
  return {{"p50", tenant.latency_p50.count()}, {"p90", tenant.latency_p90.count()},
          {"p99", tenant.latency_p99.count()}, {"p999", tenant.latency_p999.count()},
          {"max", tenant.latency_max.count()}, {"mean", tenant.latency_mean.count()}};
}

OrderedJson histogram_json(const std::vector<DurationBucket>& histogram) {
  OrderedJson from = OrderedJson::array(), to = OrderedJson::array(), count = OrderedJson::array();
  for (const DurationBucket& bucket : histogram) {
    from.push_back(bucket.from.count());
    to.push_back(bucket.to.count());
    count.push_back(bucket.count);
  }
  return {{"from", std::move(from)}, {"to", std::move(to)}, {"count", std::move(count)}};
}

// One row per TPC: counts by bin with repetitions ("0*37 9 32*3"), or "=" where it is as the row before.
OrderedJson rows_json(const std::vector<std::uint16_t>& table, std::uint32_t bins) {
  OrderedJson rows = OrderedJson::array();
  for (std::size_t at = 0; bins > 0 && at < table.size(); at += bins) {
    const auto row = table.begin() + static_cast<std::ptrdiff_t>(at);
    if (at > 0 && std::equal(row, row + bins, row - bins)) {
      rows.push_back("=");
      continue;
    }
    std::string text;
    for (std::uint32_t bin = 0; bin < bins;) {
      std::uint32_t end = bin + 1;
      while (end < bins && row[end] == row[bin]) ++end;
      text += (text.empty() ? "" : " ") + std::to_string(row[bin]);
      if (end - bin > 1) text += "*" + std::to_string(end - bin);
      bin = end;
    }
    rows.push_back(std::move(text));
  }
  return rows;
}

OrderedJson timeline_json(const Timeline& timeline, const SetReport& report, Nanoseconds measuring_since) {
  const auto rounded = [](const std::vector<double>& values) {
    OrderedJson out = OrderedJson::array();
    for (const double value : values) out.push_back(std::round(value * 100) / 100);
    return out;
  };
  OrderedJson tenants = OrderedJson::array();
  for (std::size_t i = 0; i < timeline.tenants.size(); ++i) {
    const TenantTimeline& tenant = timeline.tenants[i];
    tenants.push_back({{"name", i < report.tenants.size() ? report.tenants[i].name : ""},
                       {"working_rows", rows_json(tenant.working, timeline.bins)},
                       {"working_tpcs", rounded(tenant.working_tpcs)},
                       {"borrowed_tpcs", rounded(tenant.borrowed_tpcs)},
                       {"leased_tpcs", rounded(tenant.leased_tpcs)},
                       {"open_requests", rounded(tenant.open_requests)}});
  }
  return {{"start_ns", (timeline.start - measuring_since).count()},
          {"bin_ns", timeline.bin.count()},
          {"bins", timeline.bins},
          {"samples_per_bin", timeline.samples_per_bin},
          {"tpcs", timeline.tpcs},
          {"tenants", std::move(tenants)},
          {"clock_mhz", rounded(timeline.clock_mhz)},
          {"power_w", rounded(timeline.power_w)}};
}

OrderedJson operators_json(const TenantReport& tenant) {
  OrderedJson operators = OrderedJson::array();
  for (const OperatorReport& op : tenant.operators)
    operators.push_back({{"name", op.name},
                         {"graph", op.graph},
                         {"blocks", op.blocks},
                         {"bound", op.bound},
                         {"wanted_tpcs", op.wanted_tpcs},
                         {"predicted_ns", op.predicted.count()},
                         {"went", name_of(op.totals.usually(Coverage::graph))},
                         {"launches", op.totals.launches},
                         {"atoms", op.totals.atoms},
                         {"ns", op.totals.ns},
                         {"tpc_ns", op.totals.tpc_ns}});
  return operators;
}

OrderedJson tenant_json(const TenantReport& tenant) {
  OrderedJson launches = OrderedJson::object();
  for (unsigned kind = 0; kind < kCoverageKinds; ++kind)
    if (tenant.launches[kind] > 0) launches[name_of(static_cast<Coverage>(kind))] = tenant.launches[kind];
  OrderedJson json{{"name", tenant.name},
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
          {"goodput_per_s", goodput_per_s(tenant)},
          {"solo_p99_ns", tenant.solo_p99.count()},
          {"tpc_share", tenant.tpc_share},
          {"work_on_borrowed_share", tenant.work_on_borrowed_share}};
  json["own_tpcs"] = to_ranges(tenant.own);
  if (!tenant.latency_histogram.empty()) json["latency_histogram_ns"] = histogram_json(tenant.latency_histogram);
  if (!tenant.operators.empty()) json["operators"] = operators_json(tenant);
  return json;
}

OrderedJson set_json(const SetReport& report) {
  OrderedJson policies = OrderedJson::array(), tenants = OrderedJson::array();
  OrderedJson faults = OrderedJson::array(), metrics = OrderedJson::array();
  for (const PolicyUsed& policy : report.policies)
    policies.push_back({{"kind", policy.kind}, {"id", policy.id}, {"version", policy.version}, {"hash", policy.hash}});
  for (const TenantReport& tenant : report.tenants) tenants.push_back(tenant_json(tenant));
  for (const PolicyFaultCount& fault : report.faults)
    faults.push_back(
        {{"kind", fault.kind}, {"reason", fault.reason}, {"count", fault.count}, {"last_message", fault.last_message}});
  for (const PolicyMetricValue& metric : report.metrics)
    metrics.push_back({{"kind", metric.kind}, {"name", metric.name}, {"unit", metric.unit}, {"value", metric.value}});
  OrderedJson json{{"name", report.name},
          {"sharing", report.sharing},
          {"confined", report.confined},
          {"seed", report.seed},
          {"simulated_s", report.simulated_s},
          {"policies", std::move(policies)},
          {"tenants", std::move(tenants)},
          {"tpc_utilisation", report.tpc_utilisation},
          {"energy_j", report.energy_j},
          {"jain", jain_of(report)},
          {"system_throughput", system_throughput(report)},
          {"system_goodput", system_goodput(report)},
          {"mean_power_w", report.mean_power_w},
          {"mean_clock_mhz", report.mean_clock_mhz},
          {"decisions", report.engine.decisions},
          {"bad_records", report.engine.bad_records},
          {"repaired_leases", report.engine.repaired_leases},
          {"refused_unmasked", report.engine.refused_unmasked},
          {"records_lost", report.records_lost},
          {"events", report.events},
          {"atoms", report.atoms},
          {"faults", std::move(faults)},
          {"metrics", std::move(metrics)},
          {"warnings", report.warnings}};
  if (!report.timelines.empty()) {
    json["timelines"] = OrderedJson::array();
    const Nanoseconds measuring_since = report.timelines.front().start;
    for (const Timeline& timeline : report.timelines)
      json["timelines"].push_back(timeline_json(timeline, report, measuring_since));
  }
  return json;
}

OrderedJson estimate_json(const Estimate& estimate) { return {{"mean", estimate.mean}, {"ci95", estimate.half_width}}; }

OrderedJson tenant_summary_json(const TenantSummary& tenant) {
  return {{"name", tenant.name},
          {"class", name_of_class(tenant.tenant_class)},
          {"slo_ns", tenant.slo.count()},
          {"diverges", tenant.diverges},
          {"p50_ms", estimate_json(tenant.p50_ms)},
          {"p99_ms", estimate_json(tenant.p99_ms)},
          {"p99_of_solo", estimate_json(tenant.p99_of_solo)},
          {"slo_attainment", estimate_json(tenant.slo_attainment)},
          {"goodput_per_s", estimate_json(tenant.goodput_per_s)},
          {"throughput_per_s", estimate_json(tenant.throughput_per_s)},
          {"share_of_solo", estimate_json(tenant.share_of_solo)}};
}

OrderedJson summary_json(const GroupSummary& summary) {
  OrderedJson tenants = OrderedJson::array(), settings = OrderedJson::object();
  for (const TenantSummary& tenant : summary.tenants) tenants.push_back(tenant_summary_json(tenant));
  for (const Setting& setting : summary.group->settings) settings[setting.key] = setting.value;
  return {{"set", summary.group->set},
          {"label", summary.group->label},
          {"case", summary.group->case_name},
          {"settings", std::move(settings)},
          {"runs", summary.group->runs.size()},
          {"first_seed", summary.group->runs.front().seed},
          {"system_throughput", estimate_json(summary.throughput)},
          {"system_goodput", estimate_json(summary.goodput)},
          {"jain", estimate_json(summary.jain)},
          {"tpc_utilisation", estimate_json(summary.utilisation)},
          {"energy_j", estimate_json(summary.energy_j)},
          {"tenants", std::move(tenants)}};
}

// Lists of numbers on one line each: the library would give every number its own.
std::string with_short_lists(const std::string& text) {
  std::string out;
  bool in_text = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (in_text && text[i] == '\\') {
      out += text[i++];
      out += text[i];
      continue;
    }
    if (text[i] == '"') in_text = !in_text;
    const std::size_t end = !in_text && text[i] == '[' ? text.find_first_not_of("0123456789+-.eE, \n", i + 1) : i;
    if (end == i || end == std::string::npos || text[end] != ']') {
      out += text[i];
      continue;
    }
    for (; i < end; ++i)
      if (text[i] != ' ' && text[i] != '\n') out += text[i];
    out += ']';
  }
  return out;
}

// Text that is not UTF-8 (a path, a policy's message) must not end the program: it is replaced.
std::string dump(const OrderedJson& document) {
  return with_short_lists(document.dump(2, ' ', false, OrderedJson::error_handler_t::replace)) + "\n";
}

OrderedJson head(const Config& config) {
  return {{"format", "lithos-sim-1"}, {"lithos_version", LITHOS_VERSION}, {"config", config.file},
          {"gpu", config.gpu},        {"baseline", config.baseline}};
}

}  // namespace

std::string to_json(const Config& config, const std::vector<SetReport>& reports) {
  OrderedJson document = head(config);
  document["sets"] = OrderedJson::array();
  for (const SetReport& report : reports) document["sets"].push_back(set_json(report));
  return dump(document);
}

std::string to_json(const Config& config, const std::vector<GroupSummary>& summaries) {
  OrderedJson document = head(config);
  document["sets"] = OrderedJson::array();
  document["summary"] = OrderedJson::array();
  for (const GroupSummary& summary : summaries) {
    for (const SetReport& run : summary.group->runs) {
      OrderedJson json = set_json(run);
      json["label"] = summary.group->label;
      json["case"] = summary.group->case_name;
      document["sets"].push_back(std::move(json));
    }
    document["summary"].push_back(summary_json(summary));
  }
  return dump(document);
}

std::string to_json(const std::vector<std::pair<std::string, std::vector<GroupSummary>>>& experiments) {
  OrderedJson document{{"format", "lithos-bench-policies-1"}, {"lithos_version", LITHOS_VERSION}};
  document["experiments"] = OrderedJson::array();
  for (const auto& [name, summaries] : experiments) {
    OrderedJson rows = OrderedJson::array();
    for (const GroupSummary& summary : summaries) rows.push_back(summary_json(summary));
    document["experiments"].push_back({{"name", name}, {"summary", std::move(rows)}});
  }
  return dump(document);
}

}  // namespace lithos
