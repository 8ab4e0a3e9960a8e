// SPDX-License-Identifier: Apache-2.0
// The H200's shape, a port that remembers what the engine published, and records as an executor would make them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "engine/engine.hpp"
#include "engine/gpu_info.hpp"
#include "unit/policy_host/test_policies.hpp"

namespace lithos::test {

inline GpuShape h200() {
  GpuShape gpu;
  gpu.name = "h200";
  const unsigned sizes[] = {4, 8, 8, 8, 8, 8, 9, 9};  // GPU.md §3
  for (std::uint16_t g = 0; g < 8; ++g) gpu.gpc_of_tpc.insert(gpu.gpc_of_tpc.end(), sizes[g], g);
  gpu.gpc_of_tpc.insert(gpu.gpc_of_tpc.end(), 4, kNoGpc);
  gpu.gpcs = 8;
  gpu.tpcs = 66;
  for (std::uint16_t t = 0; t < 66; ++t) gpu.mask_bit_of_tpc.push_back(t);
  gpu.clocks_mhz = {1980, 1500, 1000};
  return gpu;
}

struct Published final : EnginePort {
  void publish_lease(TenantId tenant, const Lease& lease) override { leases[value_of(tenant)] = lease; ++lease_count; }
  void publish_operator(TenantId, OperatorId op, const OperatorDecision& decision) override { decisions[op] = decision; ++decision_count; }
  void request_clock(std::uint32_t mhz) override { clocks.push_back(mhz); }
  std::map<std::uint32_t, Lease> leases;
  std::map<OperatorId, OperatorDecision> decisions;
  std::vector<std::uint32_t> clocks;
  int lease_count = 0, decision_count = 0;
};

inline lithos_tpc_set abi(const TpcSet& set) {
  lithos_tpc_set out;
  for (unsigned w = 0; w < LITHOS_TPC_WORDS; ++w) out.words[w] = set.words()[w];
  return out;
}

inline TenantSpec spec(const std::string& name, TenantClass cls, unsigned quota, Nanoseconds slo = Nanoseconds{0}) {
  return {name, cls, quota, slo, Nanoseconds{1'000'000}};
}

// One engine on an H200 with scripted policies.
struct EngineUnderTest {
  EngineUnderTest() : gpu(h200()) {
    script = {};
    policies = std::move(PolicySet::from_tables(all_tables(), gpu_info(gpu, 0))).value();
    engine = std::make_unique<Engine>(gpu, config, *policies, out);
  }
  TenantId join(const TenantSpec& who) { return engine->join(who, now).value(); }
  KernelInfo kernel(const std::string& name, std::uint32_t blocks, std::uint32_t cluster = 1, std::uint32_t shared = 0) {
    KernelRules rules;
    rules.rules.push_back({"free", KernelNature::independent, false, ""});
    return make_kernel_info({name, {blocks, 1, 1}, {256, 1, 1}, {cluster, 1, 1}, 32, shared, false}, gpu, gpu.tpcs, rules);
  }
  Record record(RecordKind kind, TenantId tenant, const KernelInfo& of, std::uint64_t launch) {
    Record r;
    r.kind = kind;
    r.pressure = Pressure::active;
    r.tenant = tenant;
    r.op = of.id;
    r.launch = LaunchId{launch};
    r.block_count = of.blocks;
    r.tpcs = TpcSet::first(10);
    r.at = now;
    r.started = now - Nanoseconds{100'000};
    r.predicted = Nanoseconds{100'000};
    r.sequence = ++sequence[value_of(tenant)];
    r.lease_generation = out.leases[value_of(tenant)].generation;
    return r;
  }
  void submitted(TenantId t, const KernelInfo& k, std::uint64_t launch) { engine->on_record(record(RecordKind::submitted, t, k, launch), now); }
  void completed(TenantId t, const KernelInfo& k, std::uint64_t launch) { engine->on_record(record(RecordKind::completed, t, k, launch), now); }
  void run_until(Nanoseconds end) {
    while (engine->next_timer() <= end) {
      now = std::max(now + Nanoseconds{1}, engine->next_timer());
      engine->on_timer(now);
    }
    now = end;
  }
  Lease& lease(TenantId t) { return out.leases[value_of(t)]; }

  GpuShape gpu;
  EngineConfig config;
  Published out;
  std::unique_ptr<PolicySet> policies;
  std::unique_ptr<Engine> engine;
  std::map<std::uint32_t, std::uint64_t> sequence;
  Nanoseconds now{1'000'000};
};

}  // namespace lithos::test
