// SPDX-License-Identifier: Apache-2.0
// The lease: what a tenant may use now. Written by the engine, read by the tenant's executor before every atom (DESIGN.md §4).
//
// Plain data without pointers, so that the same bytes can lie in shared memory. The executor combines it with the pressure words of
// the lenders, which it reads at each submission: a lender that launches takes its TPCs back without a round trip.
#pragma once

#include <array>
#include <cstdint>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "base/tpc_set.hpp"

namespace lithos {

// A tenant's pressure word, published by its own executor: how much it wants its TPCs, and since when.
struct PressureWord {
  Pressure level = Pressure::idle;
  Nanoseconds since{0};
};

struct Lease {
  static constexpr unsigned kMaxLenders = 64;
  struct Lender {
    TenantId tenant{};
    TpcSet owned;              // the lender's TPCs that this lease may touch at some level
    Nanoseconds tolerates{0};  // longest uncuttable launch that the lender accepts there
  };

  std::uint64_t generation = 0;
  TpcSet own;
  TpcSet unowned;                                // TPCs of nobody that this tenant may use
  std::array<TpcSet, kPressureLevels> borrowed;  // by the level of each TPC's owner
  // Where launches that may spin may run: no other tenant has this right there (DESIGN.md §5.1). For a starving launch the engine may
  // put TPCs here that are in none of the sets above; only starving launches that may spin go there.
  TpcSet co_resident;
  std::array<Lender, kMaxLenders> lender;
  std::uint32_t lenders = 0;
  Nanoseconds idle_grace{0};
  Nanoseconds outstanding_limit{0};  // predicted, beyond the running launch, while on borrowed TPCs
  Nanoseconds uncuttable_limit{0};   // on borrowed TPCs
  Nanoseconds atom_length{0};        // 0: do not cut
  Nanoseconds expires_at = kNever;   // afterwards: own and unowned only
  Nanoseconds starvation_limit{0};   // a launch that waited this long runs anyway
  double launches_per_s = 0;         // 0: no limit
  std::uint32_t max_tpcs = 0;        // 0: no limit
  bool hold = false;
  bool low_priority = false;         // borrowed work on a low-priority stream
  bool masked = true;                // false: the operator has turned masks off (hardware shares as it does)
};

}  // namespace lithos
