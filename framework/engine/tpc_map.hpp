// SPDX-License-Identifier: Apache-2.0
// Which TPCs a launch can run on: room for clusters within one GPC, room for a whole grid that may spin, and the choice of a mask
// from pools of TPCs in order of preference. Used by the executor for every mask and by the engine to gather rights and own TPCs.
// Immutable after construction; any thread. Source: DESIGN.md §5.1–5.2; GPU.md §3 (a mask without room for one cluster hangs).
#pragma once

#include <cstdint>
#include <vector>

#include "base/tpc_set.hpp"
#include "engine/gpu_shape.hpp"
#include "engine/operator.hpp"

namespace lithos {

// The last `count` members of a set; all if there are fewer.
TpcSet highest(const TpcSet& set, unsigned count);

// TPCs that may be chosen, and from which end: owners take from the low end and borrowers from the high one, so that they meet late.
struct TpcPool {
  TpcSet tpcs;
  bool from_high_end = false;
};

class TpcMap {
 public:
  explicit TpcMap(const GpuShape& gpu);

  const TpcSet& all() const { return all_; }
  unsigned tpcs() const { return tpcs_; }
  const TpcSet& clusterable() const { return clusterable_; }  // TPCs in a GPC: all that clusters wider than a TPC can use
  const std::vector<TpcSet>& gpcs() const { return gpcs_; }

  // TPCs on which the kernel could run at all: for clusters wider than a TPC those in GPCs that hold one.
  TpcSet reachable(const KernelInfo& kernel) const;
  // So many of them hold as much of it as the whole device.
  unsigned most_tpcs(const KernelInfo& kernel) const;
  // Blocks of the kernel that are resident at once on `tpcs`; clusters only where one TPC or GPC holds them whole.
  std::uint64_t capacity(const KernelInfo& kernel, const TpcSet& tpcs) const;
  // Whether a launch can finish there: its minimum, room for a cluster, and for one that may spin the whole grid at once (as far
  // as the whole device could hold it).
  bool holds(const KernelInfo& kernel, const TpcSet& tpcs) const;
  // About `want` TPCs for the kernel out of the pools, earlier pools first; empty if the pools cannot hold it. Clusters wider than a
  // TPC get whole clusters' worth per GPC, so the answer may be a little wider than `want`.
  TpcSet choose(const KernelInfo& kernel, const TpcPool* pools, unsigned n_pools, unsigned want) const;

 private:
  TpcSet take(const TpcPool* pools, unsigned n_pools, const TpcSet& within, unsigned want) const;
  TpcSet choose_for_clusters(const KernelInfo& kernel, const TpcPool* pools, unsigned n_pools, unsigned want) const;

  bool runs_anywhere(const KernelInfo& kernel) const { return lithos::runs_anywhere(kernel.cluster_blocks, sms_per_tpc_); }

  unsigned tpcs_, sms_per_tpc_;
  TpcSet all_;
  TpcSet clusterable_;
  std::vector<TpcSet> gpcs_;
};

// TPCs of one GPC that one cluster fills; 1 where there is no cluster.
constexpr unsigned cluster_tpcs(const KernelInfo& kernel) {
  return (kernel.cluster_blocks + kernel.blocks_per_tpc - 1) / kernel.blocks_per_tpc;
}

}  // namespace lithos
