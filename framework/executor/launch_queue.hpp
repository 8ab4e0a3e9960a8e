// SPDX-License-Identifier: Apache-2.0
// One launch queue (CUDA stream) as its executor sees it: launches that wait, atoms and graphs in flight, and since when the head is
// stuck. Plain bookkeeping; decisions are made in admission.hpp. Not for more than one thread.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "base/tpc_set.hpp"
#include "engine/operator.hpp"
#include "engine/record.hpp"
#include "engine/ring.hpp"
#include "executor/executor.hpp"

namespace lithos {

// Records get lost, and the engine forgets who waits: what it must know is repeated this often.
inline constexpr Nanoseconds kSayAgain{1'000'000};

// Exactly one of kernel and graph is set.
struct WaitingLaunch {
  LaunchId id{};
  const KernelInfo* kernel = nullptr;
  const GraphInfo* graph = nullptr;
  std::uint32_t ordinal = 0;
  std::uint32_t next_block = 0;  // blocks before have been submitted
  LaunchContext context = 0;
  bool urgent = false;           // flushed: limits and hold do not apply
  bool behind = false;           // what the tenant launched last on this queue has not ended, by all that is known where queues are not kept
  OperatorId op() const { return kernel != nullptr ? kernel->id : graph->id; }
};

struct InFlight {
  LaunchId id{};
  const KernelInfo* kernel = nullptr;
  const GraphInfo* graph = nullptr;
  const TpcSet* node_tpcs = nullptr;  // graphs: where each node runs
  std::uint32_t bake = 0;             // graphs: which set of masks (graph_masks.hpp)
  std::uint32_t first_block = 0, block_count = 0;
  std::uint32_t ordinal = 0;
  std::uint32_t nodes_done = 0;
  LaunchContext context = 0;
  bool last = true;
  bool on_borrowed = false;   // counts against the outstanding limit
  bool long_whole = false;    // the one uncuttable launch that may be out there
  bool delays_borrowing = false;  // Verdict
  bool may_spin = false;
  Coverage coverage{};
  TpcSet tpcs;
  Nanoseconds predicted{0};
  Nanoseconds submitted_at{0};
  std::uint64_t order = 0;    // of submission, over all queues
  OperatorId op() const { return kernel != nullptr ? kernel->id : graph->id; }
};

struct LaunchQueue {
  static constexpr std::size_t kInFlightLimit = 65536;  // of inline queues, which do not wait; queued ones stop earlier

  LaunchQueue(QueueId queue, LaunchPath launch_path, std::uint32_t capacity)
      : id(queue), path(launch_path), waiting(capacity), inflight(kInFlightLimit) {}

  // Since when the oldest atom in flight has had the device; only where there is one.
  Nanoseconds running_since() const { return std::max(inflight.front().submitted_at, last_completed_at); }
  // Predicted time until the queue would run dry: what is in flight, less what the running atom has had already.
  Nanoseconds ahead(Nanoseconds now) const {
    if (inflight.empty()) return Nanoseconds{0};
    return inflight_predicted - std::clamp(now - running_since(), Nanoseconds{0}, inflight.front().predicted);
  }

  QueueId id;
  LaunchPath path;
  bool removed = false;             // by the program; goes when nothing waits or flies
  Ring<WaitingLaunch> waiting;
  Ring<InFlight> inflight;
  Nanoseconds inflight_predicted{0};
  Nanoseconds last_completed_at{0};
  std::uint32_t next_ordinal = 0;
  LaunchContext last_context = 0;      // what the next launch follows: graphs do not count
  Nanoseconds stuck_since = kNever;    // the head cannot go though nothing of the queue is in flight
  Nanoseconds retry_at = kNever;       // when to look again if nothing happens before
  Nanoseconds told_at = kNever;        // last `waiting` record for the present head
};

}  // namespace lithos
