// SPDX-License-Identifier: Apache-2.0
// The masks of captured graphs. They are fixed ("baked") at a graph's first launch, because the driver builds the launch descriptors
// only then (GPU.md §7), so they come from what cannot be taken back: own and unowned TPCs, each node right-sized. A graph is baked
// again only if it must be: its TPCs are no longer the tenant's, or the tenant has others now; or the right-sizer has changed its
// mind, at which it looks every kLookAgainEvery launches (a node whose mask changes costs 2–6 µs, docs/design/hardware.md §6). For
// each limit of the lease (max_tpcs) it has masks of its own, and for each with and without haste, so that a policy may go back and
// forth between a few without a graph being built again. A graph is in haste as soon as one of its nodes is; nodes that never are
// keep their masks.
// Masks stay in place until the last launch that uses them has completed. Not for more than one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <vector>

#include "engine/flat_map.hpp"
#include "engine/lease.hpp"
#include "engine/operator.hpp"
#include "engine/tpc_map.hpp"
#include "executor/lease_reader.hpp"

namespace lithos {

struct BakedGraph {
  std::vector<TpcSet> node_tpcs;
  std::vector<std::uint32_t> wanted;  // by node, when it was baked
  std::uint32_t rush_after = 0;       // the least of its nodes'; 0: none has one
  std::uint32_t launches = 0;         // since then
  TpcSet all;       // union over nodes
  TpcSet spinning;  // union over nodes that may spin
  TpcSet own;       // the tenant's when it was baked
  bool in_haste = false;
  bool starved = false;  // baked on what was not its own, for one launch
  std::uint32_t in_flight = 0;
  bool retired = false;
};

class GraphMasks {
 public:
  // What the right-sizer says of a node's operator.
  struct Wish {
    std::uint32_t tpcs = 0;        // 0: all there are
    std::uint32_t rush_after = 0;  // requests in a row from which on all; 0: never
    bool rushes(std::uint32_t requests_in_a_row) const { return rush_after != 0 && requests_in_a_row >= rush_after; }
    std::uint32_t tpcs_now(bool in_haste) const { return in_haste && rush_after != 0 ? 0 : tpcs; }
  };
  using WishOf = std::function<Wish(const KernelInfo&)>;

  GraphMasks(const TpcMap& map, WishOf wish) : map_(map), wish_(std::move(wish)) {}

  static constexpr std::uint32_t kNone = 0xffffffffu;
  static constexpr std::uint32_t kLookAgainEvery = 4;
  // The masks to launch with now, baked anew if need be; kNone if the lease cannot hold every node. `starving`: use whatever the
  // lease names at any level, or the device.
  std::uint32_t masks_for(const GraphInfo& graph, const UsableTpcs& usable, const Lease& lease, std::uint32_t requests_in_a_row,
                          bool starving);
  // For graphs that nobody confines: at least so many times all TPCs.
  const TpcSet* whole_device(std::size_t nodes);
  BakedGraph& baked(std::uint32_t bake) { return baked_[bake]; }
  void launched(std::uint32_t bake) { ++baked_[bake].in_flight; }
  void completed(std::uint32_t bake);

 private:
  bool still_right(const BakedGraph& baked, const UsableTpcs& usable, const Lease& lease) const;
  bool still_wanted(const GraphInfo& graph, BakedGraph& baked) const;
  enum class Manner : std::uint8_t { as_wished, in_haste, starving };
  bool bake(const GraphInfo& graph, const UsableTpcs& usable, const Lease& lease, Manner manner, BakedGraph& out) const;
  std::uint32_t keep(BakedGraph&& made);

  const TpcMap& map_;
  WishOf wish_;
  FlatMap current_;               // graph id, limit and haste → index in baked_
  std::deque<BakedGraph> baked_;  // addresses are stable
  std::vector<std::uint32_t> free_;
  std::deque<std::vector<TpcSet>> whole_device_;  // longer and longer ones; none goes before its launches have
};

}  // namespace lithos
