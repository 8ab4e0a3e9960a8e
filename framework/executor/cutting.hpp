// SPDX-License-Identifier: Apache-2.0
// Where a launch is cut into atoms, and when it is not worth it. Pure functions. Source: DESIGN.md §5.3; costs: cut_cost.hpp.
//
// The wish is an atom length. What counts against it is the cost of cutting: the blocks of each later atom that start only to leave, and a
// gap for each atom. Where atoms as short as wished would cost more than kCostShareMax of the launch they are made longer, as long as that
// costs less or those whose TPCs are used tolerate; a launch that cannot be cut within that stays whole, unless they tolerate less. Atoms
// are whole waves, because blocks of a part of a wave leave TPCs idle and take as long.
#pragma once

#include <cstdint>

#include "base/time.hpp"
#include "engine/operator.hpp"

namespace lithos {

struct CutQuestion {
  const KernelInfo* kernel = nullptr;
  std::uint32_t first_block = 0;  // what comes before has been submitted
  unsigned tpcs = 0;              // of the mask
  unsigned device_tpcs = 0;
  Nanoseconds whole{0};           // predicted for the whole grid on those TPCs
  Nanoseconds atom_length{0};     // wished by the lease; 0: do not cut
  Nanoseconds tolerated{kNever};  // longest that everybody concerned lets an uncuttable launch take
};

enum class CutReason : std::uint8_t {
  cut,
  not_wished,    // no atom length: the tenant's own TPCs, or a policy that does not cut
  persistent,    // the first atom would run nearly all of it
  special,       // cooperative, programmatic dependent launch, clusters that do not divide the grid, …
  may_spin,      // its blocks may wait for each other
  one_wave,      // every block is resident at once
  short_enough,  // hardly longer than an atom
  too_dear,      // skipped blocks and gaps cost more than the shorter wait is worth
};

// The next atom: [first_block, first_block + blocks), cut where block_range.hpp can cut. `blocks` is all that is left if the launch
// should not be cut (further); `reason` then says why, or `cut` if parts went before.
struct Atom {
  std::uint32_t blocks = 0;
  Nanoseconds predicted{0};
  CutReason reason = CutReason::not_wished;
};
Atom next_atom(const CutQuestion& question);

}  // namespace lithos
