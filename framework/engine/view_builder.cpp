// SPDX-License-Identifier: Apache-2.0
#include "engine/view_builder.hpp"

#include <algorithm>
#include <cstring>

namespace lithos {
namespace {

constexpr std::size_t kTimersLookAhead = 64;  // atoms per queue; what comes after them ends later than anybody plans

lithos_tpc_set to_abi(const TpcSet& set) {
  lithos_tpc_set out;
  std::memcpy(out.words, set.words(), sizeof out.words);
  return out;
}

// When the oldest graph launch of the queue that has not completed arrived.
Nanoseconds oldest_graph(const Tenant& tenant, const QueueBook& queue) {
  if (!queue.flying.empty())
    return tenant.operators[queue.flying.front().op].graph != nullptr ? queue.flying.front().arrived : kNever;
  if (!queue.queued.empty() && tenant.operators[queue.queued.front().op].graph != nullptr) return queue.queued.front().at;
  return kNever;
}

// The head cannot run for lack of TPCs or rights. What is held or slowed down by decision lacks neither.
bool lacks_something(const Tenant& tenant, const QueueBook& queue) {
  const bool by_decision = (tenant.answer.flags & LITHOS_LEASE_HOLD) != 0 || tenant.answer.launches_per_s > 0;
  return queue.stuck.launch != LaunchId{} && !by_decision;
}

std::uint64_t or_zero(Nanoseconds time) { return time == kNever ? 0 : to_u64(time); }

}  // namespace

const lithos_sched_view& ViewBuilder::build(std::vector<Tenant>& tenants, const Ledger& ledger, std::uint32_t why,
                                            Nanoseconds budget, Nanoseconds now) {
  slot_of_index_.clear();
  index_of_slot_.fill(LITHOS_NOBODY);
  for (std::uint32_t slot = 0; slot < tenants.size(); ++slot) {
    if (!tenants[slot].present()) continue;
    index_of_slot_[slot] = static_cast<std::uint32_t>(slot_of_index_.size());
    slot_of_index_.push_back(slot);
  }
  tenant_.resize(slot_of_index_.size());
  for (unsigned tpc = 0; tpc < tpc_.size(); ++tpc) {
    const std::uint32_t owner = ledger.owner(tpc);
    tpc_[tpc] = {owner == Ledger::kNobody ? LITHOS_NOBODY : index_of_slot_[owner], LITHOS_NOBODY, 0};
  }
  for (std::uint32_t index = 0; index < tenant_.size(); ++index) fill_tenant(tenants[slot_of_index_[index]], index, now);

  view_ = {};
  view_.struct_size = sizeof view_;
  view_.why = why;
  view_.now_ns = to_u64(now);
  view_.budget_ns = to_u64(budget);
  view_.tpcs = static_cast<std::uint32_t>(tpc_.size());
  view_.tenants = static_cast<std::uint32_t>(tenant_.size());
  view_.tenant_size = sizeof(lithos_tenant_view);
  view_.tpc_size = sizeof(lithos_tpc_view);
  view_.tenant = tenant_.data();
  view_.tpc = tpc_.data();
  view_.unowned = to_abi(ledger.unowned());
  return view_;
}

void ViewBuilder::fill_tenant(Tenant& tenant, std::uint32_t index, Nanoseconds now) {
  lithos_tenant_view& view = tenant_[index];
  view = {};
  view.tenant_id = tenant.serial;
  view.name = tenant.spec.name.c_str();
  view.tenant_class = static_cast<std::uint32_t>(tenant.spec.tenant_class);
  view.quota_tpcs = tenant.spec.quota_tpcs;
  view.own = to_abi(tenant.own);
  view.slo_ns = to_u64(tenant.spec.slo);
  view.tolerates_ns = to_u64(tenant.spec.tolerates);
  view.slo_attainment = tenant.spec.slo.count() > 0 ? tenant.attainment.share() : 1.0;
  view.pressure = static_cast<std::uint32_t>(tenant.pressure);
  view.pressure_since_ns = to_u64(tenant.pressure_since);
  view.active_since_ns = or_zero(tenant.active_since);
  view.idle_since_ns = tenant.pressure == Pressure::idle ? to_u64(tenant.idle_since) : 0;
  view.leased = to_abi(tenant.widest);
  view.completed_launches = tenant.completed_launches;
  view.service_tpc_ns = tenant.counters.service_tpc_ns;
  view.requests_completed = tenant.counters.requests_completed;
  for (unsigned point = 0; point < WorkCurve::kPoints; ++point) view.work_slowdown[point] = tenant.work.slowdown(point);
  tenant.starved_since = kNever;
  Nanoseconds oldest_request = kNever;
  for (const QueueBook& queue : tenant.queues) {
    if (!queue.removed) ++view.queues;
    if (queue.stuck.launch != LaunchId{}) tenant.starved_since = std::min(tenant.starved_since, queue.stuck.since);
    oldest_request = std::min({oldest_request, queue.batch_since, oldest_graph(tenant, queue)});
    if (!queue.queued.empty() || !queue.flying.empty() || lacks_something(tenant, queue)) fill_queue(tenant, queue, index, now);
  }
  view.starved_since_ns = or_zero(tenant.starved_since);
  if (view.slo_ns > 0 && oldest_request != kNever) view.deadline_ns = to_u64(oldest_request) + view.slo_ns;
}

// The oldest of all queues' heads.
void ViewBuilder::fill_head(const Tenant& tenant, const QueuedLaunch& launch, lithos_launch& head) {
  if (head.op.op_id != 0 && to_u64(launch.at) >= head.since_ns) return;
  const OperatorEntry& entry = tenant.operators[launch.op];
  head.op = entry.op;
  head.predicted_ns = to_u64(launch.predicted);
  head.since_ns = to_u64(launch.at);
  head.wanted_tpcs = entry.decision.tpcs;
}

void ViewBuilder::fill_queue(const Tenant& tenant, const QueueBook& queue, std::uint32_t index, Nanoseconds now) {
  lithos_tenant_view& view = tenant_[index];
  view.queued_launches += static_cast<std::uint32_t>(queue.queued.size());
  view.queued_ns += to_u64(queue.queued_predicted);
  view.inflight_launches += queue.flying_launches;
  if (!queue.queued.empty()) {
    fill_head(tenant, queue.queued.front(), view.head);
  } else if (lacks_something(tenant, queue)) {  // the shim tells of no other launch that waits
    const Nanoseconds predicted = tenant.operators[queue.stuck.op].decision.predicted(std::max(tenant.widest.count(), 1u));
    fill_head(tenant, {queue.stuck.launch, queue.stuck.op, queue.stuck.since, predicted}, view.head);
    ++view.queued_launches;
    view.queued_ns += to_u64(predicted);
  }
  if (queue.flying.empty()) return;
  const Nanoseconds left = queue.left(now);
  view.inflight_ns += to_u64(left);
  const Nanoseconds since = queue.running_since();
  if (view.running.op.op_id == 0 || to_u64(since) < view.running.since_ns) {
    const FlyingAtom& atom = queue.flying.front();
    const OperatorEntry& entry = tenant.operators[atom.op];
    view.running.op = entry.op;
    // What runs inside a graph is one of its kernels, and only they have a class.
    if (entry.graph != nullptr && atom.nodes_done < entry.nodes.size())
      view.running.op.bound = tenant.operators[entry.nodes[atom.nodes_done]].op.bound;
    view.running.predicted_ns = to_u64(atom.predicted);
    view.running.since_ns = to_u64(since);
    view.running.wanted_tpcs = entry.decision.tpcs;
    view.running.tpcs = to_abi(atom.tpcs);
  }
  fill_timers(queue, index, now);
}

// Atoms of a queue end one after the other, and mostly have the same mask: one pass over the TPCs per run of equal masks.
void ViewBuilder::fill_timers(const QueueBook& queue, std::uint32_t index, Nanoseconds now) {
  Nanoseconds end = std::max(now, queue.running_since() + queue.flying.front().predicted);
  const std::size_t n = std::min(queue.flying.size(), kTimersLookAhead);
  for (std::size_t i = 0; i < n; ++i) {
    const FlyingAtom& atom = queue.flying[i];
    if (i > 0) end += atom.predicted;
    if (i + 1 < n && queue.flying[i + 1].tpcs == atom.tpcs) continue;
    atom.tpcs.for_each([&](unsigned tpc) {
      lithos_tpc_view& view = tpc_[tpc];
      view.busy_until_ns = std::max(view.busy_until_ns, to_u64(end));
      if (view.owner != index) view.borrower = index;
    });
  }
}

}  // namespace lithos
