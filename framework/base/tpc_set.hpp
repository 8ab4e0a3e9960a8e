// SPDX-License-Identifier: Apache-2.0
// A set of TPCs of one GPU by logical index (0 … tpcs-1; TPCs of one GPC are neighbours).
//
// A plain value of 32 bytes with no invariants, usable from any thread as such. It has room for 256 TPCs: the H200 has 66, and the
// launch descriptor of Hopper and Blackwell holds 128 mask bits (GPU.md §2). Same layout as `lithos_tpc_set` of the policy ABI.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace lithos {

class TpcSet {
 public:
  static constexpr std::size_t kWords = 4;
  static constexpr unsigned kMaxTpcs = 64 * kWords;

  constexpr TpcSet() = default;

  // {0, 1, …, count-1}.
  static constexpr TpcSet first(unsigned count) {
    TpcSet set;
    for (std::size_t w = 0; w < kWords; ++w) {
      const unsigned below = static_cast<unsigned>(64 * w);
      if (count >= below + 64) set.words_[w] = ~std::uint64_t{0};
      else if (count > below) set.words_[w] = (std::uint64_t{1} << (count - below)) - 1;
    }
    return set;
  }
  static constexpr TpcSet range(unsigned begin, unsigned end) { return first(end) - first(begin); }
  static constexpr TpcSet of(unsigned tpc) { TpcSet set; set.add(tpc); return set; }
  static constexpr TpcSet from_words(const std::uint64_t* words) {
    TpcSet set;
    for (std::size_t w = 0; w < kWords; ++w) set.words_[w] = words[w];
    return set;
  }

  constexpr void add(unsigned tpc) { words_[tpc / 64] |= std::uint64_t{1} << (tpc % 64); }
  constexpr void remove(unsigned tpc) { words_[tpc / 64] &= ~(std::uint64_t{1} << (tpc % 64)); }
  constexpr bool has(unsigned tpc) const { return (words_[tpc / 64] >> (tpc % 64)) & 1; }
  constexpr bool empty() const { return (words_[0] | words_[1] | words_[2] | words_[3]) == 0; }
  constexpr unsigned count() const {
    return static_cast<unsigned>(std::popcount(words_[0]) + std::popcount(words_[1]) + std::popcount(words_[2]) +
                                 std::popcount(words_[3]));
  }
  constexpr bool contains(const TpcSet& other) const { return (other - *this).empty(); }
  constexpr bool overlaps(const TpcSet& other) const { return !(*this & other).empty(); }

  // The first `count` members; all of them if there are fewer.
  constexpr TpcSet lowest(unsigned count) const {
    TpcSet kept;
    for (std::size_t w = 0; w < kWords && count > 0; ++w) {
      std::uint64_t left = words_[w];
      const unsigned here = static_cast<unsigned>(std::popcount(left));
      if (here <= count) { kept.words_[w] = left; count -= here; continue; }
      for (; count > 0; --count) { kept.words_[w] |= left & (~left + 1); left &= left - 1; }
    }
    return kept;
  }

  // Calls visit(tpc) for each member in increasing order.
  template <class Visit>
  constexpr void for_each(Visit&& visit) const {
    for (std::size_t w = 0; w < kWords; ++w)
      for (std::uint64_t left = words_[w]; left != 0; left &= left - 1)
        visit(static_cast<unsigned>(64 * w) + static_cast<unsigned>(std::countr_zero(left)));
  }

  constexpr const std::uint64_t* words() const { return words_.data(); }
  constexpr std::uint64_t* words() { return words_.data(); }

  friend constexpr TpcSet operator|(TpcSet a, const TpcSet& b) { return a |= b; }
  friend constexpr TpcSet operator&(TpcSet a, const TpcSet& b) { return a &= b; }
  friend constexpr TpcSet operator-(TpcSet a, const TpcSet& b) { return a -= b; }
  constexpr TpcSet& operator|=(const TpcSet& b) { for (std::size_t w = 0; w < kWords; ++w) words_[w] |= b.words_[w]; return *this; }
  constexpr TpcSet& operator&=(const TpcSet& b) { for (std::size_t w = 0; w < kWords; ++w) words_[w] &= b.words_[w]; return *this; }
  constexpr TpcSet& operator-=(const TpcSet& b) { for (std::size_t w = 0; w < kWords; ++w) words_[w] &= ~b.words_[w]; return *this; }
  friend constexpr bool operator==(const TpcSet&, const TpcSet&) = default;

 private:
  std::array<std::uint64_t, kWords> words_{};
};

}  // namespace lithos
