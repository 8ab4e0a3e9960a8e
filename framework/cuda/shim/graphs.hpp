// SPDX-License-Identifier: Apache-2.0
// CUDA graphs. The driver makes a graph's descriptors at its first launch, or when it is uploaded, and replays them
// afterwards: masks and completion slots are baked then (GPU.md §7, hardware.md §6). Descriptors come in no order, so
// they are matched to nodes by shape.
//
// A graph is described when it is instantiated: kernels of all its nodes and child graphs, which of them nothing
// follows (leaves). Leaves get completion slots for as long as the exec lives; a replay is over when they show a newer
// time. Threads: describing and destroying under a lock; launching and the callback only read, and mark nodes as seen,
// under the driver's own rule that an exec is used by one thread at a time.
#pragma once

#include <cuda.h>

#include <atomic>
#include <cstdint>
#include <vector>

#include "cuda/shim/completion_memory.hpp"
#include "cuda/shim/operators.hpp"
#include "engine/operator.hpp"

namespace lithos::cuda::shim {

struct ThreadState;
class Process;

struct UnrolledGraph;

struct GraphExec {
  struct Node {
    const Operator* op = nullptr;
    bool leaf = false;
    bool seen = false;       // its descriptor came by, in this upload
    std::uint64_t slot = 0;  // 1 + index; 0: none
  };
  GraphInfo info;
  std::vector<Node> nodes;
  bool has_unknown = false;  // conditional bodies and the like: nodes that we cannot describe
  std::uint64_t slots_base = 0;
  std::uint32_t first_slot = 0, slots = 0;
  std::uint64_t generation = 0;         // payload of its slots
  bool told = false;                    // to the daemon; service thread
  Nanoseconds longest{0};               // replay that was seen to end; service thread
  UnrolledGraph* unrolled = nullptr;    // the queued path's: its nodes, to be launched one by one; nullptr: never
  TpcSet baked;                         // where its nodes may run
  std::atomic<std::uint32_t> users{1};  // the exec itself, and launches that fly

  // The newest time in the leaves' slots; 0: none has completed yet.
  std::uint64_t newest_leaf_ns(const CompletionMemory& memory) const;
  void release();  // frees it, and its slots, after the last user
};

// Of a handle; nullptr: none.
UnrolledGraph* unrolled_form(CUgraphExec exec);

// In the callback: one descriptor of the graph that the thread is launching or uploading.
void patch_node(ThreadState& thread, Descriptor& descriptor, Process& process);

}  // namespace lithos::cuda::shim
