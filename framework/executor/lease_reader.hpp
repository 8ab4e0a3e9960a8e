// SPDX-License-Identifier: Apache-2.0
// The lease as it stands at this moment: combined with the lenders' pressure words and with time, read again at each submission and
// worked out again only if something moved. Not for more than one thread. Source: DESIGN.md §4.
#pragma once

#include <array>

#include "base/time.hpp"
#include "base/tpc_set.hpp"
#include "engine/lease.hpp"
#include "executor/executor.hpp"

namespace lithos {

// What may be used now.
struct UsableTpcs {
  TpcSet own;
  TpcSet unowned;
  TpcSet borrowed;      // of others, at their present pressure
  TpcSet borrowed_ever; // … at any pressure: where a starving launch may go
  TpcSet home() const { return own | unowned; }
};

class LeaseReader {
 public:
  explicit LeaseReader(TenantPort& port) : port_(port) {}

  // Valid until the next read().
  const UsableTpcs& read(Nanoseconds now) {
    const Lease& lease = port_.lease();
    if (lease.generation == generation_ && now < valid_until_ && words_unchanged(lease)) return usable_;
    return work_out(lease, now);
  }
  const Lease& lease() { return port_.lease(); }
  // Counts the times that the answer was worked out anew.
  std::uint64_t version() const { return version_; }
  // When read() will say something else though nothing but time has changed (an idle grace ends, the lease expires).
  Nanoseconds valid_until() const { return valid_until_; }
  // The shortest time that any owner of these TPCs tolerates an uncuttable launch there.
  static Nanoseconds tolerated_on(const Lease& lease, const TpcSet& tpcs);

 private:
  bool words_unchanged(const Lease& lease) {
    for (unsigned i = 0; i < lenders_; ++i) {
      const PressureWord word = port_.pressure_of(lease.lender[i].tenant);
      if (word.level != words_[i].level || word.since != words_[i].since) return false;
    }
    return true;
  }
  const UsableTpcs& work_out(const Lease& lease, Nanoseconds now);

  TenantPort& port_;
  UsableTpcs usable_;
  std::uint64_t generation_ = ~std::uint64_t{0};
  std::uint64_t version_ = 0;
  unsigned lenders_ = 0;
  std::array<PressureWord, Lease::kMaxLenders> words_;
  Nanoseconds valid_until_{0};
};

}  // namespace lithos
