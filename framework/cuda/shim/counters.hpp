// SPDX-License-Identifier: Apache-2.0
// How each launch went, counted (DESIGN.md §5.7). One array per thread, written by that thread alone, so that counting
// costs a plain store; whoever reports adds them up.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "cuda/patch.hpp"

namespace lithos::cuda::shim {

enum class Count : std::uint8_t {
  launches,           // asked for by the program, kernels outside graphs
  masked,             // confined to chosen TPCs
  not_confined,       // nobody wants it confined
  conflict_too_few,   // the driver's mask was left: too few TPCs
  conflict_cluster,   // … no room for a cluster
  conflict_resident,  // … blocks that must be resident together would not be
  refused,            // a descriptor of a type that is never changed
  captured,           // went into a graph that is being captured
  unseen,             // no descriptor came by: no hook, or the driver launched it another way
  failed,             // the driver refused the launch
  other_device,       // not the GPU that is managed
  starved,            // waited its limit and ran at its minimum
  waited,             // had to wait for a lease
  timed,              // its completion will be seen
  untimed,            // no completion slot was free
  cut,                // launches that ran in parts
  atoms,              // … and their parts
  cut_refused,        // were to be cut and ran whole: the descriptor was not as it must be
  internal_masked,    // the driver's own kernels: copies, memsets
  internal_left,
  graph_launches,
  graph_kernels,  // kernels that these launches ran, by the graphs' descriptions
  graph_nodes,  // descriptors of graphs' nodes
  graph_nodes_masked,
  graph_nodes_left,
  reports_dropped,  // a full ring
  memory_refused,   // allocations beyond the tenant's limit
  queued,        // launches that could wait
  queued_calls,  // other calls that waited behind them
  graph_unrolled,  // graph launches whose nodes went one by one; their kernels count as launches, not as graph_nodes
  hurried,       // submitted without regard to the lease's limits, since a call had to find them submitted
};
inline constexpr unsigned kCounts = 31;
const char* name_of(Count count);

class Counters {
 public:
  void add(Count count, std::uint64_t n = 1) {
    std::atomic<std::uint64_t>& value = values_[static_cast<unsigned>(count)];
    value.store(value.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  std::uint64_t get(Count count) const { return values_[static_cast<unsigned>(count)].load(std::memory_order_relaxed); }

 private:
  std::array<std::atomic<std::uint64_t>, kCounts> values_{};
};

constexpr Count count_of(MaskOutcome outcome) {
  switch (outcome) {
    case MaskOutcome::not_wanted: return Count::not_confined;
    case MaskOutcome::masked: return Count::masked;
    case MaskOutcome::too_few: return Count::conflict_too_few;
    case MaskOutcome::no_cluster: return Count::conflict_cluster;
    case MaskOutcome::not_resident: return Count::conflict_resident;
    case MaskOutcome::refused: return Count::refused;
  }
  return Count::refused;
}

}  // namespace lithos::cuda::shim
