// SPDX-License-Identifier: Apache-2.0
// A set of TPCs by logical index, for policies: lithos_tpc_set with operations. TPCs of one GPC are neighbours.
// Same layout as the C struct and freely mixed with it: `TpcSet all = tenant->own | view.unowned();`. A plain value of
// 32 bytes; indices must be below LITHOS_TPCS_MAX.
#pragma once

#include <bit>
#include <cstdint>

#include "lithos/policy_abi.h"

namespace lithos {
inline namespace sdk {

class TpcSet : public lithos_tpc_set {
 public:
  constexpr TpcSet() : lithos_tpc_set{} {}
  constexpr TpcSet(const lithos_tpc_set& set) : lithos_tpc_set(set) {}  // NOLINT: implicit by design

  // {0, …, count-1}; everything if count exceeds what a set holds.
  static constexpr TpcSet first(unsigned count) {
    TpcSet set;
    for (unsigned w = 0; w < LITHOS_TPC_WORDS; ++w) {
      if (count >= 64 * (w + 1)) set.words[w] = ~std::uint64_t{0};
      else if (count > 64 * w) set.words[w] = (std::uint64_t{1} << (count - 64 * w)) - 1;
    }
    return set;
  }
  // {begin, …, end-1}.
  static constexpr TpcSet range(unsigned begin, unsigned end);
  static constexpr TpcSet of(unsigned tpc) {
    TpcSet set;
    set.add(tpc);
    return set;
  }

  constexpr void add(unsigned tpc) { words[tpc / 64] |= std::uint64_t{1} << (tpc % 64); }
  constexpr void remove(unsigned tpc) { words[tpc / 64] &= ~(std::uint64_t{1} << (tpc % 64)); }
  constexpr bool has(unsigned tpc) const { return ((words[tpc / 64] >> (tpc % 64)) & 1) != 0; }
  constexpr bool empty() const { return (words[0] | words[1] | words[2] | words[3]) == 0; }
  constexpr unsigned count() const {
    int bits = 0;
    for (const std::uint64_t word : words) bits += std::popcount(word);
    return static_cast<unsigned>(bits);
  }
  constexpr bool contains(const lithos_tpc_set& other) const {
    std::uint64_t missing = 0;
    for (unsigned w = 0; w < LITHOS_TPC_WORDS; ++w) missing |= other.words[w] & ~words[w];
    return missing == 0;
  }
  constexpr bool overlaps(const lithos_tpc_set& other) const {
    std::uint64_t common = 0;
    for (unsigned w = 0; w < LITHOS_TPC_WORDS; ++w) common |= other.words[w] & words[w];
    return common != 0;
  }

  // The `wanted` members with the lowest (highest) indices; all of them if there are fewer.
  constexpr TpcSet lowest(unsigned wanted) const {
    TpcSet kept;
    for (unsigned w = 0; w < LITHOS_TPC_WORDS && wanted > 0; ++w) {
      std::uint64_t left = words[w];
      const auto here = static_cast<unsigned>(std::popcount(left));
      if (here <= wanted) {
        kept.words[w] = left;
        wanted -= here;
        continue;
      }
      for (; wanted > 0; --wanted, left &= left - 1) kept.words[w] |= left & (~left + 1);
    }
    return kept;
  }
  constexpr TpcSet highest(unsigned wanted) const;

  // Calls visit(unsigned tpc) for each member in increasing order.
  template <class Visit>
  constexpr void for_each(Visit&& visit) const {
    for (unsigned w = 0; w < LITHOS_TPC_WORDS; ++w)
      for (std::uint64_t left = words[w]; left != 0; left &= left - 1)
        visit(64 * w + static_cast<unsigned>(std::countr_zero(left)));
  }
};
static_assert(sizeof(TpcSet) == sizeof(lithos_tpc_set));

}  // namespace sdk
}  // namespace lithos

// At global scope, where argument-dependent look-up finds them for the C struct as well as for TpcSet.
constexpr lithos_tpc_set& operator|=(lithos_tpc_set& a, const lithos_tpc_set& b) {
  for (unsigned w = 0; w < LITHOS_TPC_WORDS; ++w) a.words[w] |= b.words[w];
  return a;
}
constexpr lithos_tpc_set& operator&=(lithos_tpc_set& a, const lithos_tpc_set& b) {
  for (unsigned w = 0; w < LITHOS_TPC_WORDS; ++w) a.words[w] &= b.words[w];
  return a;
}
constexpr lithos_tpc_set& operator-=(lithos_tpc_set& a, const lithos_tpc_set& b) {
  for (unsigned w = 0; w < LITHOS_TPC_WORDS; ++w) a.words[w] &= ~b.words[w];
  return a;
}
constexpr lithos::sdk::TpcSet operator|(lithos_tpc_set a, const lithos_tpc_set& b) { return a |= b; }
constexpr lithos::sdk::TpcSet operator&(lithos_tpc_set a, const lithos_tpc_set& b) { return a &= b; }
constexpr lithos::sdk::TpcSet operator-(lithos_tpc_set a, const lithos_tpc_set& b) { return a -= b; }
constexpr bool operator==(const lithos_tpc_set& a, const lithos_tpc_set& b) {
  std::uint64_t differs = 0;
  for (unsigned w = 0; w < LITHOS_TPC_WORDS; ++w) differs |= a.words[w] ^ b.words[w];
  return differs == 0;
}

namespace lithos {
inline namespace sdk {

constexpr TpcSet TpcSet::range(unsigned begin, unsigned end) { return first(end) - first(begin); }
constexpr TpcSet TpcSet::highest(unsigned wanted) const {
  const unsigned members = count();
  return wanted >= members ? *this : *this - lowest(members - wanted);
}

}  // namespace sdk
}  // namespace lithos
