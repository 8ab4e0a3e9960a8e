// SPDX-License-Identifier: Apache-2.0
#include "daemon/virtual_device.hpp"

#include <algorithm>
#include <cassert>

#include "ipc/wire.hpp"

namespace lithos {

using ipc::WireSubmission;

VirtualDevice::VirtualDevice(const GpuShape& gpu, Sharing sharing, Orphaned orphaned)
    : gpu_(gpu, h200_model(), sharing, *this), orphaned_(std::move(orphaned)), in_flight_(ipc::kTenantsMax, 0) {}

void VirtualDevice::touch(ipc::TenantPeer* peer) {
  if (std::find(touched_.begin(), touched_.end(), peer) == touched_.end()) touched_.push_back(peer);
}

void VirtualDevice::refuse(ipc::TenantPeer& peer, const WireSubmission& wire) {
  ++refused_;
  for (std::uint32_t i = 0; i < wire.slots; ++i)
    peer.complete(wire.first_slot + i, wire.generation, gpu_.now(), gpu_.now(), true);
  touch(&peer);
}

Status VirtualDevice::submit_atom(const KernelInfo* kernel, const Key& key, const WireSubmission& wire) {
  return gpu_.submit({TenantId{key.first}, QueueId{key.second}, LaunchId{wire.launch}, kernel, wire.first_block,
                      wire.block_count, (wire.flags & ipc::kSubmitCut) != 0, (wire.flags & ipc::kSubmitMasked) != 0,
                      (wire.flags & ipc::kSubmitLowPriority) != 0, ipc::from_wire(wire.tpcs)});
}

Status VirtualDevice::submit_graph(const GraphInfo* graph, const Key& key, const WireSubmission& wire,
                                   const std::vector<TpcSet>& masks) {
  if (wire.slots != graph->nodes.size()) return invalid_argument("a graph needs one completion slot per node");
  return gpu_.submit_graph({TenantId{key.first}, QueueId{key.second}, LaunchId{wire.launch}, graph, masks,
                            (wire.flags & ipc::kSubmitMasked) != 0});
}

void VirtualDevice::submit(ipc::TenantPeer& peer, const TenantOperators& operators, const WireSubmission& wire,
                           std::uint32_t index) {
  const Key key{value_of(peer.slot()), index};
  std::deque<Piece>& queue = pieces_[key];
  Piece& piece = queue.emplace_back();
  piece.queue = QueueId{wire.queue};
  piece.peer = &peer;
  piece.incarnation = peer.incarnation();
  piece.op = wire.op;
  piece.generation = wire.generation;
  piece.first_slot = wire.first_slot;
  piece.slots = wire.slots;
  piece.tpcs = ipc::from_wire(wire.tpcs);
  Status taken = invalid_argument("an operator that was never described");
  if ((wire.flags & ipc::kSubmitGraph) != 0) {
    for (std::uint32_t i = 0; i < wire.masks; ++i) piece.node_tpcs.push_back(peer.mask(wire.first_mask + i));
    const auto graph = operators.graphs.find(wire.op);
    if (graph != operators.graphs.end()) taken = submit_graph(graph->second, key, wire, piece.node_tpcs);
  } else if (const auto kernel = operators.kernels.find(wire.op); kernel != operators.kernels.end()) {
    piece.blocks = kernel->second->blocks;
    taken = submit_atom(kernel->second, key, wire);
  }
  if (taken.ok()) {
    ++in_flight_[value_of(peer.slot())];
    return;
  }
  queue.pop_back();
  refuse(peer, wire);
}

void VirtualDevice::forget(ipc::TenantPeer& peer) {
  for (auto& [key, queue] : pieces_)
    for (Piece& piece : queue)
      if (piece.peer == &peer) piece.peer = nullptr;
  std::replace(touched_.begin(), touched_.end(), &peer, static_cast<ipc::TenantPeer*>(nullptr));
}

void VirtualDevice::advance(Nanoseconds now) { gpu_.advance(now); }

void VirtualDevice::report_orphan(const Piece& piece, const Completion& completion) {
  Record record;
  record.kind = RecordKind::completed;
  record.tenant = completion.tenant;
  record.queue = piece.queue;
  record.op = OperatorId{piece.op};
  record.launch = completion.launch;
  record.first_block = completion.first_block;
  record.block_count = completion.block_count;
  record.node = completion.node;
  record.at = completion.completed;
  record.started = completion.started;
  record.tpcs = completion.node > 0 && completion.node <= piece.node_tpcs.size() ? piece.node_tpcs[completion.node - 1]
                                                                                 : piece.tpcs;
  record.last = piece.blocks == 0 ? completion.node == piece.slots
                                  : completion.first_block + completion.block_count == piece.blocks;
  orphaned_(record, piece.incarnation);
}

void VirtualDevice::on_device_completion(const Completion& completion) {
  const auto found = pieces_.find({value_of(completion.tenant), value_of(completion.queue)});
  assert(found != pieces_.end() && !found->second.empty());
  std::deque<Piece>& queue = found->second;
  const Piece& piece = queue.front();  // not by launch number: the slot may have another tenant by now
  const std::uint32_t index = completion.node > 0 ? completion.node - 1 : 0;
  const bool over = index + 1 >= piece.slots;
  if (over) --in_flight_[value_of(completion.tenant)];
  if (piece.peer != nullptr) {
    piece.peer->complete(piece.first_slot + index, piece.generation, completion.started, completion.completed);
    touch(piece.peer);
  } else {
    report_orphan(piece, completion);
  }
  if (!over) return;
  queue.pop_front();
  if (queue.empty()) pieces_.erase(found);
}

}  // namespace lithos
