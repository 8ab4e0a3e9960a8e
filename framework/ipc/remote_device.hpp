// SPDX-License-Identifier: Apache-2.0
// The tenant's end of the virtual device: submissions into a ring, completions out of slots. What a driver's ring,
// doorbell and completion writes are to a real GPU, and in the same order: work of one queue completes in submission
// order.
//
// Everything in flight is remembered, so that it can be handed to the next daemon's device: the virtual GPU dies with
// its daemon, as a real one does not. Not for more than one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <vector>

#include "base/status.hpp"
#include "executor/device.hpp"
#include "ipc/completion_slots.hpp"

namespace lithos::ipc {

class Attachment;

class RemoteDevice {
 public:
  // nullptr: there is no daemon; what is submitted waits for the next one. Returns how much was submitted once more.
  std::uint64_t attached_to(Attachment* link);

  Status submit(const AtomSubmission& atom);
  Status submit_graph(const GraphSubmission& graph);
  std::size_t take_completions(const std::function<void(const Completion&)>& seen);
  bool any_completed() const;
  // What the ring had no room for. Returns how much went.
  std::uint32_t retry();

  std::uint32_t in_flight() const { return in_flight_; }
  std::uint64_t refused() const { return refused_; }

  std::function<void()> on_fork;  // TenantLink's, kept here for its stable address

 private:
  struct Piece {
    WireSubmission wire{};
    std::span<const TpcSet> node_tpcs;  // graph: outlives the submission
    std::uint32_t next = 0;             // slots seen
    bool sent = false;                  // to this daemon
    bool sent_before = false;           // to any
  };
  struct Queue {
    QueueId id{};
    std::deque<Piece> pieces;
  };

  Queue& queue(QueueId id);
  Status accept(QueueId id, Piece piece);
  bool send(Piece& piece);
  bool first_completed(const Queue& queue) const;
  Completion completion_of(const Queue& queue, const Piece& piece) const;
  void finish(Queue& queue);

  Attachment* link_ = nullptr;
  std::vector<Queue> queues_;
  RunPool slots_{kSlots};
  RunPool masks_{kMasks};
  std::uint64_t generation_ = 0;
  std::uint32_t in_flight_ = 0, unsent_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace lithos::ipc
