// SPDX-License-Identifier: Apache-2.0
#include "engine/ledger.hpp"

#include <algorithm>

namespace lithos {

// The whole unowned GPCs whose sizes sum up closest to the quota without exceeding it; larger GPCs are preferred.
TpcSet Ledger::whole_gpcs(unsigned quota) const {
  std::vector<TpcSet> candidates;
  for (const TpcSet& gpc : map_.gpcs())
    if (unowned_.contains(gpc)) candidates.push_back(gpc);
  std::stable_sort(candidates.begin(), candidates.end(), [](const TpcSet& a, const TpcSet& b) { return a.count() > b.count(); });
  std::vector<TpcSet> best(quota + 1);  // [sum]: GPCs that sum up to it
  std::vector<bool> reachable(quota + 1, false);
  reachable[0] = true;
  for (const TpcSet& gpc : candidates) {
    const unsigned size = gpc.count();
    for (unsigned sum = quota; sum + 1 > size; --sum) {  // downwards: each GPC is used once
      if (reachable[sum] || !reachable[sum - size]) continue;
      reachable[sum] = true;
      best[sum] = best[sum - size] | gpc;
    }
  }
  for (unsigned sum = quota;; --sum)
    if (reachable[sum]) return best[sum];
}

// A fair part of the TPCs that clusters wider than a TPC cannot use, for quotas beyond a GPC: whoever came last would get all of them, and
// with few TPCs of its own lose a sixth of them to every such kernel (GPU.md §3: four of the H200's 66).
TpcSet Ledger::loose_share(unsigned quota) const {
  const TpcSet loose = map_.all() - map_.clusterable();
  unsigned largest_gpc = 0;
  for (const TpcSet& gpc : map_.gpcs()) largest_gpc = std::max(largest_gpc, gpc.count());
  if (quota <= largest_gpc) return {};
  return (loose & unowned_).lowest((quota * loose.count() + map_.tpcs() / 2) / map_.tpcs());
}

TpcSet Ledger::best_place(unsigned quota) const {
  TpcSet mine = loose_share(quota);
  mine |= whole_gpcs(quota - mine.count());
  // The rest out of as few GPCs as possible: the smallest remainder that suffices, else the largest there is.
  while (mine.count() < quota) {
    const unsigned missing = quota - mine.count();
    TpcSet best;
    for (const TpcSet& gpc : map_.gpcs()) {
      const TpcSet left = (gpc & unowned_) - mine;
      const bool suffices = left.count() >= missing;
      const bool better = suffices ? best.count() < missing || left.count() < best.count()
                                   : best.count() < missing && left.count() > best.count();
      if (!left.empty() && (best.empty() || better)) best = left;
    }
    if (best.empty()) best = unowned_ - mine;  // those of no GPC
    mine |= best.lowest(missing);
  }
  return mine;
}

TpcSet Ledger::claim(std::uint32_t slot, unsigned quota, const TpcSet& place) {
  const TpcSet mine = place.count() == quota && unowned_.contains(place) ? place : best_place(quota);
  unowned_ -= mine;
  mine.for_each([&](unsigned tpc) { owner_[tpc] = slot; });
  return mine;
}

void Ledger::release(const TpcSet& tpcs) {
  unowned_ |= tpcs;
  tpcs.for_each([&](unsigned tpc) { owner_[tpc] = kNobody; });
}

}  // namespace lithos
