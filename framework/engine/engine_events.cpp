// SPDX-License-Identifier: Apache-2.0
// What the engine tells exporters (policy_host/event_ring.hpp). Nothing here decides anything; each function is called
// only if somebody wants what it tells.
#include <algorithm>
#include <cstring>

#include "engine/engine_impl.hpp"

namespace lithos {
namespace {

constexpr Nanoseconds kFaultsAtMostEvery{10'000'000};  // a policy may fail at every decision: one event with a count

static_assert(LITHOS_OUTCOMES == kCoverageKinds && LITHOS_OUTCOME_GRAPH == static_cast<unsigned>(Coverage::graph) &&
              LITHOS_OUTCOME_STARVED == static_cast<unsigned>(Coverage::starved) &&
              LITHOS_OUTCOME_DRIVER_INTERNAL == static_cast<unsigned>(Coverage::driver_internal) &&
              LITHOS_OUTCOME_WHOLE_DEAR == static_cast<unsigned>(Coverage::whole_dear));

lithos_tpc_set words_of(const TpcSet& set) {
  lithos_tpc_set out;
  std::copy_n(set.words(), LITHOS_TPC_WORDS, out.words);
  return out;
}

// What every note of an atom has; all from `predicted_ns` on is left. `ran`: the record's operator, or the graph's kernel.
[[gnu::always_inline]] inline void fill_atom(AtomNote& note, std::uint64_t tenant, const lithos_op& ran, const Record& record) {
  note.outcome = static_cast<std::uint8_t>(record.coverage);
  static_assert(AtomNote::kLast == 1);
  note.flags = static_cast<std::uint8_t>(record.last);
  note.tenant_id = tenant;
  note.op_id = ran.op_id;
  note.launch_id = value_of(record.launch);
  note.first_block = record.first_block;
  note.block_count = record.block_count;
  note.blocks = ran.blocks;
  note.queue = value_of(record.queue);
  std::memcpy(note.tpcs.words, record.tpcs.words(), sizeof note.tpcs.words);  // copy_n() would be a call
}

// What the engine knew of the atom before it ended.
[[gnu::always_inline]] inline void fill_announced(AtomNote& note, const FlyingAtom& atom) {
  const std::int64_t predicted_ns = atom.predicted.count(), submitted_ns = atom.seen_at.count(), queued_ns = atom.arrived.count();
  note.predicted_ns = static_cast<std::uint64_t>(predicted_ns);
  note.submitted_ns = submitted_ns;
  note.queued_ns = queued_ns;
}

[[gnu::always_inline]] inline void fill_times(AtomNote& note, const Record& record) {
  const std::int64_t ended_ns = record.at.count(), started_ns = record.started.count();
  note.ended_ns = ended_ns;
  note.started_ns = started_ns;
}

}  // namespace

// Atoms: what a launch costs more while somebody watches. No call from here, nothing that the reader can work out
// (event_ring.cpp), and not part of on_record(), which has no registers to spare.

[[gnu::noinline]] void Engine::Impl::tell_submitted(const Tenant& tenant, const FlyingAtom& atom, const Record& record, Nanoseconds now) {
  const OperatorEntry& entry = tenant.operators[atom.op];
  const bool graph = entry.graph != nullptr;
  tap.emit_atom(LITHOS_EVENT_ATOM_SUBMITTED, now, [&](AtomNote& note) {
    fill_atom(note, tenant.serial, entry.op, record);
    fill_announced(note, atom);
    note.ended_ns = note.started_ns = 0;
    if (graph) note.flags |= AtomNote::kGraph, note.first_block = 0;
  });
}

[[gnu::noinline]] void Engine::Impl::tell_ended(const Tenant& tenant, const lithos_op& ran, const FlyingAtom& atom, const Record& record,
                                                Nanoseconds now) {
  tap.emit_atom(LITHOS_EVENT_ATOM_ENDED, now, [&](AtomNote& note) {
    fill_atom(note, tenant.serial, ran, record);
    fill_announced(note, atom);
    fill_times(note, record);
  });
}

[[gnu::noinline]] void Engine::Impl::tell_graph_ended(const Tenant& tenant, const lithos_op& ran, const FlyingAtom& atom,
                                                      const Record& record, Nanoseconds now) {
  tap.emit_atom(LITHOS_EVENT_ATOM_ENDED, now, [&](AtomNote& note) {
    fill_atom(note, tenant.serial, ran, record);
    fill_announced(note, atom);
    fill_times(note, record);
    const bool kernel = ran.op_id != value_of(record.op);
    note.first_block = record.node;
    note.flags = static_cast<std::uint8_t>(note.flags | AtomNote::kGraph | (kernel ? AtomNote::kGraphNode : 0));
    if (!kernel) return;
    note.block_count = ran.blocks;
    note.predicted_ns = value_of(record.op);
  });
}

void Engine::Impl::tell_tenant(std::uint32_t type, const Tenant& tenant, Nanoseconds now) {
  tap.emit(type, now, tenant.serial, [&](EventSlot& slot) {
    slot.event.as.tenant = {slot.keep(tenant.spec.name), static_cast<std::uint32_t>(tenant.spec.tenant_class),
                            tenant.spec.quota_tpcs, to_u64(tenant.spec.slo), words_of(tenant.own)};
  });
}

void Engine::Impl::tell_operator(const Tenant& tenant, const OperatorEntry& entry, Nanoseconds now) {
  tap.emit(LITHOS_EVENT_OPERATOR, now, tenant.serial, [&](EventSlot& slot) {
    auto& op = slot.event.as.op;
    op.op_id = entry.op.op_id;
    op.blocks = entry.op.blocks;
    if (entry.graph != nullptr) {
      op.name = slot.keep(entry.graph->name);
      op.min_tpcs = entry.graph->min_tpcs;
      op.flags = LITHOS_OPERATOR_GRAPH | (entry.graph->may_spin ? LITHOS_OPERATOR_MAY_SPIN : 0u);
      op.nodes = static_cast<std::uint32_t>(entry.graph->nodes.size());
      op.threads_per_block = op.registers_per_thread = op.shared_bytes = op.cluster_blocks = 0;
      return;
    }
    op.name = slot.keep(entry.kernel->name);
    op.min_tpcs = entry.kernel->min_tpcs;
    op.flags = (entry.kernel->cuttable ? LITHOS_OPERATOR_CUTTABLE : 0u) |
               (entry.kernel->may_spin ? LITHOS_OPERATOR_MAY_SPIN : 0u) |
               (entry.kernel->persistent ? LITHOS_OPERATOR_PERSISTENT : 0u);
    op.nodes = 0;
    op.threads_per_block = static_cast<std::uint32_t>(entry.kernel->block.total());
    op.registers_per_thread = entry.kernel->registers_per_thread;
    op.shared_bytes = entry.kernel->shared_bytes;
    op.cluster_blocks = entry.kernel->cluster_blocks;
  });
}

void Engine::Impl::tell_request(const Tenant& tenant, Nanoseconds latency, Nanoseconds now) {
  tap.emit(LITHOS_EVENT_REQUEST, now, tenant.serial, [&](EventSlot& slot) {
    slot.event.as.request = {to_u64(latency), to_u64(tenant.spec.slo)};
  });
}

void Engine::Impl::tell_waiting(const Tenant& tenant, const QueueBook& queue, const Record& record, Nanoseconds now) {
  tap.emit(LITHOS_EVENT_WAITING, now, tenant.serial, [&](EventSlot& slot) {
    slot.event.as.waiting = {value_of(record.launch), value_of(record.op), to_u64(queue.stuck.since),
                             value_of(queue.id), record.block_count};
  });
}

void Engine::Impl::tell_lease(const Tenant& tenant, const Lease& published, Nanoseconds now) {
  const TpcSet always = published.own | published.unowned;
  tap.emit(LITHOS_EVENT_LEASE, now, tenant.serial, [&](EventSlot& slot) {
    auto& told = slot.event.as.lease;
    told.generation = published.generation;
    told.own = words_of(published.own);
    told.usable_idle = words_of(always | published.borrowed[static_cast<std::size_t>(Pressure::idle)]);
    told.usable_active = words_of(always | published.borrowed[static_cast<std::size_t>(Pressure::active)]);
    told.atom_ns = to_u64(published.atom_length);
    told.outstanding_limit_ns = to_u64(published.outstanding_limit);
    told.hold = published.hold ? 1 : 0;
    told.lenders = published.lenders;
  });
}

void Engine::Impl::tell_decision(std::uint32_t why, std::uint32_t tenants_asked, AnsweredBy by, Nanoseconds now) {
  tap.emit(LITHOS_EVENT_DECISION, now, 0, [&](EventSlot& slot) {
    slot.event.as.decision = {why, tenants_asked, by == AnsweredBy::fallback ? 1u : 0u, 0,
                              to_u64(policies->last_call(PolicyKind::scheduler))};
  });
}

void Engine::Impl::tell_policy(PolicyKind kind, Nanoseconds now) {
  const PolicyDescription& used = policies->description(kind);
  tap.emit(LITHOS_EVENT_POLICY, now, 0, [&](EventSlot& slot) {
    slot.event.as.policy = {policy_generation, name_of(kind), slot.keep(used.id), slot.keep(used.version),
                            slot.keep(used.hash)};
  });
}

void Engine::Impl::tell_clock(std::uint32_t requested_mhz, std::uint32_t applied_mhz, double power_w, Nanoseconds now) {
  tap.emit(LITHOS_EVENT_CLOCK, now, 0, [&](EventSlot& slot) {
    slot.event.as.clock = {requested_mhz, applied_mhz, power_w};
  });
}

// Faults are counted where they happen (policy_host); here it is seen that there are more than before.
void Engine::Impl::look_for_faults(Nanoseconds now) {
  const PolicyFaults& faults = policies->faults();
  if (faults.total() == faults_told.total() || now - faults_told_at < kFaultsAtMostEvery) return;
  for (const PolicyKind kind : kAllPolicyKinds) {
    for (std::size_t r = 0; r < kFaultReasons; ++r) {
      const auto reason = static_cast<FaultReason>(r);
      const std::uint64_t fresh = faults.of(kind, reason) - faults_told.of(kind, reason);
      if (fresh == 0) continue;
      tap.emit(LITHOS_EVENT_FAULT, now, 0, [&](EventSlot& slot) {
        slot.event.as.fault = {name_of(kind), name_of(reason), slot.keep(faults.last_message(kind)), fresh};
      });
    }
  }
  faults_told = faults;
  faults_told_at = now;
}

// What somebody who has seen nothing so far must know.
void Engine::Impl::introduce(Nanoseconds now) {
  for (const PolicyKind kind : kAllPolicyKinds)
    if (tap.wants(LITHOS_EVENT_POLICY)) tell_policy(kind, now);
  for (std::uint32_t slot = 0; slot < tenants.size(); ++slot) {
    const Tenant& tenant = tenants[slot];
    if (!tenant.present()) continue;
    if (tap.wants(LITHOS_EVENT_TENANT_JOINED)) tell_tenant(LITHOS_EVENT_TENANT_JOINED, tenant, now);
    for (std::uint32_t op = 0; tap.wants(LITHOS_EVENT_OPERATOR) && op < tenant.operators.size(); ++op)
      tell_operator(tenant, tenant.operators[op], now);
    if (!tap.wants(LITHOS_EVENT_LEASE) || tenant.generation == 0) continue;
    build_lease(tenants, slot, ledger, {config.starvation_limit, config.masked}, tenant.answer, now, lease);
    lease.generation = tenant.generation;
    tell_lease(tenant, lease, now);
  }
}

void Engine::attach(EventRing& ring, Nanoseconds now) {
  Impl& e = *impl_;
  EventTap all = std::move(e.tap);
  e.tap = EventTap(e.config.gpu_index);
  e.tap.add(ring);
  e.introduce(now);  // into the new one alone
  all.add(ring);
  e.tap = std::move(all);
  e.faults_told = e.policies->faults();
}

void Engine::detach(EventRing& ring) { impl_->tap.remove(ring); }

}  // namespace lithos
