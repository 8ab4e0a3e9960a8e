// SPDX-License-Identifier: Apache-2.0
#include "engine/lease_builder.hpp"

#include <algorithm>

namespace lithos {
namespace {

constexpr Nanoseconds kLongest{86'400'000'000'000};  // a day: so that sums with a time do not overflow

Nanoseconds limited(std::uint64_t ns) { return std::min(from_u64(ns), kLongest); }

void add_lender(Lease& lease, const std::vector<Tenant>& tenants, std::uint32_t owner, const TpcSet& owned) {
  Lease::Lender& lender = lease.lender[lease.lenders++];
  lender.tenant = TenantId{owner};
  lender.owned = owned;
  lender.tolerates = tenants[owner].spec.tolerates;
}

}  // namespace

TpcSet widest(const Lease& lease) {
  return lease.own | lease.unowned | lease.borrowed[0] | lease.borrowed[1] | lease.borrowed[2];
}

bool build_lease(const std::vector<Tenant>& tenants, std::uint32_t slot, const Ledger& ledger, const LeaseTerms& terms,
                 const lithos_lease& answer, Nanoseconds now, Lease& lease) {
  const TpcSet& own = tenants[slot].own;
  const TpcSet& unowned = ledger.unowned();
  lease.own = own;
  lease.unowned = {};
  lease.lenders = 0;
  TpcSet asked, lendable;
  for (unsigned level = 0; level < kPressureLevels; ++level) {
    const TpcSet usable = TpcSet::from_words(answer.usable[level].words);
    asked |= usable;
    lease.unowned |= usable & unowned;
    lease.borrowed[level] = usable - own - unowned;
  }
  // By owner, each found once: its TPCs leave the rest together.
  TpcSet rest = asked - own - unowned;
  while (!rest.empty()) {
    const TpcSet one = rest.lowest(1);
    std::uint32_t owner = Ledger::kNobody;
    one.for_each([&](unsigned tpc) { owner = tpc < ledger.tpcs() ? ledger.owner(tpc) : Ledger::kNobody; });
    if (owner == Ledger::kNobody || !tenants[owner].present() || lease.lenders == Lease::kMaxLenders) {
      rest -= one;
      continue;
    }
    add_lender(lease, tenants, owner, rest & tenants[owner].own);
    lendable |= tenants[owner].own;
    rest -= tenants[owner].own;
  }
  for (TpcSet& level : lease.borrowed) level &= lendable;
  const bool broken = !(own | unowned | lendable).contains(asked);

  lease.idle_grace = limited(answer.idle_grace_ns);
  lease.outstanding_limit = limited(answer.outstanding_limit_ns);
  lease.uncuttable_limit = limited(answer.uncuttable_limit_ns);
  lease.atom_length = limited(answer.atom_ns);
  lease.expires_at = answer.expires_after_ns == 0 ? kNever : now + limited(answer.expires_after_ns);
  lease.starvation_limit = terms.starvation_limit;
  lease.launches_per_s = answer.launches_per_s;
  lease.max_tpcs = answer.max_tpcs;
  lease.hold = (answer.flags & LITHOS_LEASE_HOLD) != 0;
  lease.low_priority = (answer.flags & LITHOS_LEASE_LOW_PRIORITY) != 0;
  lease.masked = terms.masked;
  return broken;
}

}  // namespace lithos
