// SPDX-License-Identifier: Apache-2.0
#include "engine/co_residency.hpp"

#include <algorithm>

namespace lithos {

void CoResidency::add(std::uint32_t slot, const TpcSet& own, Nanoseconds now) {
  Party& party = parties_[slot];
  party = {};
  party.present = true;
  party.own = party.wish = own;
  party.heard_at = now;
  dirty_ = true;
}

TpcSet CoResidency::needed_by_owners(std::uint32_t except) const {
  TpcSet needed;
  for (std::uint32_t slot = 0; slot < kParties; ++slot)
    if (slot != except && parties_[slot].present && parties_[slot].spins) needed |= parties_[slot].own;
  return needed;
}

// Who should have which right, in order of precedence.
void CoResidency::share_out(std::array<TpcSet, kParties>& due) const {
  TpcSet rest = all_;
  const auto give = [&](std::uint32_t slot, const TpcSet& tpcs) {
    const TpcSet part = tpcs & rest;
    due[slot] |= part;
    rest -= part;
  };
  if (gatherer_ != kNobody && parties_[gatherer_].present) give(gatherer_, gathered_);
  const auto each = [&](auto&& wanted, auto&& visit) {
    for (std::uint32_t slot = 0; slot < kParties; ++slot)
      if (parties_[slot].present && wanted(parties_[slot])) visit(slot, parties_[slot]);
  };
  const auto spins = [](const Party& p) { return p.spins; };
  each(spins, [&](std::uint32_t slot, const Party& p) { give(slot, p.own); });
  each(spins, [&](std::uint32_t slot, const Party& p) { give(slot, p.right & p.wish); });
  each([](const Party& p) { return p.spins && p.lacks; }, [&](std::uint32_t slot, const Party& p) { give(slot, p.wish); });
  each(spins, [&](std::uint32_t slot, const Party& p) { give(slot, p.wish); });
  each([](const Party& p) { return !p.spins; }, [&](std::uint32_t slot, const Party& p) { give(slot, p.own); });
}

std::uint64_t CoResidency::rebalance(Nanoseconds now) {
  if (!dirty_) return 0;
  dirty_ = false;
  std::array<TpcSet, kParties> due{};
  share_out(due);
  std::uint64_t changed = 0;
  TpcSet held;
  for (std::uint32_t slot = 0; slot < kParties; ++slot) {
    Party& party = parties_[slot];
    const TpcSet lost = party.right - due[slot];
    if (!lost.empty()) {
      party.right -= lost;
      party.fading |= lost;
      party.fading_since = now;
      party.fading_generation = ~std::uint64_t{0};  // until published
      next_quiet_ = std::min(next_quiet_, now + kQuiet);
      changed |= std::uint64_t{1} << slot;
    }
    held |= party.right | party.fading;
  }
  for (std::uint32_t slot = 0; slot < kParties; ++slot) {
    const TpcSet gained = due[slot] - held;
    if (gained.empty()) continue;
    parties_[slot].right |= gained;
    changed |= std::uint64_t{1} << slot;
  }
  return changed;
}

void CoResidency::published(std::uint32_t slot, std::uint64_t generation) {
  Party& party = parties_[slot];
  if (!party.fading.empty() && party.fading_generation == ~std::uint64_t{0}) party.fading_generation = generation;
}

bool CoResidency::release(Party& party, const TpcSet& still_spinning) {
  const TpcSet before = party.fading;
  party.fading &= still_spinning;
  if (party.fading == before) return false;
  dirty_ = true;
  return true;
}

bool CoResidency::heard(std::uint32_t slot, std::uint64_t generation, const TpcSet& spinning, Nanoseconds now) {
  Party& party = parties_[slot];
  party.spinning = spinning;
  party.seen_generation = generation;
  party.heard_at = now;
  if (party.fading.empty() || generation < party.fading_generation) return false;
  return release(party, spinning);
}

bool CoResidency::settle_quiet(Nanoseconds now) {
  if (now < next_quiet_) return false;
  bool freed = false;
  next_quiet_ = kNever;
  for (Party& party : parties_) {
    if (party.fading.empty()) continue;
    const Nanoseconds quiet_at = std::max(party.fading_since, party.heard_at) + kQuiet;
    if (now >= quiet_at && party.fading_generation != ~std::uint64_t{0}) freed |= release(party, party.spinning);
    if (!party.fading.empty()) next_quiet_ = std::min(next_quiet_, now >= quiet_at ? now + kQuiet : quiet_at);
  }
  return freed;
}

}  // namespace lithos
