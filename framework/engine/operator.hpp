// SPDX-License-Identifier: Apache-2.0
// Kernels and graphs as the engine and executor know them: shape, resources and what the audited rules say of their blocks.
//
// A KernelInfo is made once per operator (function × launch shape), is immutable afterwards, and outlives every launch of it; other
// objects hold plain pointers to it. Source: DESIGN.md §3, §5.1, §5.3; GPU.md §10.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "config/config.hpp"
#include "engine/gpu_shape.hpp"

namespace lithos {

struct Dim3 {
  std::uint32_t x = 1, y = 1, z = 1;
  constexpr std::uint64_t total() const { return std::uint64_t{x} * y * z; }
  friend constexpr bool operator==(const Dim3&, const Dim3&) = default;
};

struct KernelInfo {
  OperatorId id{};
  std::string name;
  Dim3 grid, block, cluster;
  std::uint32_t registers_per_thread = 0;
  std::uint32_t shared_bytes = 0;  // per block, static and dynamic
  // Derived by make_kernel_info():
  std::uint32_t blocks = 0;
  std::uint32_t cluster_blocks = 1;
  std::uint32_t blocks_per_tpc = 1;   // resident at once on one TPC, at least 1
  KernelNature nature = KernelNature::unknown;
  bool persistent = false;            // pulls tiles: the first atom would run nearly all of it (GPU.md §10)
  bool may_spin = false;              // its blocks may wait for each other: has a minimum, is never cut (DESIGN.md §5.1)
  bool cuttable = false;              // larger than one full wave, independent, no special launch attribute (DESIGN.md §5.3)
  bool launch_special = false;        // cooperative, programmatic dependent launch, device-updatable node: never cut
  std::uint32_t bound = 0;            // LITHOS_BOUND_*, by a profile somebody made before; 0: none, the engine learns it (scaling.hpp)
  std::uint32_t min_tpcs = 1;         // DESIGN.md §5.1; for clusters at least what one cluster needs in one GPC
  std::uint32_t useful_tpcs = 1;      // more than this hold no block of it
  std::uint32_t reachable_tpcs = 1;   // it can run on no more, whatever it is given: clusters wider than a TPC need a GPC with room for one
};

struct KernelShape {
  std::string name;
  Dim3 grid, block, cluster;
  std::uint32_t registers_per_thread = 0;
  std::uint32_t shared_bytes = 0;
  bool launch_special = false;
};

// Computes everything derived. `advertised_tpcs`: what the tenant believes the device has.
KernelInfo make_kernel_info(const KernelShape& shape, const GpuShape& gpu, unsigned advertised_tpcs, const KernelRules& rules);

// A captured graph: its kernels in launch order (a chain, as streams are; branches are serialised by the capture).
struct GraphInfo {
  OperatorId id{};
  std::string name;
  std::vector<const KernelInfo*> nodes;
  std::uint32_t min_tpcs = 1;  // the largest of its nodes'
  bool may_spin = false;       // any of its nodes
};
GraphInfo make_graph_info(std::string name, std::vector<const KernelInfo*> nodes);

// What the engine tells executors about one operator: an entry of the operator table (DESIGN.md §4). Plain data.
struct OperatorDecision {
  static constexpr unsigned kPoints = 4;
  Nanoseconds predicted_at[kPoints] = {};  // whole launch on 1/4, 1/2, 3/4 and all of span_tpcs
  double confidence = 0;                   // 0: nothing seen yet
  std::uint32_t tpcs = 0;                  // right-sized; 0: as many as the lease has
  std::uint32_t rush_after = 0;            // requests in a row from which on `tpcs` does not count (lithos_size); 0: never
  std::uint32_t span_tpcs = 0;             // the most that it is given: the device's TPCs, or those that hold a block of it
  bool mixed = false;                      // launches differ by what they follow: their kinds have decisions of their own (kinds.hpp)

  // Predicted time of a whole launch on so many TPCs, interpolated in 1/tpcs; below a quarter of the span, scaled linearly.
  Nanoseconds predicted(unsigned on_tpcs) const;
  // The TPC count that predicted_at[point] is for: quarters of the span, rounded to the nearest.
  static unsigned point_tpcs(unsigned span_tpcs, unsigned point);
};

}  // namespace lithos
