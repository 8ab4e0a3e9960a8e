// SPDX-License-Identifier: Apache-2.0
#include "ipc/remote_device.hpp"

#include <algorithm>

#include "ipc/attachment.hpp"
#include "ipc/wire.hpp"

namespace lithos::ipc {

std::uint64_t RemoteDevice::attached_to(Attachment* link) {
  link_ = link;
  unsent_ = 0;
  std::uint64_t again = 0;
  for (Queue& queue : queues_) {
    for (Piece& piece : queue.pieces) {
      // A graph of which some nodes were seen completed runs once more as a whole; its first completions are seen
      // once only.
      piece.sent_before = piece.sent_before || piece.sent;
      again += piece.sent_before ? 1 : 0;
      piece.sent = false;
      ++unsent_;
    }
  }
  if (link_ != nullptr) retry();
  return link_ != nullptr ? again : 0;
}

RemoteDevice::Queue& RemoteDevice::queue(QueueId id) {
  for (Queue& known : queues_)
    if (known.id == id) return known;
  queues_.push_back({id, {}});
  return queues_.back();
}

Status RemoteDevice::submit(const AtomSubmission& atom) {
  Piece piece;
  piece.wire.op = value_of(atom.kernel->id);
  piece.wire.launch = value_of(atom.launch);
  piece.wire.first_block = atom.first_block;
  piece.wire.block_count = atom.block_count;
  piece.wire.flags =
      (atom.cut ? kSubmitCut : 0) | (atom.masked ? kSubmitMasked : 0) | (atom.low_priority ? kSubmitLowPriority : 0);
  piece.wire.tpcs = to_wire(atom.tpcs);
  piece.wire.slots = 1;
  return accept(atom.queue, std::move(piece));
}

Status RemoteDevice::submit_graph(const GraphSubmission& graph) {
  Piece piece;
  piece.wire.op = value_of(graph.graph->id);
  piece.wire.launch = value_of(graph.launch);
  piece.wire.flags = kSubmitGraph | (graph.masked ? kSubmitMasked : 0);
  piece.wire.slots = static_cast<std::uint32_t>(graph.graph->nodes.size());
  piece.node_tpcs = graph.node_tpcs;
  if (graph.masked) {
    piece.wire.masks = piece.wire.slots;
    piece.wire.first_mask = masks_.take(piece.wire.masks);
    if (piece.wire.first_mask == RunPool::kNone) return exhausted("virtual device: too many graphs in flight");
  }
  const std::uint32_t first_mask = piece.wire.first_mask, masks = piece.wire.masks;
  Status status = accept(graph.queue, std::move(piece));
  if (!status.ok() && masks > 0) masks_.give_back(first_mask, masks);
  return status;
}

Status RemoteDevice::accept(QueueId id, Piece piece) {
  piece.wire.queue = value_of(id);
  piece.wire.first_slot = slots_.take(piece.wire.slots);
  if (piece.wire.first_slot == RunPool::kNone) return exhausted("virtual device: too much in flight");
  piece.wire.generation = ++generation_;
  Queue& into = queue(id);
  // Order within a queue: nothing overtakes what could not be sent.
  const bool may_send = into.pieces.empty() || into.pieces.back().sent;
  into.pieces.push_back(std::move(piece));
  ++in_flight_;
  if (!may_send || !send(into.pieces.back())) ++unsent_;
  return {};
}

bool RemoteDevice::send(Piece& piece) {
  if (link_ == nullptr) return false;
  for (std::uint32_t i = 0; i < piece.wire.masks; ++i)
    store_words(&link_->area().masks[piece.wire.first_mask + i], to_wire(piece.node_tpcs[i]));
  if (!link_->submissions->push(piece.wire)) return false;
  piece.sent = true;
  link_->wake_daemon();
  return true;
}

std::uint32_t RemoteDevice::retry() {
  if (unsent_ == 0 || link_ == nullptr) return 0;
  std::uint32_t went = 0;
  for (Queue& queue : queues_) {
    for (Piece& piece : queue.pieces) {
      if (piece.sent) continue;
      if (!send(piece)) break;
      ++went;
    }
  }
  unsent_ -= went;
  return went;
}

bool RemoteDevice::first_completed(const Queue& queue) const {
  if (link_ == nullptr || queue.pieces.empty() || !queue.pieces.front().sent) return false;
  const Piece& piece = queue.pieces.front();
  return has_completed(link_->area().slots[piece.wire.first_slot + piece.next], piece.wire.generation);
}

bool RemoteDevice::any_completed() const {
  return std::any_of(queues_.begin(), queues_.end(), [this](const Queue& queue) { return first_completed(queue); });
}

Completion RemoteDevice::completion_of(const Queue& queue, const Piece& piece) const {
  const CompletionSlot& slot = link_->area().slots[piece.wire.first_slot + piece.next];
  Completion done;
  done.tenant = link_->slot;
  done.queue = queue.id;
  done.launch = LaunchId{piece.wire.launch};
  done.first_block = piece.wire.first_block;
  done.block_count = piece.wire.block_count;
  done.node = (piece.wire.flags & kSubmitGraph) != 0 ? piece.next + 1 : 0;
  done.completed = from_u64(load(&slot.completed_ns));
  done.started = std::min(done.completed, from_u64(load(&slot.started_ns)));
  return done;
}

void RemoteDevice::finish(Queue& queue) {
  const WireSubmission& wire = queue.pieces.front().wire;
  slots_.give_back(wire.first_slot, wire.slots);
  if (wire.masks > 0) masks_.give_back(wire.first_mask, wire.masks);
  queue.pieces.pop_front();
  --in_flight_;
}

std::size_t RemoteDevice::take_completions(const std::function<void(const Completion&)>& seen) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < queues_.size(); ++i) {  // by index: `seen` may add a queue
    while (first_completed(queues_[i])) {
      Piece& piece = queues_[i].pieces.front();
      if (load(&link_->area().slots[piece.wire.first_slot + piece.next].failed) != 0) ++refused_;
      const Completion done = completion_of(queues_[i], piece);
      if (++piece.next == piece.wire.slots) finish(queues_[i]);
      ++count;
      seen(done);
    }
  }
  return count;
}

}  // namespace lithos::ipc
