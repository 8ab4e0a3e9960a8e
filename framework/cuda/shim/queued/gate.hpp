// SPDX-License-Identifier: Apache-2.0
// The queued path as the rest of the shim sees it (docs/design/atoms.md). Two libraries are made of the same sources: libcuda.so.1, where
// kQueued is false and nothing of this is there, and libcuda_queued.so.1, where best-effort tenants' launches wait for their lease while
// the program goes on.
#pragma once

#include <cuda.h>

#include <optional>
#include <string>

#include "cuda/shim/operators.hpp"
#include "cuda/shim/thread_state.hpp"

namespace lithos::cuda::shim {

#ifdef LITHOS_QUEUED
inline constexpr bool kQueued = true;
#else
inline constexpr bool kQueued = false;
#endif

// A launch as the program asked for it.
struct LaunchRequest {
  CUfunction function = nullptr;
  CUstream stream = nullptr;  // CU_STREAM_PER_THREAD for that of a per-thread variant
  Dims grid{}, block{};
  unsigned shared = 0;
  void** parameters = nullptr;
  void** extra = nullptr;
  const CUlaunchAttribute* attributes = nullptr;
  unsigned attribute_count = 0;
  bool may_wait = true;  // false: a form of launch that is never queued
};

// The program's answer; empty: it goes to the driver now, and everything that must be there first is. `op` nullptr: nobody manages it.
std::optional<CUresult> queue_launch(ThreadState& thread, const Operator* op, const LaunchRequest& request);

// Graphs whose nodes may wait one by one (queued/unrolled_graph.hpp).
struct UnrolledGraph;
// nullptr: it runs whole, for a reason that is counted. After the graph has been instantiated with these flags, in the same context.
UnrolledGraph* unroll_graph(CUgraph graph, unsigned long long flags);
// As queue_launch(). `graph` nullptr: nobody knows its nodes.
std::optional<CUresult> queue_graph(ThreadState& thread, UnrolledGraph* graph, CUstream stream);
void graph_went_whole(ThreadState& thread, UnrolledGraph& graph, CUstream stream);  // after the driver has launched it
void graph_changes(UnrolledGraph& graph);  // whole from now on; nothing of it waits
void graph_ends(UnrolledGraph* graph);
void graphs_own_objects();        // of the program: those instantiated from now on run whole
std::string graphs_left_whole();  // why, and how many, as a JSON object

void start_queueing();             // once the process is active
void end_queueing_after_fork();    // in the child: what waits is the parent's
const char* queueing_state();      // "on", "off", or why it has ended
void completions_were_seen();      // what could not go before may now
// What cuGetProcAddress hands out: the trampoline before this function, if there is one. A name nobody has reviewed ends queueing.
void* before_which(const char* symbol, void* function);

}  // namespace lithos::cuda::shim
