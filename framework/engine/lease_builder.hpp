// SPDX-License-Identifier: Apache-2.0
// From a policy's answer to a lease that breaks no safety rule (DESIGN.md §5): own TPCs are always in, others' only where their owner
// is a present tenant, TPCs of nobody by the union of levels, TPCs that do not exist or whose owner is still draining never; each
// lender's tolerance beside its TPCs. Pure functions.
#pragma once

#include <array>
#include <vector>

#include "engine/ledger.hpp"
#include "engine/lease.hpp"
#include "engine/tenant.hpp"

namespace lithos {

struct LeaseTerms {  // the engine's part, the same for all
  Nanoseconds starvation_limit{0};
  bool masked = true;
};

// Fills all of `lease` but generation and co_resident. True if something in the answer broke a rule and was left out.
bool build_lease(const std::vector<Tenant>& tenants, std::uint32_t slot, const Ledger& ledger, const LeaseTerms& terms,
                 const lithos_lease& answer, Nanoseconds now, Lease& lease);

// All TPCs that a lease names.
TpcSet widest(const Lease& lease);

}  // namespace lithos
