// SPDX-License-Identifier: Apache-2.0
#include "engine/engine_snapshot.hpp"

#include "engine/engine_impl.hpp"

namespace lithos {
namespace {

void fill(const Tenant& tenant, std::uint32_t slot, Nanoseconds now, TenantSnapshot& out) {
  out.present = tenant.present();
  out.slot = slot;
  out.serial = tenant.serial;
  out.name = tenant.spec.name;
  out.tenant_class = tenant.spec.tenant_class;
  out.quota_tpcs = tenant.spec.quota_tpcs;
  out.slo = tenant.spec.slo;
  out.attainment = tenant.attainment.share();
  out.own = tenant.own;
  out.usable = tenant.widest;
  out.pressure = tenant.pressure;
  out.queued = out.in_flight = 0;
  for (const QueueBook& queue : tenant.queues) {
    out.queued += queue.queued.size();
    out.in_flight += queue.flying.size();
  }
  const Activity::Share& activity = tenant.activity;
  out.busy_tpcs = activity.tpcs;
  out.busy_tpc_ns = activity.area + (now > activity.at ? to_u64(now - activity.at) * activity.tpcs : 0);
  out.counters = tenant.counters;
  out.statistics = tenant.statistics != nullptr ? *tenant.statistics : TenantStatistics{};
}

}  // namespace

void Engine::snapshot(Nanoseconds now, EngineSnapshot& out) const {
  const Impl& e = *impl_;
  out.at = now;
  out.gpu_tpcs = e.gpu.tpcs;
  out.policy_generation = e.policy_generation;
  out.counters = e.counters;
  out.policies = e.past;
  out.policies += totals_of(*e.policies) - e.totals_at_start;
  for (const PolicyKind kind : kAllPolicyKinds) out.policy_call_times[index_of(kind)] = e.policies->call_times(kind);
  out.clock_mhz = e.dvfs.clock_mhz();
  out.power_w = e.dvfs.power_w();
  out.tenants.resize(e.tenants.size());
  for (std::uint32_t slot = 0; slot < e.tenants.size(); ++slot) fill(e.tenants[slot], slot, now, out.tenants[slot]);
}

}  // namespace lithos
