// SPDX-License-Identifier: Apache-2.0
// Who owns which TPC. A tenant's own TPCs are chosen when it joins (or before, places.hpp) and stay the same until it has left and drained: whole GPCs
// first, so that clusters find room; TPCs of no GPC are spread over the tenants by quota. Not for more than one thread. Source: DESIGN.md §3, §5.4.
#pragma once

#include <cstdint>
#include <vector>

#include "base/tpc_set.hpp"
#include "engine/tpc_map.hpp"

namespace lithos {

class Ledger {
 public:
  static constexpr std::uint32_t kNobody = 0xffffffffu;

  explicit Ledger(const TpcMap& map) : map_(map), unowned_(map.all()), owner_(map.tpcs(), kNobody) {}

  const TpcSet& unowned() const { return unowned_; }
  std::uint32_t owner(unsigned tpc) const { return owner_[tpc]; }  // slot of the tenant table
  unsigned tpcs() const { return map_.tpcs(); }

  // Takes `quota` unowned TPCs; the caller has checked that there are so many. `place`: which, if they are free and as many; else the best left.
  TpcSet claim(std::uint32_t slot, unsigned quota, const TpcSet& place = {});
  void release(const TpcSet& tpcs);

 private:
  TpcSet best_place(unsigned quota) const;
  TpcSet loose_share(unsigned quota) const;
  TpcSet whole_gpcs(unsigned quota) const;

  const TpcMap& map_;
  TpcSet unowned_;
  std::vector<std::uint32_t> owner_;
};

}  // namespace lithos
