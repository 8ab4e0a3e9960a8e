// SPDX-License-Identifier: Apache-2.0
// Where a launch is cut into atoms, and when it is not worth it. Pure functions. Source: DESIGN.md §5.3; costs: GPU.md §4 (measured).
#pragma once

#include <cstdint>

#include "base/time.hpp"
#include "engine/operator.hpp"

namespace lithos {

struct CutQuestion {
  const KernelInfo* kernel = nullptr;
  std::uint32_t first_block = 0;   // what comes before has been submitted
  unsigned tpcs = 0;               // of the mask
  unsigned device_tpcs = 0;
  Nanoseconds whole{0};            // predicted for the whole grid on those TPCs
  Nanoseconds atom_length{0};      // wished by the lease; 0: do not cut
};

// The next atom: [first_block, first_block + blocks), a multiple of the cluster unless it ends the grid. `blocks` is all that is left
// if the launch should not be cut (further).
struct Atom {
  std::uint32_t blocks = 0;
  Nanoseconds predicted{0};
};
Atom next_atom(const CutQuestion& question);

}  // namespace lithos
