// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/tpc_set.hpp"
#include "config/sections.hpp"

namespace lithos {
namespace {

constexpr std::uint32_t kMaxPipelineDepth = 1024;
constexpr Nanoseconds kShortestArrivalPhase{1'000};

ArrivalConfig read_arrivals(const TomlTable& table, const std::string& path, std::vector<Diagnostic>& diagnostics) {
  TableReader reader(table, path, diagnostics);
  ArrivalConfig arrivals;
  const bool known = reader.choice<ArrivalKind>("kind", arrivals.kind,
                                                {{"closed", ArrivalKind::closed_loop},
                                                 {"poisson", ArrivalKind::poisson},
                                                 {"file", ArrivalKind::file},
                                                 {"bursts", ArrivalKind::bursts}},
                                                {.example = "poisson", .required = true});
  if (!known) return arrivals;  // which keys belong here depends on the kind

  const bool random = arrivals.kind == ArrivalKind::poisson || arrivals.kind == ArrivalKind::bursts;
  if (random) {
    reader.rate("rate", arrivals.rate_per_s, {.example = "300/s", .required = true});
    reader.count("seed", arrivals.seed);
  } else {
    reader.refuse("rate", "only arrivals of kind \"poisson\" and \"bursts\" have a rate");
    reader.refuse("seed", "only arrivals of kind \"poisson\" and \"bursts\" are random");
  }
  if (arrivals.kind == ArrivalKind::file)
    reader.file("path", arrivals.path, {.example = "arrivals.txt", .required = true});
  else reader.refuse("path", "only arrivals of kind \"file\" have a path");
  if (arrivals.kind == ArrivalKind::bursts) {
    reader.duration("on", arrivals.burst_length, kShortestArrivalPhase, {.example = "50ms", .required = true});
    reader.duration("off", arrivals.burst_gap, kShortestArrivalPhase, {.example = "200ms", .required = true});
  } else {
    reader.refuse("on", "only arrivals of kind \"bursts\" go on and off");
    reader.refuse("off", "only arrivals of kind \"bursts\" go on and off");
  }
  reader.finish();
  return arrivals;
}

}  // namespace

TenantConfig read_tenant(const TomlTable& table, std::size_t index, std::vector<Diagnostic>& diagnostics) {
  TableReader reader(table, fmt::format("tenant[{}]", index), diagnostics);
  TenantConfig tenant;
  tenant.where = table.where;
  if (reader.name("name", tenant.name, {.example = "hp", .required = true})) reader.rename("tenant." + tenant.name);
  reader.choice<TenantClass>("class", tenant.tenant_class,
                             {{"latency_critical", TenantClass::latency_critical},
                              {"throughput", TenantClass::throughput},
                              {"best_effort", TenantClass::best_effort}},
                             {.example = "latency_critical", .required = true});
  reader.count("quota", tenant.quota_tpcs, 0, TpcSet::kMaxTpcs);
  reader.duration("slo", tenant.slo, Nanoseconds{1});
  reader.duration("tolerates", tenant.tolerates);
  reader.bytes("memory_limit", tenant.memory_limit_bytes);
  reader.file("trace", tenant.trace, {.example = "traces/resnet50_infer_b16.csv", .required = true});
  reader.choice<LaunchMode>("mode", tenant.mode, {{"graph", LaunchMode::graph}, {"eager", LaunchMode::eager}});
  reader.count("pipeline_depth", tenant.pipeline_depth, 1, kMaxPipelineDepth);
  reader.duration("host_gap", tenant.host_gap);
  reader.duration("launch_gap", tenant.launch_gap);
  if (const TomlTable* arrivals = reader.table_at("arrivals"))
    tenant.arrivals = read_arrivals(*arrivals, reader.at("arrivals"), diagnostics);
  reader.finish();
  return tenant;
}

}  // namespace lithos
