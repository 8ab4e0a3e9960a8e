// SPDX-License-Identifier: Apache-2.0
// Who may run launches that may spin, and where (DESIGN.md §5.1): two such launches of different tenants on one TPC could each wait for
// blocks that the other keeps out, for ever. So each TPC's right belongs to one tenant at a time.
//
// Who should have a right: the owner, if it has operators that may spin; else a tenant that has them and may use the TPC (whoever has
// it keeps it; launches that lack rights come first); else the owner. A launch that lacks rights for long has them gathered.
//
// How a right moves: it is taken out of the holder's lease ("fading"), and given on only when it is known that no launch under an older
// lease is in flight there: a record of the holder says that it has seen the newer lease and where it spins, or the holder has been
// silent for kQuiet and did not spin by its newest record. While it spins, and for a while after, its executor sends a record every
// millisecond, so this holds as long as no five records in a row are lost and nothing is under way for longer than kQuiet.
// Not for more than one thread.
#pragma once

#include <array>
#include <cstdint>

#include "base/time.hpp"
#include "base/tpc_set.hpp"

namespace lithos {

class CoResidency {
 public:
  static constexpr std::uint32_t kParties = 64;
  static constexpr std::uint32_t kNobody = 0xffffffffu;
  static constexpr Nanoseconds kQuiet{5'000'000};

  struct Party {
    bool present = false;
    bool spins = false;    // has operators that may
    bool lacks = false;    // has a launch that waits for rights
    TpcSet own, wish;      // wish: all it may use at some pressure
    TpcSet right;          // in its lease
    TpcSet fading;         // taken out of its lease, not yet known to be free
    std::uint64_t fading_generation = 0;  // first lease without them
    Nanoseconds fading_since{0};
    TpcSet spinning;       // as its newest record said
    std::uint64_t seen_generation = 0;
    Nanoseconds heard_at{0};
  };

  explicit CoResidency(const TpcSet& all) : all_(all) {}

  Party& party(std::uint32_t slot) { return parties_[slot]; }
  const Party& party(std::uint32_t slot) const { return parties_[slot]; }
  void add(std::uint32_t slot, const TpcSet& own, Nanoseconds now);
  // It has left and drained: nothing of it spins any more.
  void remove(std::uint32_t slot) { parties_[slot] = {}; dirty_ = true; }
  void touch() { dirty_ = true; }

  // What the newest record of a tenant says of its state. True if rights became free.
  bool heard(std::uint32_t slot, std::uint64_t generation, const TpcSet& spinning, Nanoseconds now);
  // A record that newer ones have overtaken: a sign of life, and perhaps the only word of a launch.
  void heard_late(std::uint32_t slot, const TpcSet& spinning, Nanoseconds now) {
    parties_[slot].spinning |= spinning;
    parties_[slot].heard_at = now;
  }
  // Takes silence for an answer. True if rights became free.
  bool settle_quiet(Nanoseconds now);
  Nanoseconds next_quiet() const { return next_quiet_; }

  // Gathers a set of rights for one tenant, whoever should have them otherwise, until done.
  void gather(std::uint32_t slot, const TpcSet& tpcs) { gatherer_ = slot; gathered_ = tpcs; dirty_ = true; }
  void gathered() { gatherer_ = kNobody; gathered_ = {}; dirty_ = true; }
  std::uint32_t gatherer() const { return gatherer_; }
  // TPCs of tenants that need their rights themselves.
  TpcSet needed_by_owners(std::uint32_t except) const;

  // Takes and gives rights so as to come closer to who should have them. Bit `slot` of the answer: that tenant's lease changed.
  std::uint64_t rebalance(Nanoseconds now);
  // The lease without the fading rights has this generation; to be told after each rebalance, for each tenant it names.
  void published(std::uint32_t slot, std::uint64_t generation);

 private:
  void share_out(std::array<TpcSet, kParties>& due) const;
  bool release(Party& party, const TpcSet& still_spinning);

  TpcSet all_;
  std::array<Party, kParties> parties_{};
  std::uint32_t gatherer_ = kNobody;
  TpcSet gathered_;
  bool dirty_ = true;
  Nanoseconds next_quiet_ = kNever;  // when to look whether silence has lasted
};

}  // namespace lithos
