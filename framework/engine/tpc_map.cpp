// SPDX-License-Identifier: Apache-2.0
#include "engine/tpc_map.hpp"

#include <algorithm>

namespace lithos {

TpcSet highest(const TpcSet& set, unsigned count) {
  const unsigned size = set.count();
  return size <= count ? set : set - set.lowest(size - count);
}

TpcMap::TpcMap(const GpuShape& gpu) : tpcs_(gpu.tpcs), sms_per_tpc_(gpu.sms_per_tpc), all_(gpu.all()) {
  for (unsigned gpc = 0; gpc < gpu.gpcs; ++gpc) {
    const TpcSet set = gpu.gpc(gpc);
    if (set.empty()) continue;
    gpcs_.push_back(set);
    clusterable_ |= set;
  }
}

TpcSet TpcMap::reachable(const KernelInfo& kernel) const {
  if (runs_anywhere(kernel)) return all_;
  TpcSet tpcs;
  for (const TpcSet& gpc : gpcs_)
    if (gpc.count() >= cluster_tpcs(kernel)) tpcs |= gpc;
  return tpcs;
}

unsigned TpcMap::most_tpcs(const KernelInfo& kernel) const {
  if (runs_anywhere(kernel)) return tpcs_;
  unsigned tpcs = 0;
  for (const TpcSet& gpc : gpcs_) {
    const unsigned blocks = gpc.count() * kernel.blocks_per_tpc / kernel.cluster_blocks * kernel.cluster_blocks;
    tpcs += (blocks + kernel.blocks_per_tpc - 1) / kernel.blocks_per_tpc;
  }
  return tpcs;
}

std::uint64_t TpcMap::capacity(const KernelInfo& kernel, const TpcSet& tpcs) const {
  if (runs_anywhere(kernel)) return std::uint64_t{tpcs.count()} * (kernel.blocks_per_tpc / kernel.cluster_blocks * kernel.cluster_blocks);
  std::uint64_t clusters = 0;
  for (const TpcSet& gpc : gpcs_)
    clusters += std::uint64_t{(gpc & tpcs).count()} * kernel.blocks_per_tpc / kernel.cluster_blocks;
  return clusters * kernel.cluster_blocks;
}

bool TpcMap::holds(const KernelInfo& kernel, const TpcSet& tpcs) const {
  const bool clusters = kernel.cluster_blocks > 1;
  if ((clusters ? tpcs & reachable(kernel) : tpcs).count() < kernel.min_tpcs) return false;
  if (!kernel.may_spin && !clusters) return true;
  const std::uint64_t room = capacity(kernel, tpcs);
  if (!kernel.may_spin) return room > 0;
  return room >= std::min<std::uint64_t>(kernel.blocks, capacity(kernel, all_));
}

TpcSet TpcMap::take(const TpcPool* pools, unsigned n_pools, const TpcSet& within, unsigned want) const {
  TpcSet taken;
  for (unsigned p = 0; p < n_pools && want > 0; ++p) {
    const TpcSet here = (pools[p].tpcs & within) - taken;
    const TpcSet part = pools[p].from_high_end ? highest(here, want) : here.lowest(want);
    taken |= part;
    want -= part.count();
  }
  return taken;
}

TpcSet TpcMap::choose_for_clusters(const KernelInfo& kernel, const TpcPool* pools, unsigned n_pools, unsigned want) const {
  const unsigned cluster = cluster_tpcs(kernel);
  TpcSet available, mask, left = clusterable_;
  for (unsigned p = 0; p < n_pools; ++p) available |= pools[p].tpcs;
  bool from_high_end = false;
  for (unsigned p = n_pools; p-- > 0;)
    if (pools[p].tpcs.overlaps(clusterable_)) from_high_end = pools[p].from_high_end;
  while (mask.count() < want) {
    // The GPC with room for most clusters in the most preferred pool that has any, so that a launch spreads over as few GPCs and lenders as it
    // can; of equals the one at the pool's end, for an owner's narrow launches should not meet those it lends to.
    const TpcSet* best = nullptr;
    unsigned best_score = 0;
    for (const TpcSet& gpc : gpcs_) {
      if (!left.overlaps(gpc) || (gpc & available).count() < cluster) continue;
      unsigned score = 1;
      for (unsigned p = 0; p < n_pools; ++p) score += (gpc & pools[p].tpcs).count() / cluster << (8 * (n_pools - 1 - p));
      if (score > best_score || (score == best_score && from_high_end)) { best_score = score; best = &gpc; }
    }
    if (best == nullptr) break;
    const unsigned missing = want - mask.count();
    mask |= take(pools, n_pools, *best & available, std::max(cluster, (missing + cluster - 1) / cluster * cluster));
    left -= *best;
  }
  return mask;
}

TpcSet TpcMap::choose(const KernelInfo& kernel, const TpcPool* pools, unsigned n_pools, unsigned want) const {
  want = std::max(want, kernel.min_tpcs);
  const bool wide_clusters = cluster_tpcs(kernel) > 1;
  const TpcSet& within = runs_anywhere(kernel) ? all_ : clusterable_;
  TpcSet mask = wide_clusters ? choose_for_clusters(kernel, pools, n_pools, want) : take(pools, n_pools, within, want);
  if (holds(kernel, mask)) return mask;
  // Partly filled GPCs held fewer whole clusters than the count promised: all there is, or nothing.
  mask = wide_clusters ? choose_for_clusters(kernel, pools, n_pools, tpcs_) : take(pools, n_pools, within, tpcs_);
  return holds(kernel, mask) ? mask : TpcSet{};
}

}  // namespace lithos
