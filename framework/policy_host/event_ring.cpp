// SPDX-License-Identifier: Apache-2.0
#include "policy_host/event_ring.hpp"

namespace lithos {

void spell_out(EventSlot& slot, std::uint32_t gpu) {
  const AtomNote note = slot.atom;
  const bool node = (note.flags & AtomNote::kGraphNode) != 0, graph = node || (note.flags & AtomNote::kGraph) != 0;
  slot.event = {};
  slot.text_used = 0;
  slot.event.time_ns = to_u64(Nanoseconds{note.seen_ns});
  slot.event.type = note.type & ~AtomNote::kBit;
  slot.event.gpu = gpu;
  slot.event.tenant_id = note.tenant_id;
  auto& atom = slot.event.as.atom;
  atom.launch_id = note.launch_id;
  atom.op_id = note.op_id;
  atom.predicted_ns = node ? 0 : note.predicted_ns;
  atom.queue = note.queue;
  atom.first_block = graph ? 0 : note.first_block;
  atom.block_count = note.block_count;
  atom.blocks = note.blocks;
  atom.tpcs = note.tpcs;
  atom.queued_ns = to_u64(Nanoseconds{note.queued_ns});
  atom.submitted_ns = to_u64(Nanoseconds{note.submitted_ns});
  atom.started_ns = to_u64(Nanoseconds{note.started_ns});
  atom.ended_ns = to_u64(Nanoseconds{note.ended_ns});
  atom.duration_ns = atom.ended_ns > atom.started_ns ? atom.ended_ns - atom.started_ns : 0;
  if (graph) atom.graph_id = node ? note.predicted_ns : note.op_id;
  atom.outcome = note.outcome;
  atom.node = graph ? note.first_block : 0;
  atom.last = (note.flags & AtomNote::kLast) != 0 ? 1 : 0;
}

}  // namespace lithos
