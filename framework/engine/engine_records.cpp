// SPDX-License-Identifier: Apache-2.0
// The engine's intake: what records say, believed no further than it can be checked (engine/record.hpp).
#include <algorithm>
#include <cmath>

#include "engine/engine_impl.hpp"

namespace lithos {
namespace {

constexpr Nanoseconds kMispredicted{50'000};           // paper §5.7
const FlyingAtom kUnannounced{};

// The graph's own where its kernel is not in the table.
const lithos_op& op_of(const Tenant& tenant, const OperatorEntry& graph, std::uint32_t kernel) {
  return kernel == FlatMap::kAbsent ? graph.op : tenant.operators[kernel].op;
}

Nanoseconds believable(Nanoseconds time) { return std::clamp(time, Nanoseconds{0}, kLongestBelieved); }

}  // namespace

void Engine::on_record(const Record& record, Nanoseconds now) {
  Impl& e = *impl_;
  Tenant* tenant = e.find(record.tenant);
  if (tenant == nullptr) {
    ++e.counters.bad_records;
    return;
  }
  const std::uint32_t slot = value_of(record.tenant);
  // Without a number a record says nothing of the tenant's state, and may be an old one.
  const SequenceWindow::Seen seen = record.sequence == 0 ? SequenceWindow::Seen::late : tenant->sequence.note(record.sequence);
  if (seen == SequenceWindow::Seen::refused) {
    ++e.counters.bad_records;
    return;
  }
  bool rights_freed = false;
  if (seen == SequenceWindow::Seen::newest) {
    e.set_pressure(*tenant, record.pressure, now);
    rights_freed = e.co_residency.heard(slot, record.lease_generation, record.spinning & e.map.all(), now);
    if (record.kind == RecordKind::pressure && record.pressure == Pressure::idle) e.nothing_in_flight(*tenant, now);
  } else if (record.sequence != 0) {
    e.co_residency.heard_late(slot, record.spinning & e.map.all(), now);
  }
  tenant->heard_at = now;
  e.take(*tenant, record, seen == SequenceWindow::Seen::newest, now);
  if (rights_freed) e.rebalance_rights(now);
  if (now >= e.decide_due) e.decide(e.pending_why, now);
}

void Engine::Impl::take(Tenant& tenant, const Record& record, bool newest, Nanoseconds now) {
  if (record.kind == RecordKind::pressure) return;
  QueueBook* queue = queue_of(tenant, record.queue);
  if (queue == nullptr) { ++counters.bad_records; return; }
  if (record.kind == RecordKind::synchronised) return on_synchronised(tenant, *queue, now);
  std::uint32_t op = tenant.operators.find(record.op);
  if (op == FlatMap::kAbsent || record.launch == LaunchId{}) { ++counters.bad_records; return; }
  bool fresh = false;
  op = tenant.operators.kind_of(op, record.context, fresh);
  if (fresh && tap.wants(LITHOS_EVENT_OPERATOR)) tell_operator(tenant, tenant.operators[op], now);
  // The newest record cannot be about a launch before the last one submitted, unless what we believe of the queue is wrong.
  if (newest && record.kind != RecordKind::completed && value_of(record.launch) < queue->last_submitted.launch) {
    const std::uint32_t before = queue->flying.empty() ? 0 : queue->flying.front().tpc_count;
    queue->start_over();
    head_changed(tenant, *queue, before, now);
    ++counters.bad_records;
  }
  switch (record.kind) {
    case RecordKind::queued: return on_queued(tenant, *queue, op, record, now);
    case RecordKind::submitted: return on_submitted(tenant, *queue, op, record, now);
    case RecordKind::completed: return on_completed(tenant, *queue, op, record, now);
    case RecordKind::waiting: return on_waiting(tenant, *queue, op, record, now);
    case RecordKind::pressure:
    case RecordKind::synchronised: return;
  }
  ++counters.bad_records;
}

void Engine::Impl::set_pressure(Tenant& tenant, Pressure level, Nanoseconds now) {
  if (level == tenant.pressure || static_cast<unsigned>(level) >= kPressureLevels) return;
  if (level == Pressure::idle) {
    tenant.idle_since = now;
    tenant.active_since = kNever;
  } else if (tenant.pressure == Pressure::idle) {
    tenant.active_since = now;
  }
  tenant.pressure = level;
  tenant.pressure_since = now;
  if (tenant.present()) want_decision(LITHOS_WHY_PRESSURE, now);
}

// The tenant says that it is idle: whatever completions have not been reported will not come, or come late.
void Engine::Impl::nothing_in_flight(Tenant& tenant, Nanoseconds now) {
  for (QueueBook& queue : tenant.queues) {
    queue.queued.clear();
    queue.queued_predicted = Nanoseconds{0};
    queue.stuck = {};
    if (queue.flying.empty()) continue;
    const std::uint32_t before = queue.flying.front().tpc_count;
    while (!queue.flying.empty()) queue.drop_oldest(now);
    head_changed(tenant, queue, before, now);
  }
  release_if_drained(tenant, now);
}

// The atom at the head of the queue is another one than before: it is what runs now.
void Engine::Impl::head_changed(Tenant& tenant, QueueBook& queue, std::uint32_t tpcs_before, Nanoseconds now) {
  const std::uint32_t tpcs = queue.flying.empty() ? 0 : queue.flying.front().tpc_count;
  if (tpcs != tpcs_before) activity.change(tenant.activity, tpcs, tpcs_before, now);
  if (!queue.flying.empty()) queue.flying.front().mark = activity.mark(tenant.activity, now);
}

void Engine::Impl::on_queued(Tenant& tenant, QueueBook& queue, std::uint32_t op, const Record& record, Nanoseconds now) {
  decide_if_stale(tenant, tenant.operators[op]);
  const OperatorEntry& entry = tenant.operators[op];
  queue.add_queued({record.launch, op, now, entry.decision.predicted(std::max(tenant.widest.count(), 1u))});
  if (entry.graph == nullptr && queue.batch_since == kNever) queue.batch_since = now;
}

void Engine::Impl::on_submitted(Tenant& tenant, QueueBook& queue, std::uint32_t op, const Record& record, Nanoseconds now) {
  decide_if_stale(tenant, tenant.operators[op]);
  FlyingAtom atom;
  atom.key = {value_of(record.launch), record.first_block};
  atom.op = op;
  atom.tpcs = record.tpcs & map.all();
  atom.tpc_count = atom.tpcs.count();
  atom.seen_at = atom.arrived = now;
  atom.predicted = believable(record.predicted);
  atom.last = record.last;
  atom.coverage = record.coverage;
  if (!queue.queued.empty() && queue.queued.front().launch == record.launch) atom.arrived = queue.queued.front().at;
  if (record.last) queue.launched(record.launch);
  const AtomKey head_before = queue.flying.empty() ? AtomKey{} : queue.flying.front().key;
  const std::uint32_t tpcs_before = queue.flying.empty() ? 0 : queue.flying.front().tpc_count;
  const bool flies = queue.add_flying(atom);
  if (!flies && record.sequence == 0) { ++counters.bad_records; return; }  // doubled, as far as one can tell
  if (flies && queue.flying.front().key != head_before) head_changed(tenant, queue, tpcs_before, now);
  ++tenant.counters.atoms_submitted;
  if (tenant.statistics != nullptr && record.first_block == 0) tenant.statistics->queue_wait.add(now - atom.arrived);
  if (tap.takes_atom(LITHOS_EVENT_ATOM_SUBMITTED)) tell_submitted(tenant, atom, record, now);
  const auto coverage = static_cast<unsigned>(record.coverage);
  if (record.last && coverage < kCoverageKinds) {
    ++tenant.counters.launches[coverage];
    ++tenant.operators[op].totals.went[coverage];
  }
  if (tenant.operators[op].graph == nullptr && queue.batch_since == kNever) queue.batch_since = now;
  const bool was_gathered_for = record.last && co_residency.gatherer() == slot_of(tenant) && gather_queue == queue.id &&
                                gather_launch <= record.launch;
  if (was_gathered_for) {
    co_residency.gathered();
    gather_rights(now);
  }
}

void Engine::Impl::on_completed(Tenant& tenant, QueueBook& queue, std::uint32_t op, const Record& record, Nanoseconds now) {
  const OperatorEntry& entry = tenant.operators[op];
  const AtomKey key{value_of(record.launch), entry.graph != nullptr ? 0 : record.first_block};
  const bool graph_goes_on = entry.graph != nullptr && record.node != 0 && record.node < entry.graph->nodes.size();
  if (graph_goes_on) {
    if (record.node > entry.nodes.size()) { ++counters.bad_records; return; }
    const std::uint32_t kernel = entry.nodes[record.node - 1];
    FlyingAtom* const graph = !queue.flying.empty() && queue.flying.front().key == key ? &queue.flying.front() : nullptr;
    if (tap.takes_atom(LITHOS_EVENT_ATOM_ENDED))
      tell_graph_ended(tenant, op_of(tenant, entry, kernel), graph != nullptr ? *graph : kUnannounced, record, now);
    observe(tenant, kernel, record, graph != nullptr ? &graph->mark : nullptr, now);
    if (graph == nullptr) return;
    graph->mark = activity.mark(tenant.activity, now);
    graph->nodes_done = std::max(graph->nodes_done, record.node);
    if (graph->started == kNever && record.node == 1) graph->started = record.started;
    return;
  }
  const bool doubled = record.sequence == 0 && key <= queue.last_completed;
  if (doubled) { ++counters.bad_records; return; }
  const std::uint32_t tpcs_before = queue.flying.empty() ? 0 : queue.flying.front().tpc_count;
  const bool had_any = !queue.flying.empty();
  FlyingAtom atom;
  const bool known = queue.complete(key, now, &atom);
  if (had_any) head_changed(tenant, queue, tpcs_before, now);
  if (record.last) queue.launched(record.launch);
  ++tenant.counters.atoms_completed;
  const std::uint32_t seen_op = entry.graph != nullptr && record.node > 0 && record.node <= entry.nodes.size()
                                    ? entry.nodes[record.node - 1] : op;
  if (tap.takes_atom(LITHOS_EVENT_ATOM_ENDED)) {
    if (entry.graph == nullptr) tell_ended(tenant, entry.op, atom, record, now);
    else tell_graph_ended(tenant, op_of(tenant, entry, seen_op), atom, record, now);
  }
  observe(tenant, seen_op, record, known ? &atom.mark : nullptr, now);
  if (record.last) launch_ended(tenant, queue, op, record, known ? &atom : nullptr, now);
  release_if_drained(tenant, now);
}

// One launch is through. A graph is a request of its own; its whole length is an observation too.
void Engine::Impl::launch_ended(Tenant& tenant, QueueBook&, std::uint32_t op, const Record& record, const FlyingAtom* atom,
                                Nanoseconds now) {
  ++tenant.completed_launches;
  if (tenant.operators[op].graph == nullptr) return;
  request_done(tenant, atom == nullptr ? Nanoseconds{0} : now - atom->arrived, now);
  if (atom == nullptr || atom->started == kNever || record.node == 0) return;
  Record whole = record;
  whole.started = atom->started;
  whole.tpcs = atom->tpcs;
  observe(tenant, op, whole, nullptr, now);
}

void Engine::Impl::request_done(Tenant& tenant, Nanoseconds latency, Nanoseconds now) {
  ++tenant.counters.requests_completed;
  if (tenant.statistics != nullptr) tenant.statistics->request_latency.add(latency);
  if (tap.wants(LITHOS_EVENT_REQUEST)) tell_request(tenant, latency, now);
  if (tenant.spec.slo.count() > 0) tenant.attainment.add(latency <= tenant.spec.slo);
}

// `mark`: from when the atom came to the head of its queue; none: nobody announced it.
void Engine::Impl::observe(Tenant& tenant, std::uint32_t op, const Record& record, const WorkMark* mark, Nanoseconds now) {
  if (op >= tenant.operators.size()) { ++counters.bad_records; return; }
  // The times are the tenant's: their difference may not even be a number.
  const std::uint64_t length = static_cast<std::uint64_t>(record.at.count()) - static_cast<std::uint64_t>(record.started.count());
  if (length == 0) return;  // nobody timed it
  const Nanoseconds duration = record.at > record.started ? from_u64(length) : Nanoseconds{0};
  const std::uint32_t tpcs = (record.tpcs & map.all()).count();
  if (duration.count() <= 0 || duration > kLongestBelieved || tpcs == 0) { ++counters.bad_records; return; }
  OperatorEntry& entry = tenant.operators[op];
  entry.in_graph |= record.node != 0;
  lithos_observation seen{};
  seen.op = entry.op;
  seen.op.ordinal = record.node;
  seen.tenant_id = tenant.serial;
  seen.tpcs = tpcs;
  seen.clock_mhz = dvfs.clock_mhz();
  const WorkMark instant = mark != nullptr ? *mark : activity.mark(tenant.activity, now);
  seen.neighbour_tpcs = activity.neighbours_since(instant, tenant.activity, now, gpu.tpcs);
  const bool part = record.node == 0 && entry.kernel != nullptr && record.block_count > 0 &&
                    std::uint64_t{record.first_block} + record.block_count <= entry.op.blocks;
  seen.first_block = part ? record.first_block : 0;
  seen.block_count = part ? record.block_count : entry.op.blocks;
  seen.duration_ns = to_u64(duration);
  policies->observe(seen);
  if (entry.kernel != nullptr) observed.add(seen);
  const bool whole = seen.block_count == entry.op.blocks;
  if (whole && entry.kernel != nullptr && entry.kernel->bound == LITHOS_BOUND_UNKNOWN && seen.neighbour_tpcs == 0) {
    entry.scaling.add(std::min(tpcs, entry.kernel->useful_tpcs), duration, gpu.tpcs);
    entry.op.bound = entry.scaling.bound();
  }
  entry.totals.add(duration, tpcs, whole);
  if (entry.graph == nullptr) {  // a graph's work is its nodes'
    tenant.counters.service_tpc_ns += seen.duration_ns * tpcs;
    dvfs.ran(slot_of(tenant), op, entry, duration, tpcs);
    const double share = static_cast<double>(seen.block_count) / entry.op.blocks;
    if (tenant.work.add(entry.work, share) && tenant.present()) want_decision(LITHOS_WHY_TENANTS, now);
    const double expected = static_cast<double>(entry.decision.predicted(tpcs).count()) * share;
    const double error = std::abs(expected - static_cast<double>(duration.count()));
    if (error > static_cast<double>(kMispredicted.count())) ++tenant.counters.mispredicted;
    if (tenant.statistics != nullptr)
      tenant.statistics->prediction_error.add_ns(std::min(error, static_cast<double>(kLongestBelieved.count())));
  }
  if (whole && entry.kernel != nullptr && record.node == 0 && seen.neighbour_tpcs == 0) tell_apart(tenant, op, seen);
  if (OperatorTable::due(entry) && tenant.present()) decide_operator(tenant, entry);
}

// Whether the operator's launches do different work, by a clean time of one of them. A graph's kernels are told apart by their place.
void Engine::Impl::tell_apart(Tenant& tenant, std::uint32_t op, const lithos_observation& seen) {
  OperatorEntry& entry = tenant.operators[op];
  const bool is_kind = entry.kind_of != FlatMap::kAbsent;
  OperatorEntry& whole = is_kind ? tenant.operators[entry.kind_of] : entry;
  const auto ns = static_cast<double>(seen.duration_ns);
  const double kind_ns = is_kind ? entry.mixture.typical_ns(seen.tpcs, seen.clock_mhz) : 0;
  if (is_kind) entry.mixture.add(seen.tpcs, seen.clock_mhz, ns);
  if (!whole.mixture.add(seen.tpcs, seen.clock_mhz, ns, kind_ns)) return;
  whole.decision.mixed = whole.mixture.mixed();
  for (unsigned i = 0; i < whole.kinds; ++i) tenant.operators[whole.kind[i]].mixture = {};  // what was typical of them was long ago
  if (tenant.present()) out.publish_operator(TenantId{slot_of(tenant)}, OperatorId{whole.op.op_id}, whole.decision);
}

void Engine::Impl::on_waiting(Tenant& tenant, QueueBook& queue, std::uint32_t op, const Record& record, Nanoseconds now) {
  if (value_of(record.launch) < queue.last_submitted.launch || !tenant.present()) return;  // overtaken by events
  if (queue.stuck.launch != record.launch) {
    queue.stuck = {record.launch, op, now, now, false};
    if (tap.wants(LITHOS_EVENT_WAITING)) tell_waiting(tenant, queue, record, now);
  }
  queue.stuck.told_at = now;
  queue.stuck.lacks_right = lacks_rights(tenant, tenant.operators[op]);
  if (queue.stuck.lacks_right) gather_rights(now);
  want_decision(LITHOS_WHY_WAITING, now);
}

void Engine::Impl::on_synchronised(Tenant& tenant, QueueBook& queue, Nanoseconds now) {
  if (queue.batch_since == kNever) return;  // only graphs since the last time, or nothing
  const Nanoseconds end = std::max(queue.last_end, queue.batch_since);
  request_done(tenant, end - queue.batch_since, now);
  queue.batch_since = kNever;
}

}  // namespace lithos
