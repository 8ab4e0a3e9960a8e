// SPDX-License-Identifier: Apache-2.0
#include "executor/lease_reader.hpp"

#include <algorithm>

namespace lithos {

Nanoseconds LeaseReader::tolerated_on(const Lease& lease, const TpcSet& tpcs) {
  Nanoseconds least = kNever;
  const unsigned lenders = std::min(lease.lenders, Lease::kMaxLenders);
  for (unsigned i = 0; i < lenders; ++i)
    if (lease.lender[i].owned.overlaps(tpcs)) least = std::min(least, lease.lender[i].tolerates);
  return least;
}

const UsableTpcs& LeaseReader::work_out(const Lease& lease, Nanoseconds now) {
  ++version_;
  generation_ = lease.generation;
  usable_ = {lease.own, lease.unowned - lease.own, {}, {}};
  lenders_ = std::min(lease.lenders, Lease::kMaxLenders);
  const bool expired = now >= lease.expires_at;
  valid_until_ = expired ? kNever : lease.expires_at;
  const TpcSet ever = lease.borrowed[0] | lease.borrowed[1] | lease.borrowed[2];
  for (unsigned i = 0; i < lenders_; ++i) {
    const Lease::Lender& lender = lease.lender[i];
    const PressureWord word = words_[i] = port_.pressure_of(lender.tenant);
    auto level = std::min(static_cast<unsigned>(word.level), kPressureLevels - 1);
    // An owner counts as idle only after a while: the gap between two of its launches is not an invitation.
    if (word.level == Pressure::idle && now - word.since < lease.idle_grace) {
      level = static_cast<unsigned>(Pressure::active);
      const bool endless = lease.idle_grace > kNever - now;
      if (!endless) valid_until_ = std::min(valid_until_, word.since + lease.idle_grace);
    }
    usable_.borrowed_ever |= ever & lender.owned;
    if (!expired) usable_.borrowed |= lease.borrowed[level] & lender.owned;
  }
  usable_.borrowed -= usable_.home();
  usable_.borrowed_ever -= usable_.home();
  return usable_;
}

}  // namespace lithos
