// SPDX-License-Identifier: Apache-2.0
// What gives a call that waited to the driver: kernels through the lease, part by part (submission.hpp), everything else as it is.
//
// On the dispatcher's thread or on one of the program's; one at a time for each stream. Never waits for a lease: a kernel that may not go
// now is asked for again. Where a kernel stands between two parts, a graph between two nodes, or since when it is stuck, is kept here, by
// stream.
#pragma once

#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "cuda/queue/call_queues.hpp"
#include "cuda/shim/submission.hpp"

namespace lithos::cuda::shim {

// What CallDriver and those who make the calls agree on.
//   kernels: object: CUfunction; words: as below; arguments: the attributes, then the packed arguments
//   graphs:  object: const UnrolledGraph*; words: the stream where kernels have it
//   others:  words: the six integer arguments; flags: the function's number among the trampolines
struct KernelWords {
  enum : unsigned { op, layout, attributes, stream };  // layout 0: the program brought a packed buffer
};

class Submitter final : public CallDriver {
 public:
  Answer submit(const QueuedCall& call, bool urgent) override;

 private:
  struct Front {  // of a stream's queue
    std::uint64_t sequence = 0;
    std::size_t node = 0;  // of a graph: the next one
    LaunchContext last = 0;  // the kernel that was launched before
    Nanoseconds stuck_since = kNever;
    Prepared prepared;
    Parts parts;  // once the first part has gone

    void go_on(std::uint64_t to_sequence, std::size_t to_node) {
      const LaunchContext before = last;
      *this = {};
      sequence = to_sequence, node = to_node, last = before;
    }
  };
  Front& front_of(const QueuedCall& call);
  Answer submit_graph(ThreadState* thread, const QueuedCall& call, bool urgent);
  Answer submit_one(ThreadState* thread, const QueuedCall& call, bool urgent);
  Answer submit_kernel(ThreadState& thread, const QueuedCall& call, bool urgent);

  std::mutex mutex_;  // of the map, not of what is in it
  std::unordered_map<std::uint64_t, Front> fronts_;
};

}  // namespace lithos::cuda::shim
