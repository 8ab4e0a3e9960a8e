// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/tpc_set.hpp"
#include "config/key_table.hpp"
#include "config/sections.hpp"

namespace lithos {
namespace {

constexpr std::uint32_t kMaxPipelineDepth = 1024;
constexpr Nanoseconds kShortestArrivalPhase{1'000};
constexpr double kLeastThreadLimit = 1, kMostThreadLimit = 100;  // percent
constexpr std::uint32_t kMaxConnections = 32;                    // what the driver takes

bool has_bursts(const ArrivalConfig& arrivals) { return arrivals.kind == ArrivalKind::bursts; }
bool is_random(const ArrivalConfig& arrivals) { return arrivals.kind == ArrivalKind::poisson || has_bursts(arrivals); }
bool is_recorded(const ArrivalConfig& arrivals) { return arrivals.kind == ArrivalKind::file; }

const KeyTable<ArrivalConfig>& arrival_keys() {
  using A = ArrivalConfig;
  constexpr const char* kNoPath = "only arrivals of kind \"file\" have a path";
  constexpr const char* kNoBursts = "only arrivals of kind \"bursts\" go on and off";
  static const KeyTable<A> keys(
      "arrivals", {choice_key("kind", &A::kind,
                              Choices<ArrivalKind>{{"closed", ArrivalKind::closed_loop},
                                                   {"poisson", ArrivalKind::poisson},
                                                   {"file", ArrivalKind::file},
                                                   {"bursts", ArrivalKind::bursts}},
                              "decides which of the other keys there are", {.required = true, .example = "poisson"})
                       .decides(),
                   rate_key("rate", &A::rate_per_s, "`poisson`, and `bursts` while they are on: mean rate of requests",
                            {.required = true, .example = "300/s"})
                       .when(is_random, "only arrivals of kind \"poisson\" and \"bursts\" have a rate"),
                   count_key("seed", &A::seed, "`poisson`, `bursts`: for arrivals of their own", {},
                             {.unset = "from `run.seed` and the tenant's name"})
                       .when(is_random, "only arrivals of kind \"poisson\" and \"bursts\" are random"),
                   file_key("path", &A::path, "`file`: one arrival time in microseconds per line",
                            {.required = true, .example = "arrivals.txt"})
                       .when(is_recorded, kNoPath),
                   duration_key("on", &A::burst_length, "`bursts`: length of one", kShortestArrivalPhase,
                                {.required = true, .example = "50ms"})
                       .when(has_bursts, kNoBursts),
                   duration_key("off", &A::burst_gap, "`bursts`: time between two", kShortestArrivalPhase,
                                {.required = true, .example = "200ms"})
                       .when(has_bursts, kNoBursts)});
  return keys;
}

void read_arrivals(TableReader& tenant, ArrivalConfig& arrivals) {
  const TomlTable* table = tenant.table_at("arrivals");
  if (!table) return;
  TableReader reader(*table, tenant.at("arrivals"), tenant.diagnostics());
  if (arrival_keys().read(reader, arrivals)) reader.finish();
}

const KeyTable<TenantConfig>& tenant_keys() {
  using T = TenantConfig;
  static const KeyTable<T> keys(
      "[[tenant]]",
      {name_key("tenant", &T::name, "up to 32 letters, digits, `_`, `-`, `.`", "hp"),
       choice_key("class", &T::tenant_class,
                  Choices<TenantClass>{{"latency_critical", TenantClass::latency_critical},
                                       {"throughput", TenantClass::throughput},
                                       {"best_effort", TenantClass::best_effort}},
                  "what it is promised ([concepts](../concepts/tenants-and-leases.md))",
                  {.required = true, .example = "latency_critical"}),
       count_key("quota", &T::quota_tpcs, "TPCs of its own", {.max = TpcSet::kMaxTpcs}),
       duration_key("slo", &T::slo, "latency its requests should keep to", Nanoseconds{1}, {.unset = "none"}),
       duration_key("tolerates", &T::tolerates, "longest uncuttable launch of others that it accepts on its TPCs"),
       bytes_key("memory_limit", &T::memory_limit_bytes, "of a CUDA program: what all its allocations on the device may come to ([shim](../design/shim.md))", {.unset = "none"}),
       count_key("advertised_tpcs", &T::advertised_tpcs,
                 "of a CUDA program: the GPU's size as it is told, so that libraries choose kernels that fit ([shim](../design/shim.md))",
                 {.max = TpcSet::kMaxTpcs}, {.unset = "all"}),
       file_key("trace", &T::trace,
                "CSV of the kernels of one request or iteration ([columns](../../configs/traces/README.md))",
                {.required = true, .example = "traces/resnet50_infer_b16.csv"}),
       choice_key("mode", &T::mode, Choices<LaunchMode>{{"graph", LaunchMode::graph}, {"eager", LaunchMode::eager}},
                  "`\"graph\"`: one launch per request; `\"eager\"`: one per kernel, with the CPU time that takes"),
       count_key("pipeline_depth", &T::pipeline_depth, "requests handed to the GPU before the first has completed",
                 {.min = 1, .max = kMaxPipelineDepth}),
       duration_key("host_gap", &T::host_gap, "CPU time between the end of an iteration and the next launch"),
       duration_key("launch_gap", &T::launch_gap, "eager: CPU time per launch", {}, {.unset = "the device's"}),
       own_key<T>("command", "list of text", "none",
                  "`[\"python3\", \"tenant.py\", \"be\", \"{model}\"]`: starts it for `lithos bench colocate`; `{model}`: the trace's name without `.csv`",
                  [](TableReader& reader, T& into) {
                    for (auto& [word, where] : reader.texts_at("command", "[\"python3\", \"tenant.py\"]")) into.command.push_back(word);
                  }),
       own_key<T>("thread_limit", range_text("number", kLeastThreadLimit, kMostThreadLimit), "none",
                  "of a CUDA program under MPS: percent of the GPU's SMs that it can ever have, also without lithosd",
                  [](TableReader& reader, T& into) {
                    reader.number("thread_limit", into.thread_limit, kLeastThreadLimit, kMostThreadLimit);
                  }),
       count_key("connections", &T::connections, "likewise: hardware work queues (`CUDA_DEVICE_MAX_CONNECTIONS`); more tenants fit where each has fewer",
                 {.min = 1, .max = kMaxConnections}, {.unset = "8; with over 8 tenants 64 for all, at least 2 each"}),
       flag_key("queued", &T::queued,
                "not for `latency_critical`: launches wait for their lease in queues while the program goes on, else each within its call ([atoms](../design/atoms.md))"),
       own_key<T>("arrivals", "table", "closed loop", "when requests come ([below](#arrivals))",
                  [](TableReader& reader, T& into) { read_arrivals(reader, into.arrivals); })});
  return keys;
}

}  // namespace

SectionFacts tenant_facts() { return tenant_keys().facts(); }
SectionFacts arrivals_facts() { return arrival_keys().facts(); }

TenantConfig read_tenant(const TomlTable& table, std::size_t index, std::vector<Diagnostic>& diagnostics) {
  TableReader reader(table, fmt::format("tenant[{}]", index), diagnostics);
  TenantConfig tenant;
  tenant.where = table.where;
  if (tenant_keys().read(reader, tenant)) reader.finish();
  if (tenant.queued && tenant.tenant_class == TenantClass::latency_critical)
    reader.refuse("queued", "launches of latency_critical tenants never wait in queues: they go within their calls");
  return tenant;
}

}  // namespace lithos
