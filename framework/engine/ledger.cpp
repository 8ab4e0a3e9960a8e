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

TpcSet Ledger::claim(std::uint32_t slot, unsigned quota) {
  TpcSet mine = whole_gpcs(quota);
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
    if (best.empty()) best = unowned_ - mine;  // those that no cluster can use
    mine |= best.lowest(missing);
  }
  unowned_ -= mine;
  mine.for_each([&](unsigned tpc) { owner_[tpc] = slot; });
  return mine;
}

void Ledger::release(const TpcSet& tpcs) {
  unowned_ |= tpcs;
  tpcs.for_each([&](unsigned tpc) { owner_[tpc] = kNobody; });
}

}  // namespace lithos
