// SPDX-License-Identifier: Apache-2.0
// The engine's decisions: asks the scheduler, repairs its answer, moves rights to spin, publishes what changed (DESIGN.md §4–6).
#include <algorithm>
#include <bit>
#include <cstring>

#include "engine/engine_impl.hpp"

namespace lithos {
namespace {

constexpr Nanoseconds kGatherAfter{1'000'000};  // a launch that lacks rights waits so long before others lose theirs
constexpr Nanoseconds kBudget{50'000};          // for the policy's answer

bool same(const lithos_lease& a, const lithos_lease& b) { return std::memcmp(&a, &b, sizeof a) == 0; }

}  // namespace

// At once, or when the last decision is long enough ago; carried out by the callers of this at their end.
void Engine::Impl::want_decision(std::uint32_t why, Nanoseconds now) {
  pending_why |= why;
  decide_due = std::min(decide_due, std::max(now, decided_at + config.decide_at_most_every));
}

void Engine::Impl::decide(std::uint32_t why, Nanoseconds now) {
  pending_why = 0;
  decide_due = kNever;
  decided_at = now;
  ++counters.decisions;
  const lithos_sched_view& view = views.build(tenants, ledger, why, kBudget, now);
  answers.resize(view.tenants);
  lithos_sched_answer answer{};
  answer.struct_size = sizeof answer;
  answer.tenants = view.tenants;
  answer.lease_size = sizeof(lithos_lease);
  answer.lease = answers.data();
  const AnsweredBy by = policies->decide(view, answer);
  if (tap.wants(LITHOS_EVENT_DECISION)) tell_decision(why, view.tenants, by, now);
  if (tap.wants(LITHOS_EVENT_FAULT)) look_for_faults(now);
  const Nanoseconds soonest = now + std::max(config.decide_at_most_every, Nanoseconds{1});
  asked_due = answer.next_decision_ns == 0 ? kNever : std::max(soonest, from_u64(answer.next_decision_ns));

  TpcSet lendable = ledger.unowned();
  for (std::uint32_t index = 0; index < view.tenants; ++index) lendable |= tenants[views.slot_of(index)].own;
  for (std::uint32_t index = 0; index < view.tenants; ++index) {
    const std::uint32_t slot = views.slot_of(index);
    TpcSet wish = tenants[slot].own;
    for (const lithos_tpc_set& level : answers[index].usable) wish |= TpcSet::from_words(level.words) & lendable;
    CoResidency::Party& party = co_residency.party(slot);
    if (party.wish == wish) continue;
    party.wish = wish;
    co_residency.touch();
  }
  const std::uint64_t moved = co_residency.rebalance(now);
  for (std::uint32_t index = 0; index < view.tenants; ++index) {
    const std::uint32_t slot = views.slot_of(index);
    publish_if_changed(slot, answers[index], (moved >> slot & 1) != 0, now);
  }
}

void Engine::Impl::publish_if_changed(std::uint32_t slot, const lithos_lease& answer, bool rights_moved, Nanoseconds now) {
  Tenant& tenant = tenants[slot];
  const bool runs_out = answer.expires_after_ns > 0 && now - tenant.published_at >= from_u64(answer.expires_after_ns / 2);
  const bool stands = tenant.generation > 0 && tenant.epoch == epoch && same(tenant.answer, answer);
  if (stands && !rights_moved && !runs_out) return;
  tenant.answer = answer;
  publish(slot, now);
}

// The tenant's lease anew, from the policy's last answer and from what is true now.
void Engine::Impl::publish(std::uint32_t slot, Nanoseconds now) {
  Tenant& tenant = tenants[slot];
  if (!tenant.present()) return;
  if (build_lease(tenants, slot, ledger, {config.starvation_limit, config.masked}, tenant.answer, now, lease))
    ++counters.repaired_leases;
  if (config.masked && (tenant.answer.flags & LITHOS_LEASE_UNMASKED) != 0) ++counters.refused_unmasked;
  lease.co_resident = co_residency.party(slot).right;
  lease.generation = tenant.generation = ++last_generation;
  tenant.epoch = epoch;
  tenant.widest = widest(lease);
  tenant.published_at = now;
  co_residency.published(slot, lease.generation);
  if (tap.wants(LITHOS_EVENT_LEASE)) tell_lease(tenant, lease, now);
  out.publish_lease(TenantId{slot}, lease);
}

void Engine::Impl::rebalance_rights(Nanoseconds now) {
  std::uint64_t moved = co_residency.rebalance(now);
  for (; moved != 0; moved &= moved - 1) publish(static_cast<std::uint32_t>(std::countr_zero(moved)), now);
}

// What in the operator may spin: itself, or nodes of the graph.
std::span<const KernelInfo* const> Engine::Impl::kernels_of(const OperatorEntry& entry) {
  if (entry.kernel != nullptr) return {&entry.kernel, 1};
  return entry.graph->nodes;
}

// Where the launch can spin without rights being gathered from anybody. Graphs keep to what cannot be taken back.
TpcSet Engine::Impl::wish_for(const Tenant& tenant, const OperatorEntry& entry) const {
  return entry.graph != nullptr ? tenant.own | ledger.unowned() : co_residency.party(slot_of(tenant)).wish;
}

bool Engine::Impl::lacks_rights(const Tenant& tenant, const OperatorEntry& entry) const {
  const TpcSet where = co_residency.party(slot_of(tenant)).right & wish_for(tenant, entry);
  const auto kernels = kernels_of(entry);
  return std::any_of(kernels.begin(), kernels.end(),
                     [&](const KernelInfo* kernel) { return kernel->may_spin && !map.holds(*kernel, where); });
}

// The launch that has lacked rights for longest; also brings every tenant's `lacks` up to date.
QueueBook* Engine::Impl::neediest(std::uint32_t& slot) {
  QueueBook* oldest = nullptr;
  for (std::uint32_t s = 0; s < tenants.size(); ++s) {
    bool lacks = false;
    for (QueueBook& queue : tenants[s].queues) {
      if (!tenants[s].present() || queue.stuck.launch == LaunchId{} || !queue.stuck.lacks_right) continue;
      lacks = true;
      if (oldest != nullptr && oldest->stuck.since <= queue.stuck.since) continue;
      oldest = &queue;
      slot = s;
    }
    CoResidency::Party& party = co_residency.party(s);
    if (party.lacks == lacks) continue;
    party.lacks = lacks;
    co_residency.touch();
  }
  return oldest;
}

// Where a launch could spin: on what its tenant may use; if it starves, also where owners would have to do without for once.
TpcSet Engine::Impl::rights_for(const Tenant& tenant, const OperatorEntry& entry, bool starving) const {
  const std::uint32_t slot = slot_of(tenant);
  const TpcSet wish = wish_for(tenant, entry);
  TpcPool pools[] = {{co_residency.party(slot).right & wish}, {wish - co_residency.needed_by_owners(slot)}, {wish, true},
                     {map.all(), true}};
  for (unsigned n = 2; n <= (starving ? 4u : 2u); ++n) {
    TpcSet gathered;
    bool complete = true;
    for (const KernelInfo* kernel : kernels_of(entry)) {
      if (!kernel->may_spin) continue;
      const TpcSet set = map.choose(*kernel, pools, n, kernel->min_tpcs);
      complete &= !set.empty();
      gathered |= set;
    }
    if (complete) return gathered;
  }
  return {};
}

// One launch at a time, the one that has waited longest: two that gathered at once might each keep half.
void Engine::Impl::gather_rights(Nanoseconds now) {
  std::uint32_t slot = 0;
  const QueueBook* queue = neediest(slot);
  gather_due = queue == nullptr ? kNever : now + kGatherAfter;
  if (co_residency.gatherer() != CoResidency::kNobody) {
    Tenant& gatherer = tenants[co_residency.gatherer()];
    const QueueBook* book = gatherer.queue(gather_queue);
    const bool still = book != nullptr && book->stuck.launch == gather_launch;
    if (!still) co_residency.gathered();
    else { queue = book; slot = co_residency.gatherer(); gather_due = now + kGatherAfter; }
  }
  if (queue != nullptr && now - queue->stuck.since >= kGatherAfter) {
    const OperatorEntry& entry = tenants[slot].operators[queue->stuck.op];
    const bool starving = now - queue->stuck.since >= config.starvation_limit;
    const TpcSet set = rights_for(tenants[slot], entry, starving);
    if (!set.empty()) {
      counters.gathered_rights += gather_launch != queue->stuck.launch;
      gather_queue = queue->id;
      gather_launch = queue->stuck.launch;
      co_residency.gather(slot, set);
    }
  }
  rebalance_rights(now);
}

}  // namespace lithos
