// SPDX-License-Identifier: Apache-2.0
#include "property/checker.hpp"

#include <algorithm>

namespace lithos::test {

void Checker::fail(const std::string& what) {
  if (failure_.empty()) failure_ = what;
}

void Checker::joined(std::uint32_t slot, const TpcSet& own) {
  for (const auto& [other, tenant] : tenants_)
    if (other != slot && tenant.present && tenant.own.overlaps(own)) fail("two tenants own one TPC");
  tenants_[slot] = {};
  tenants_[slot].present = true;
  tenants_[slot].own = own;
}

void Checker::left(std::uint32_t slot) { tenants_[slot] = {}; }

void Checker::launching(std::uint32_t slot, QueueId queue, LaunchPath path, Launched launch, Nanoseconds now) {
  Queue& q = tenants_[slot].queues[value_of(queue)];
  q.path = path;
  if (q.pending.empty() && q.flying.empty()) q.idle_since = now;
  q.pending.push_back(launch);
}

void Checker::flushed(std::uint32_t slot, QueueId queue) {
  for (Launched& launch : tenants_[slot].queues[value_of(queue)].pending) launch.urgent = true;
}

// Room by counting: what fits in whole clusters in each GPC, or on each TPC where one is wide enough for them.
bool Checker::room_for(const KernelInfo& kernel, const TpcSet& tpcs) const {
  const std::uint32_t cluster = kernel.cluster_blocks;
  const auto blocks_on = [&](const TpcSet& set) {
    std::uint64_t blocks = 0;
    if (cluster <= gpu_.sms_per_tpc) return std::uint64_t{set.count()} * (kernel.blocks_per_tpc / cluster * cluster);
    for (unsigned g = 0; g < gpu_.gpcs; ++g) {
      std::uint32_t here = 0;
      for (unsigned t = 0; t < gpu_.tpcs; ++t)
        if (gpu_.gpc_of_tpc[t] == g && set.has(t)) here += kernel.blocks_per_tpc;
      blocks += here / cluster * cluster;
    }
    return blocks;
  };
  if (!kernel.may_spin) return blocks_on(tpcs) >= cluster;
  return blocks_on(tpcs) >= std::min<std::uint64_t>(kernel.blocks, blocks_on(gpu_.all()));
}

void Checker::check_mask(const KernelInfo& kernel, const TpcSet& tpcs) {
  if (tpcs.empty()) fail("an empty mask hangs for ever");
  if (!gpu_.all().contains(tpcs)) fail("a mask names TPCs that do not exist");
  if (tpcs.count() < kernel.min_tpcs) fail("fewer TPCs than the launch's minimum");
  if (!room_for(kernel, tpcs)) fail(kernel.may_spin ? "a grid that may spin is not resident at once" : "no room for a cluster");
}

void Checker::check_spinning(std::uint32_t slot, const TpcSet& spinning) {
  for (const auto& [other, tenant] : tenants_) {
    if (other == slot) continue;
    for (const auto& [id, queue] : tenant.queues)
      for (const Flying& atom : queue.flying)
        if (!atom.done_on_device && atom.spinning.overlaps(spinning)) fail("two tenants' launches that may spin share a TPC");
  }
}

void Checker::submitted(const AtomSubmission& atom, Nanoseconds) {
  if (last_.any) fail("a submission without a record");
  Queue& queue = queue_of(atom.tenant, atom.queue);
  if (queue.pending.empty() || queue.pending.front().id != atom.launch) return fail("a queue's launches are submitted out of order");
  Launched& head = queue.pending.front();
  if (head.kernel != atom.kernel) return fail("submitted as another kernel than it was launched");
  if (atom.first_block != head.next_block) return fail("an atom does not begin where the last one ended");
  if (atom.block_count == 0 || atom.block_count > head.kernel->blocks - head.next_block) return fail("an atom of no or too many blocks");
  const bool whole = atom.block_count == head.kernel->blocks;
  if (whole == atom.cut) fail("`cut` says the contrary");
  if (!whole && !head.kernel->cuttable) fail("a launch was cut that must not be");
  if (!whole && atom.first_block + atom.block_count < head.kernel->blocks && atom.block_count % head.kernel->cluster_blocks != 0)
    fail("a cluster was cut in two");
  last_ = {true, atom.masked, false, head.urgent, head.kernel->nature == KernelNature::never_touch, head.kernel, nullptr,
           atom.first_block, atom.block_count, atom.tpcs, {}, queue.idle_since};
  if (atom.masked) check_mask(*atom.kernel, atom.tpcs);
  if (atom.masked && atom.kernel->may_spin) {
    last_.spinning = atom.tpcs;
    check_spinning(value_of(atom.tenant), atom.tpcs);
  }
  head.next_block += atom.block_count;
  if (head.next_block == head.kernel->blocks) queue.pending.pop_front();
}

void Checker::submitted(const GraphSubmission& graph, Nanoseconds) {
  if (last_.any) fail("a submission without a record");
  Queue& queue = queue_of(graph.tenant, graph.queue);
  if (queue.pending.empty() || queue.pending.front().id != graph.launch) return fail("a queue's launches are submitted out of order");
  if (graph.graph != queue.pending.front().graph) return fail("another graph than was launched");
  if (graph.node_tpcs.size() != graph.graph->nodes.size()) return fail("masks and nodes do not match");
  last_ = {true, graph.masked, true, queue.pending.front().urgent, false, nullptr, graph.graph, 0, 0, {}, {}, queue.idle_since};
  for (std::size_t i = 0; i < graph.node_tpcs.size(); ++i) {
    last_.tpcs |= graph.node_tpcs[i];
    if (!graph.masked) continue;
    check_mask(*graph.graph->nodes[i], graph.node_tpcs[i]);
    if (graph.graph->nodes[i]->may_spin) last_.spinning |= graph.node_tpcs[i];
  }
  check_spinning(value_of(graph.tenant), last_.spinning);
  queue.pending.pop_front();
}

// What the lease in force and the pressure words allow, worked out anew.
TpcSet Checker::usable_now(const Visible& visible, Nanoseconds now) const {
  const Lease& lease = visible.lease;
  TpcSet usable = lease.own | lease.unowned;
  if (now >= lease.expires_at) return usable;
  for (std::uint32_t i = 0; i < lease.lenders; ++i) {
    const auto found = visible.words.find(value_of(lease.lender[i].tenant));
    PressureWord word = found == visible.words.end() ? PressureWord{} : found->second;
    if (word.level == Pressure::idle && now - word.since < lease.idle_grace) word.level = Pressure::active;
    usable |= lease.borrowed[static_cast<unsigned>(word.level)] & lease.lender[i].owned;
  }
  return usable;
}

void Checker::check_place(const Record& record, const Visible& visible, Nanoseconds starvation_limit, Nanoseconds now) {
  if (visible.lease.hold && !last_.urgent && !last_.collective && now - last_.idle_since < starvation_limit)
    fail("runs though the lease holds it");
  if (!last_.masked) {
    if (visible.lease.masked) fail("unmasked though the lease confines");
    return;
  }
  if (!visible.lease.co_resident.contains(last_.spinning)) fail("a launch that may spin runs where it has no right to");
  if (record.coverage == Coverage::starved) {
    if (now - last_.idle_since < starvation_limit) fail("called starved before the starvation limit");
    return;
  }
  if (record.coverage == Coverage::bypassed && (last_.urgent || last_.collective)) return;
  const TpcSet allowed = last_.graph ? visible.lease.own | visible.lease.unowned : usable_now(visible, now);
  if (!allowed.contains(last_.tpcs)) fail("runs on TPCs that the lease and the owners' pressure do not allow");
}

void Checker::check_borrowing(const Record& record, const Visible& visible, Nanoseconds now) {
  const Lease& lease = visible.lease;
  const TpcSet foreign = last_.tpcs - lease.own - lease.unowned;
  if (last_.graph || foreign.empty() || !last_.masked || last_.urgent || last_.collective) return;
  if (record.coverage == Coverage::starved) return;
  const bool whole = last_.blocks == last_.kernel->blocks;
  if (whole && !last_.kernel->cuttable) {
    if (record.predicted > lease.uncuttable_limit) fail("an uncuttable launch longer than the lease's limit on borrowed TPCs");
    for (std::uint32_t i = 0; i < lease.lenders; ++i)
      if (lease.lender[i].owned.overlaps(foreign) && record.predicted > lease.lender[i].tolerates)
        fail("an uncuttable launch longer than its lender tolerates");
  }
  Nanoseconds sum{0}, oldest{0}, oldest_since{0};
  std::uint64_t first = ~std::uint64_t{0};
  bool any = false, long_whole = false;
  for (const auto& [id, queue] : tenants_[value_of(record.tenant)].queues) {
    for (const Flying& atom : queue.flying) {
      if (atom.foreign.empty()) continue;
      any = true;
      long_whole |= atom.long_whole;
      sum += atom.predicted;
      if (&atom != &queue.flying.front() || atom.order >= first) continue;
      first = atom.order;
      oldest = atom.predicted;
      oldest_since = std::max(atom.submitted_at, queue.last_seen);
    }
  }
  // The lender waits for the limit and one piece at most: the one that runs, or this one.
  const Nanoseconds before_this = sum - std::clamp(now - oldest_since, Nanoseconds{0}, oldest);
  if (any && std::min(sum - oldest + record.predicted, before_this) > lease.outstanding_limit)
    fail("more outstanding on borrowed TPCs than the lease allows");
  const bool is_long = whole && !last_.kernel->cuttable && 2 * record.predicted > 3 * std::max(lease.atom_length, Nanoseconds{20'000});
  if (any && long_whole && is_long) fail("two long uncuttable launches outstanding on borrowed TPCs");
}

void Checker::recorded(const Record& record, const Visible& visible, Nanoseconds starvation_limit, Nanoseconds now) {
  if (record.kind != RecordKind::submitted) return;
  if (!last_.any) return fail("a record of a submission that was not made");
  if (record.tpcs != last_.tpcs) fail("the record names other TPCs than the submission");
  if (record.first_block != last_.first_block || record.block_count != last_.blocks) fail("the record names other blocks");
  check_place(record, visible, starvation_limit, now);
  check_borrowing(record, visible, now);
  Flying atom;
  atom.id = record.launch;
  atom.first_block = last_.first_block;
  atom.blocks = last_.blocks;
  atom.graph = last_.graph_info;
  atom.spinning = last_.spinning;
  if (last_.masked) atom.foreign = last_.tpcs - visible.lease.own - visible.lease.unowned;
  atom.predicted = record.predicted;
  atom.submitted_at = now;
  atom.long_whole = !last_.graph && last_.blocks == last_.kernel->blocks && !last_.kernel->cuttable &&
                    2 * record.predicted > 3 * std::max(visible.lease.atom_length, Nanoseconds{20'000});
  if (last_.collective) atom.foreign = {};
  atom.order = ++order_;
  queue_of(record.tenant, record.queue).flying.push_back(atom);
  last_.any = false;
}

void Checker::device_done(const Completion& completion) {
  for (Flying& atom : queue_of(completion.tenant, completion.queue).flying)
    if (atom.id == completion.launch && atom.first_block == completion.first_block) atom.done_on_device = true;
}

void Checker::completion_seen(const Completion& completion, Nanoseconds now) {
  Queue& queue = queue_of(completion.tenant, completion.queue);
  if (queue.flying.empty() || queue.flying.front().id != completion.launch) return;
  if (queue.flying.front().graph != nullptr && completion.node < queue.flying.front().graph->nodes.size()) return;
  queue.flying.pop_front();
  queue.last_seen = now;
  if (queue.flying.empty()) queue.idle_since = now;
}

void Checker::lease_published(std::uint32_t slot, const Lease& lease) {
  Tenant& tenant = tenants_[slot];
  tenant.published_rights = lease.co_resident;
  if (lease.own != tenant.own) fail("a lease without the tenant's own TPCs");
  TpcSet lent;
  for (std::uint32_t i = 0; i < lease.lenders; ++i) {
    const Tenant& lender = tenants_[value_of(lease.lender[i].tenant)];
    if (!lender.own.contains(lease.lender[i].owned)) fail("a lender does not own what it lends");
    lent |= lease.lender[i].owned;
  }
  for (const TpcSet& level : lease.borrowed)
    if (!lent.contains(level)) fail("borrowed TPCs without a lender");
  if (lent.overlaps(lease.own | lease.unowned)) fail("a tenant lends to itself");
  for (const auto& [other, owner] : tenants_) {
    if (!owner.present || other == slot) continue;
    if (owner.own.overlaps(lease.own | lease.unowned)) fail("a lease gives away what somebody owns");
    if (owner.published_rights.overlaps(lease.co_resident)) fail("two leases give the right to spin on one TPC");
  }
}

// DESIGN.md §5.4: an owner whose TPCs hold its launch does not wait for anybody.
void Checker::check_owner_served(const Queue& queue, const Tenant& tenant, const Visible& visible) {
  const Launched& head = queue.pending.front();
  if (visible.lease.hold || visible.lease.launches_per_s > 0) return;
  if (!visible.lease.masked && visible.lease.low_priority) return;  // nothing is its own then, and its launches are bounded as the policy wished
  const auto fits = [&](const KernelInfo& kernel) {
    const TpcSet own = kernel.may_spin ? tenant.own & visible.lease.co_resident : tenant.own;
    return own.count() >= kernel.min_tpcs && room_for(kernel, own);
  };
  const bool served = head.kernel != nullptr ? fits(*head.kernel)
                                             : std::all_of(head.graph->nodes.begin(), head.graph->nodes.end(),
                                                           [&](const KernelInfo* node) { return fits(*node); });
  if (served) fail("an owner waits though its own TPCs hold its launch");
}

void Checker::at_rest(std::uint32_t slot, const Visible& visible, Nanoseconds starved_at_most, Nanoseconds now) {
  if (last_.any) fail("a submission without a record");
  Tenant& tenant = tenants_[slot];
  for (auto& [id, queue] : tenant.queues) {
    if (queue.pending.empty() || !queue.flying.empty()) continue;
    const Launched& head = queue.pending.front();
    if (head.kernel != nullptr && head.kernel->nature == KernelNature::never_touch) fail("a collective is held back");
    if (visible.lease.generation != 0 && tenant.own == visible.lease.own) check_owner_served(queue, tenant, visible);
    const bool spins = head.kernel != nullptr ? head.kernel->may_spin : head.graph->may_spin;
    if (!spins && now - queue.idle_since > starved_at_most) fail("a launch starves");
    if (!spins && head.urgent) fail("a flushed launch waits");
  }
}

std::string Checker::unfinished() const {
  std::string text;
  for (const auto& [slot, tenant] : tenants_) {
    for (const auto& [id, queue] : tenant.queues) {
      if (queue.pending.empty() && queue.flying.empty()) continue;
      text += "tenant " + std::to_string(slot) + " queue " + std::to_string(id) + ": " + std::to_string(queue.pending.size()) +
              " wait, " + std::to_string(queue.flying.size()) + " fly";
      if (!queue.pending.empty()) {
        const Launched& head = queue.pending.front();
        text += ", head is launch " + std::to_string(value_of(head.id)) + " of " +
                (head.kernel != nullptr ? head.kernel->name + ", minimum " + std::to_string(head.kernel->min_tpcs) : head.graph->name);
      }
      text += "; ";
    }
  }
  return text;
}

bool Checker::all_done() const {
  for (const auto& [slot, tenant] : tenants_)
    for (const auto& [id, queue] : tenant.queues)
      if (!queue.pending.empty() || !queue.flying.empty()) return false;
  return true;
}

}  // namespace lithos::test
