// SPDX-License-Identifier: Apache-2.0
#include "executor/graph_masks.hpp"

#include <algorithm>

namespace lithos {
namespace {

constexpr std::uint64_t kSpread = 0x9e3779b97f4a7c15;  // keeps a graph's keys apart from other graphs'
constexpr std::uint64_t kHaste = TpcSet::kMaxTpcs + 1;  // beyond any limit: masks of a graph whose tenant has fallen behind

}  // namespace

bool GraphMasks::still_right(const BakedGraph& baked, const UsableTpcs& usable, const Lease& lease) const {
  return !baked.starved && baked.own == usable.own && usable.home().contains(baked.all) &&
         lease.co_resident.contains(baked.spinning);
}

bool GraphMasks::still_wanted(const GraphInfo& graph, BakedGraph& baked) const {
  if (++baked.launches % kLookAgainEvery != 0) return true;
  for (std::size_t node = 0; node < graph.nodes.size(); ++node)
    if (wish_(*graph.nodes[node]).tpcs_now(baked.in_haste) != baked.wanted[node]) return false;
  return true;
}

bool GraphMasks::bake(const GraphInfo& graph, const UsableTpcs& usable, const Lease& lease, Manner manner, BakedGraph& out) const {
  const bool starving = manner == Manner::starving;
  out.own = usable.own;
  out.in_haste = manner == Manner::in_haste;
  out.starved = starving;
  out.node_tpcs.reserve(graph.nodes.size());
  out.wanted.reserve(graph.nodes.size());
  for (const KernelInfo* node : graph.nodes) {
    TpcPool pools[] = {{usable.own}, {usable.unowned}, {usable.borrowed_ever, true}, {map_.all(), true}};
    if (node->may_spin) {
      for (TpcPool& pool : pools) pool.tpcs &= lease.co_resident;
    }
    const Wish wish = wish_(*node);
    if (wish.rush_after != 0) out.rush_after = out.rush_after == 0 ? wish.rush_after : std::min(out.rush_after, wish.rush_after);
    // A mask narrower than what the tenant owns costs it freedom: the hardware places blocks where there is room at each replay, which
    // with lent TPCs is not known at the first launch. So only a right-sizer's or the lease's wish narrows it, not the number of blocks,
    // which is what a right-sizer answers that knows nothing else.
    const std::uint32_t wanted = starving ? node->min_tpcs : wish.tpcs_now(out.in_haste);
    unsigned want = wanted == 0 || wanted == node->useful_tpcs ? map_.tpcs() : wanted;
    if (lease.max_tpcs > 0) want = std::min(want, lease.max_tpcs);
    out.wanted.push_back(wanted);
    TpcSet mask;
    for (unsigned n_pools = 2; mask.empty() && n_pools <= (starving ? 4u : 2u); ++n_pools)
      mask = map_.choose(*node, pools, n_pools, want);
    if (mask.empty()) return false;
    out.node_tpcs.push_back(mask);
    out.all |= mask;
    if (node->may_spin) out.spinning |= mask;
  }
  return true;
}

std::uint32_t GraphMasks::masks_for(const GraphInfo& graph, const UsableTpcs& usable, const Lease& lease,
                                    std::uint32_t requests_in_a_row, bool starving) {
  std::uint64_t key = value_of(graph.id) + lease.max_tpcs * kSpread;
  std::uint32_t known = current_.find(key);
  Manner manner = Manner::as_wished;
  if (known != FlatMap::kAbsent && Wish{0, baked_[known].rush_after}.rushes(requests_in_a_row)) {
    manner = Manner::in_haste;
    key += kHaste * kSpread;
    known = current_.find(key);
  }
  const bool has_masks = known != FlatMap::kAbsent;
  if (has_masks && still_right(baked_[known], usable, lease) && still_wanted(graph, baked_[known])) return known;
  BakedGraph fresh;
  if (!bake(graph, usable, lease, manner, fresh)) {
    fresh = {};
    if (!starving || !bake(graph, usable, lease, Manner::starving, fresh)) return kNone;
  }
  if (has_masks) {
    baked_[known].retired = true;
    if (baked_[known].in_flight == 0) free_.push_back(known);
  }
  const std::uint32_t index = keep(std::move(fresh));
  current_.set(key, index);
  return index;
}

std::uint32_t GraphMasks::keep(BakedGraph&& made) {
  if (free_.empty()) {
    baked_.push_back(std::move(made));
    return static_cast<std::uint32_t>(baked_.size() - 1);
  }
  const std::uint32_t index = free_.back();
  free_.pop_back();
  baked_[index] = std::move(made);
  return index;
}

const TpcSet* GraphMasks::whole_device(std::size_t nodes) {
  if (whole_device_.empty() || whole_device_.back().size() < nodes) whole_device_.emplace_back(std::max<std::size_t>(2 * nodes, 64), map_.all());
  return whole_device_.back().data();
}

void GraphMasks::completed(std::uint32_t bake) {
  BakedGraph& baked = baked_[bake];
  if (baked.in_flight > 0) --baked.in_flight;
  if (baked.in_flight == 0 && baked.retired) free_.push_back(bake);
}

}  // namespace lithos
