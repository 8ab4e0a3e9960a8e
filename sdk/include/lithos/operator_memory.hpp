// SPDX-License-Identifier: Apache-2.0
// What a predictor or right-sizer remembers of operators, without allocating once constructed.
//
//   RecentDurations   the last few durations on one TPC count: median, and a slowly fading longest
//   MeanDuration      their mean, which forgets slowly: what an operator costs that does different work from launch to launch
//   OperatorTimes     the former of one operator on up to six counts, and the scaling curve through their medians
//   OperatorMeans     likewise, through the means
//   BoundedTable<T>   T by 64-bit key, of fixed size: what was not used for longest makes room
//
// Threads  Values of one thread. Cost: add() below 100 ns on average, lookups a handful of comparisons.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>

#include "lithos/scaling_curve.hpp"

namespace lithos {
inline namespace sdk {

class alignas(32) RecentDurations {
 public:
  static constexpr unsigned kKept = 8;
  std::uint16_t tpcs = 0;

  unsigned size() const { return size_; }
  // Only if size() > 0.
  float median() const { return median_; }
  float typical() const { return median(); }
  // Fades towards the median over some fifty durations, so that a rare slow mode is not forgotten at once.
  float high() const { return longest_; }

  // Positive. Takes the oldest out and puts `ns` in its place, for all ranks at once: where either lies cannot be foreseen, so that a
  // loop which ends there is mispredicted.
  void add(float ns) {
    const float oldest = ring_[next_];
    std::array<float, kKept> moved;
    for (unsigned rank = 1; rank <= kKept; ++rank) {
      const float before = sorted_[rank - 1], here = sorted_[rank], after = sorted_[rank + 1];
      const float lower = before < oldest ? before : here, higher = here < oldest ? here : after;  // of those that stay
      const float capped = ns < higher ? ns : higher;
      moved[rank - 1] = lower > capped ? lower : capped;
    }
    std::copy(moved.begin(), moved.end(), sorted_.begin() + 1);
    ring_[next_] = ns;
    next_ = static_cast<std::uint8_t>((next_ + 1u) % kKept);
    if (size_ < kKept) ++size_;
    median_ = sorted_[(size_ + 1u) / 2];
    const float faded = high_ + (median_ - high_) / 64, top = sorted_[size_];
    high_ = faded > ns ? faded : ns;
    longest_ = high_ > top ? high_ : top;
  }
  void scale(float factor) {
    for (float& ns : sorted_) ns *= factor;
    for (float& ns : ring_) ns *= factor;
    high_ *= factor, longest_ *= factor, median_ *= factor;
  }

 private:
  static constexpr float kNone = std::numeric_limits<float>::infinity();
  template <std::size_t n>
  static constexpr std::array<float, n> nothing(float first) {
    std::array<float, n> all{};
    all.fill(kNone);
    all[0] = first;
    return all;
  }
  std::uint8_t size_ = 0, next_ = 0;
  float median_ = 0, longest_ = 0;
  std::array<float, kKept + 2> sorted_ = nothing<kKept + 2>(0);  // between 0 and infinity, which no duration leaves
  float high_ = 0;
  std::array<float, kKept> ring_ = nothing<kKept>(kNone);  // in the order in which they came

 public:
  // In the operator's observations; last, because what a question reads is to lie in one cache line.
  std::uint32_t used_at = 0;
};

class MeanDuration {
 public:
  std::uint16_t tpcs = 0;
  std::uint32_t used_at = 0;

  float typical() const { return mean_; }
  void add(float ns) {
    if (seen_ < kMemory) ++seen_;
    mean_ += (ns - mean_) / static_cast<float>(seen_);
  }
  void scale(float factor) { mean_ *= factor; }

 private:
  static constexpr std::uint32_t kMemory = 512;
  float mean_ = 0;
  std::uint32_t seen_ = 0;
};

// Up to six TPC counts, rising, in one word: where a count lies among them is found without a branch, which would be mispredicted.
class RisingCounts {
 public:
  static constexpr unsigned kMost = 6;

  // How many of them `tpcs` exceeds.
  unsigned below(std::uint32_t tpcs) const {
    // Lane by lane: kNone + tpcs - count, of which the top bit says that tpcs is more. The product adds those bits up.
    const std::uint64_t more = ((kNone + std::min(tpcs, kNone)) * kOnes - lanes_) & (kNone + 1) * kOnes;
    return static_cast<unsigned>(more * kOnes >> (kBits * kMost - 1));
  }
  std::uint32_t operator[](unsigned i) const { return static_cast<std::uint32_t>(lanes_ >> (kBits * i)) & kLane; }
  // Less than kNone; the i-th moves up, and the last goes.
  void insert(unsigned i, std::uint32_t tpcs) {
    const std::uint64_t moved = ((lanes_ & ~before(i)) << kBits) & kAll;
    lanes_ = (lanes_ & before(i)) | moved | std::uint64_t{tpcs} << (kBits * i);
  }
  void erase(unsigned i) {
    const std::uint64_t moved = (lanes_ >> kBits) & ~before(i);
    lanes_ = (lanes_ & before(i)) | moved | std::uint64_t{kNone} << (kBits * (kMost - 1));
  }

 private:
  static constexpr unsigned kBits = 10;
  static constexpr std::uint32_t kNone = 511, kLane = 1023;  // the top bit of a lane is left for the comparison
  static_assert(LITHOS_TPCS_MAX < kNone && kBits * kMost <= 64);
  static constexpr std::uint64_t kOnes = [] {
    std::uint64_t ones = 0;
    for (unsigned i = 0; i < kMost; ++i) ones |= std::uint64_t{1} << (kBits * i);
    return ones;
  }();
  static constexpr std::uint64_t kAll = (std::uint64_t{1} << (kBits * kMost)) - 1;
  static constexpr std::uint64_t before(unsigned i) { return (std::uint64_t{1} << (kBits * i)) - 1; }

  std::uint64_t lanes_ = kNone * kOnes;
};

template <class Durations>
class TimesByTpcs {
 public:
  // The curve's law was chosen anew, or at most its times moved.
  enum class Change : std::uint8_t { none, fitted };

  bool empty() const { return used_ == 0; }
  unsigned counts() const { return used_; }
  std::uint32_t observations() const { return observations_; }
  // Mean distance of a duration from what is typical on its count, as a share of it.
  float scatter() const { return scatter_; }
  // Fewest TPCs first.
  const Durations& operator[](unsigned i) const { return at_[i]; }
  std::uint32_t fewest() const { return at_[0].tpcs; }
  std::uint32_t most() const { return at_[used_ == 0 ? 0 : used_ - 1u].tpcs; }
  // An observation only says that the curve is out of date: operators are asked about much less often than they are seen.
  const ScalingCurve& curve() {
    if (stale_) follow();
    return curve_;
  }
  // The same where nothing has to be done for it; nullptr: it is out of date, or nothing is known.
  const ScalingCurve* curve_at_hand() const { return stale_ || used_ == 0 ? nullptr : &curve_; }

  // Below the fewest TPCs seen that are not below `tpcs`, where the next fewer seen are some way off: the curve guesses in between. half_way is 0
  // if none are fewer, or if there is no room for another count.
  struct Gap {
    std::uint32_t from = 0, half_way = 0;
  };
  Gap gap_below(std::uint32_t tpcs) const {
    const unsigned at = std::min(tpcs_.below(tpcs), std::max(1u, unsigned{used_}) - 1);
    if (at == 0 || used_ == kCounts) return {};
    return {count_at(at), (count_at(at) + count_at(at - 1) + 1) / 2};
  }

  const Durations* find(std::uint32_t tpcs) const {
    const unsigned at = tpcs_.below(tpcs);
    return at < used_ && count_at(at) == tpcs ? &at_[at] : nullptr;
  }
  // In ratio; only if not empty().
  const Durations& nearest(std::uint32_t tpcs) const { return at_[borders_.below(tpcs)]; }

  // A whole launch took so long on so many TPCs. `scaling_share`: see ScalingCurve::fit().
  Change add(const ScalingCurve::Shape& shape, std::uint32_t tpcs, float ns,
             double scaling_share = ScalingCurve::kShareUnknown) {
    ++observations_;
    tpcs = std::clamp(tpcs, 1u, LITHOS_TPCS_MAX);
    share_ = static_cast<float>(scaling_share);
    auto* recent = const_cast<Durations*>(find(tpcs));
    const bool fresh = recent == nullptr;
    if (fresh) recent = &place_for(tpcs);
    const float before = recent->typical();
    if (!fresh) scatter_ += (std::abs(ns / before - 1) - scatter_) / (observations_ < 16 ? 4.0f : 32.0f);
    recent->add(ns);
    recent->used_at = observations_;
    stale_ |= std::abs(recent->typical() - before) > 0.002f * before;
    // The law is chosen again when a count joins and as evidence doubles; in between the curve only follows the times.
    const bool doubled = (observations_ & (observations_ - 1)) == 0;
    if (!fresh && !(used_ > 2 && doubled)) return Change::none;
    refit(shape);
    return Change::fitted;
  }
  // All times, by a factor.
  void scale(float factor) {
    for (unsigned i = 0; i < used_; ++i) at_[i].scale(factor);
    stale_ = used_ > 0;
  }

 private:
  static constexpr unsigned kCounts = ScalingCurve::kPointsMax;
  static_assert(kCounts <= RisingCounts::kMost);
  using Points = std::array<ScalingPoint, kCounts>;
  static double apart(std::uint32_t a, std::uint32_t b) { return static_cast<double>(std::max(a, b)) / std::min(a, b); }
  std::uint32_t count_at(unsigned i) const { return tpcs_[i]; }

  // If all places are taken: of the two counts closest to each other, the one not seen for longer goes.
  unsigned victim_for(std::uint32_t tpcs) const {
    double closest = 1e300;
    unsigned victim = 0;
    for (unsigned a = 0; a < used_; ++a) {
      if (apart(count_at(a), tpcs) < closest) closest = apart(count_at(a), tpcs), victim = a;
      if (a > 0 && apart(count_at(a), count_at(a - 1)) < closest)
        closest = apart(count_at(a), count_at(a - 1)), victim = at_[a].used_at < at_[a - 1].used_at ? a : a - 1;
    }
    return victim;
  }
  Durations& place_for(std::uint32_t tpcs) {
    if (used_ == kCounts) {
      const unsigned victim = victim_for(tpcs);
      std::move(at_.begin() + victim + 1, at_.end(), at_.begin() + victim);
      tpcs_.erase(victim);
      --used_;
    }
    const unsigned at = tpcs_.below(tpcs);
    std::move_backward(at_.begin() + at, at_.begin() + used_, at_.begin() + used_ + 1);
    ++used_;
    at_[at] = Durations{};
    at_[at].tpcs = static_cast<std::uint16_t>(tpcs);
    tpcs_.insert(at, tpcs);
    draw_borders();
    return at_[at];
  }
  // Up to which count the lower of two neighbours is the nearer one: t / a <= b / t.
  void draw_borders() {
    borders_ = {};
    for (unsigned i = 0; i + 1 < used_; ++i) {
      const std::uint32_t product = count_at(i) * count_at(i + 1);
      borders_.insert(i, static_cast<std::uint32_t>(std::sqrt(static_cast<double>(product))));  // rounded down
    }
  }

  std::span<const ScalingPoint> points(Points& room) const {
    for (unsigned i = 0; i < used_; ++i) room[i] = {count_at(i), at_[i].typical()};
    return {room.data(), used_};
  }
  void refit(const ScalingCurve::Shape& shape) {
    Points room;
    curve_.fit(shape, points(room), share_);
    stale_ = false;
  }
  [[gnu::noinline]] void follow() {
    Points room;
    curve_.update(points(room), share_);
    stale_ = false;
  }

  // What a question reads comes first and lies together: an operator that was not asked about lately costs a cache miss for each line.
  std::uint32_t observations_ = 0;
  float scatter_ = 0, share_ = static_cast<float>(ScalingCurve::kShareUnknown);
  std::uint8_t used_ = 0;
  bool stale_ = false;    // the curve has not followed the times yet
  RisingCounts tpcs_;     // of at_
  RisingCounts borders_;  // between one of them and the next
  ScalingCurve curve_;
  std::array<Durations, kCounts> at_{};
};

using OperatorTimes = TimesByTpcs<RecentDurations>;
using OperatorMeans = TimesByTpcs<MeanDuration>;

// Sets of eight. Keys are hashes, never 0: spread_key() makes one.
template <class Entry>
class BoundedTable {
 public:
  // At least so many; all of them are allocated now.
  explicit BoundedTable(std::size_t capacity) {
    while (sets_ * kWays < capacity) sets_ *= 2;
    way_bytes_ = sets_ * sizeof(Entry);
    tags_ = std::make_unique<Tags[]>(sets_);
    entries_ = std::make_unique<Entry[]>(sets_ * kWays);
  }

  Entry* find(std::uint64_t key) {
    const std::size_t set = set_of(key);
    Tags& tags = tags_[set];
    prefetch(&entries_[set]);
    for (std::uint64_t ways = tags.ways_like(key); ways != 0; ways &= ways - 1) {
      const auto way = static_cast<unsigned>(std::countr_zero(ways)) / 8;
      Entry* const found = &entry(set, way);
      prefetch(found);
      if (tags.key[way] != key) [[unlikely]]
        continue;
      tags.used_at[way] = ++clock_;
      return found;
    }
    return nullptr;
  }
  // Every entry that has a key, in no order that means anything.
  template <class Do>
  void for_each(Do&& what) const {
    for_each_of(0, 1, what);
  }
  // The same for one part of `parts`, so that it need not be all at once.
  template <class Do>
  void for_each_of(std::size_t part, std::size_t parts, Do&& what) const {
    for (std::size_t set = sets_ * part / parts; set < sets_ * (part + 1) / parts; ++set)
      for (unsigned way = 0; way < kWays; ++way)
        if (tags_[set].key[way] != 0) what(entry(set, way));
  }
  // Some of them: from `set` on, which is moved on, until `most` or more have been shown or none are left. True: there are more
  // sets. Between two calls entries may come and go; `set` begins at 0.
  template <class Do>
  bool for_some(std::size_t& set, std::size_t most, Do&& what) const {
    for (std::size_t shown = 0; set < sets_ && shown < most; ++set)
      for (unsigned way = 0; way < kWays; ++way)
        if (tags_[set].key[way] != 0) what(entry(set, way)), ++shown;
    return set < sets_;
  }
  Entry& get(std::uint64_t key) {
    if (Entry* known = find(key)) return *known;
    const std::size_t set = set_of(key);
    Tags& tags = tags_[set];
    unsigned oldest = 0;
    for (unsigned way = 0; way < kWays && tags.key[oldest] != 0; ++way)
      if (tags.key[way] == 0 || clock_ - tags.used_at[way] > clock_ - tags.used_at[oldest]) oldest = way;
    tags.set_key(oldest, key);
    tags.used_at[oldest] = ++clock_;
    return entry(set, oldest) = Entry{};
  }

 private:
  static constexpr unsigned kWays = 8;
  // Its first lines at once, not one after the other as they are read. Of a set's first entry before it is known whose it is: most sets
  // of a table that is not full have no other.
  static constexpr std::size_t kPrefetched = 320;
  static void prefetch(const Entry* entry) {
    const auto* bytes = reinterpret_cast<const char*>(entry);
    for (std::size_t at = 0; at < std::min(sizeof(Entry), kPrefetched); at += 64) __builtin_prefetch(bytes + at);
  }
  struct alignas(64) Tags {
    std::uint64_t hints = 0;  // the top byte of each key: the eight are compared as one number
    std::array<std::uint64_t, kWays> key{};
    std::array<std::uint32_t, kWays> used_at{};

    // The top bit of the byte of each way whose hint is the key's; sometimes of a way above such a one too.
    std::uint64_t ways_like(std::uint64_t wanted) const {
      constexpr std::uint64_t kOnes = 0x0101010101010101u;
      const std::uint64_t apart = hints ^ kOnes * (wanted >> 56);
      return (apart - kOnes) & ~apart & kOnes << 7;
    }
    void set_key(unsigned way, std::uint64_t fresh) {
      key[way] = fresh;
      hints = (hints & ~(std::uint64_t{0xff} << 8 * way)) | fresh >> 56 << 8 * way;
    }
  };
  std::size_t set_of(std::uint64_t key) const { return (key >> 20) & (sets_ - 1); }
  // The way comes last and is multiplied once: it is what a search waits for.
  Entry& entry(std::size_t set, unsigned way) const {
    return *reinterpret_cast<Entry*>(reinterpret_cast<char*>(&entries_[set]) + way * way_bytes_);
  }

  std::size_t sets_ = 1, way_bytes_ = 0;
  std::uint32_t clock_ = 0;  // wraps: differences count
  std::unique_ptr<Tags[]> tags_;
  std::unique_ptr<Entry[]> entries_;
};

// Mixes all bits of `value` into all of the result, which is never 0.
constexpr std::uint64_t spread_key(std::uint64_t value) {
  value = (value ^ value >> 31) * 0x9e3779b97f4a7c15u;
  return (value ^ value >> 29) | 1;
}

}  // namespace sdk
}  // namespace lithos
