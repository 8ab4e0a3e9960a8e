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
#include <memory>
#include <span>

#include "lithos/scaling_curve.hpp"

namespace lithos {
inline namespace sdk {

class RecentDurations {
 public:
  static constexpr unsigned kKept = 8;
  std::uint32_t tpcs = 0;
  std::uint32_t used_at = 0;  // in the operator's observations

  unsigned size() const { return size_; }
  // Only if size() > 0.
  float median() const { return sorted_[(size_ - 1u) / 2]; }
  float typical() const { return median(); }
  // Fades towards the median over some fifty durations, so that a rare slow mode is not forgotten at once.
  float high() const { return std::max(high_, sorted_[size_ - 1u]); }

  void add(float ns) {
    unsigned at = size_;
    if (size_ == kKept)
      at = static_cast<unsigned>(std::find(sorted_.begin(), sorted_.end() - 1, ring_[next_]) - sorted_.begin());
    else ++size_;
    ring_[next_] = ns;
    next_ = static_cast<std::uint8_t>((next_ + 1u) % kKept);
    for (; at > 0 && sorted_[at - 1] > ns; --at) sorted_[at] = sorted_[at - 1];
    for (; at + 1u < size_ && sorted_[at + 1] < ns; ++at) sorted_[at] = sorted_[at + 1];
    sorted_[at] = ns;
    high_ = std::max(ns, high_ + (median() - high_) / 64);
  }
  void scale(float factor) {
    for (unsigned i = 0; i < size_; ++i) ring_[i] *= factor, sorted_[i] *= factor;
    high_ *= factor;
  }

 private:
  float high_ = 0;
  std::uint8_t size_ = 0, next_ = 0;
  std::array<float, kKept> sorted_{}, ring_{};
};

class MeanDuration {
 public:
  std::uint32_t tpcs = 0;
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

template <class Durations>
class TimesByTpcs {
 public:
  // The curve's law was chosen anew, its times moved, or nothing worth telling happened.
  enum class Change : std::uint8_t { none, moved, fitted };

  bool empty() const { return used_ == 0; }
  unsigned counts() const { return used_; }
  std::uint32_t observations() const { return observations_; }
  // Mean distance of a duration from what is typical on its count, as a share of it.
  float scatter() const { return scatter_; }
  const ScalingCurve& curve() const { return curve_; }
  const Durations& operator[](unsigned i) const { return at_[i]; }
  std::uint32_t fewest() const {
    return extreme([](auto a, auto b) { return a < b; });
  }
  std::uint32_t most() const {
    return extreme([](auto a, auto b) { return a > b; });
  }

  const Durations* find(std::uint32_t tpcs) const {
    for (unsigned i = 0; i < used_; ++i)
      if (at_[i].tpcs == tpcs) return &at_[i];
    return nullptr;
  }
  // In ratio; only if not empty().
  const Durations& nearest(std::uint32_t tpcs) const {
    unsigned best = 0;
    for (unsigned i = 1; i < used_; ++i) {  // by the points: they lie close together, and every count is among them
      const std::uint64_t a = points_[i].tpcs, b = points_[best].tpcs;
      if (std::max<std::uint64_t>(a, tpcs) * std::min<std::uint64_t>(b, tpcs) <
          std::max<std::uint64_t>(b, tpcs) * std::min<std::uint64_t>(a, tpcs))
        best = i;
    }
    return at_[best];
  }

  // A whole launch took so long on so many TPCs. `scaling_share`: see ScalingCurve::fit().
  Change add(const ScalingCurve::Shape& shape, std::uint32_t tpcs, float ns,
             double scaling_share = ScalingCurve::kShareUnknown) {
    ++observations_;
    auto* recent = const_cast<Durations*>(find(tpcs));
    const bool fresh = recent == nullptr;
    if (fresh) recent = &place_for(tpcs);
    const float before = fresh ? 0 : recent->typical();
    if (!fresh) scatter_ += (std::abs(ns / before - 1) - scatter_) / (observations_ < 16 ? 4.0f : 32.0f);
    recent->add(ns);
    recent->used_at = observations_;
    return refit(shape, fresh, std::abs(recent->typical() - before) > 0.002f * before, scaling_share);
  }
  // All times, by a factor.
  void scale(float factor) {
    for (unsigned i = 0; i < used_; ++i) at_[i].scale(factor);
    if (used_ > 0) curve_.update(points());
  }

 private:
  static double apart(std::uint32_t a, std::uint32_t b) { return static_cast<double>(std::max(a, b)) / std::min(a, b); }

  template <class Before>
  std::uint32_t extreme(Before before) const {
    std::uint32_t best = at_[0].tpcs;
    for (unsigned i = 1; i < used_; ++i)
      if (before(at_[i].tpcs, best)) best = at_[i].tpcs;
    return best;
  }
  // If all places are taken: of the two counts closest to each other, the one not seen for longer goes.
  Durations& place_for(std::uint32_t tpcs) {
    Durations* place = &at_[0];
    if (used_ < at_.size()) {
      place = &at_[used_++];
    } else {
      double closest = 1e300;
      for (unsigned a = 0; a < used_; ++a) {
        if (apart(at_[a].tpcs, tpcs) < closest) closest = apart(at_[a].tpcs, tpcs), place = &at_[a];
        for (unsigned b = 0; b < a; ++b)
          if (apart(at_[a].tpcs, at_[b].tpcs) < closest)
            closest = apart(at_[a].tpcs, at_[b].tpcs), place = at_[a].used_at < at_[b].used_at ? &at_[a] : &at_[b];
      }
    }
    *place = Durations{};
    place->tpcs = tpcs;
    return *place;
  }
  std::span<const ScalingPoint> points() {
    for (unsigned i = 0; i < used_; ++i) points_[i] = {at_[i].tpcs, at_[i].typical()};
    return {points_.data(), used_};
  }
  // The law is chosen again when a count joins and as evidence doubles; in between the curve only follows the times.
  Change refit(const ScalingCurve::Shape& shape, bool fresh, bool moved, double scaling_share) {
    if (fresh || (used_ > 2 && std::has_single_bit(observations_)))
      return curve_.fit(shape, points(), scaling_share), Change::fitted;
    if (!moved) return Change::none;
    return curve_.update(points(), scaling_share), Change::moved;
  }

  // What a question reads comes first and lies together: an operator that was not asked about lately costs a cache miss for each line.
  std::uint32_t observations_ = 0;
  float scatter_ = 0;
  std::uint8_t used_ = 0;
  ScalingCurve curve_;
  std::array<ScalingPoint, ScalingCurve::kPointsMax> points_{};
  std::array<Durations, ScalingCurve::kPointsMax> at_{};
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
    tags_ = std::make_unique<Tags[]>(sets_);
    entries_ = std::make_unique<Entry[]>(sets_ * kWays);
  }

  Entry* find(std::uint64_t key) {
    const std::size_t set = set_of(key);
    Tags& tags = tags_[set];
    unsigned match = 0;  // all ways, without a branch that depends on which: it would be mispredicted
    for (unsigned way = 0; way < kWays; ++way) match |= static_cast<unsigned>(tags.key[way] == key) << way;
    if (match == 0) return nullptr;
    const auto way = static_cast<unsigned>(std::countr_zero(match));
    Entry* found = &entries_[set * kWays + way];
    prefetch(found);
    tags.used_at[way] = ++clock_;
    return found;
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
        if (tags_[set].key[way] != 0) what(entries_[set * kWays + way]);
  }
  // Some of them: from `set` on, which is moved on, until `most` or more have been shown or none are left. True: there are more
  // sets. Between two calls entries may come and go; `set` begins at 0.
  template <class Do>
  bool for_some(std::size_t& set, std::size_t most, Do&& what) const {
    for (std::size_t shown = 0; set < sets_ && shown < most; ++set)
      for (unsigned way = 0; way < kWays; ++way)
        if (tags_[set].key[way] != 0) what(entries_[set * kWays + way]), ++shown;
    return set < sets_;
  }
  Entry& get(std::uint64_t key) {
    if (Entry* known = find(key)) return *known;
    const std::size_t set = set_of(key);
    Tags& tags = tags_[set];
    unsigned oldest = 0;
    for (unsigned way = 0; way < kWays && tags.key[oldest] != 0; ++way)
      if (tags.key[way] == 0 || clock_ - tags.used_at[way] > clock_ - tags.used_at[oldest]) oldest = way;
    tags.key[oldest] = key;
    tags.used_at[oldest] = ++clock_;
    return entries_[set * kWays + oldest] = Entry{};
  }

 private:
  static constexpr unsigned kWays = 8;
  // All of its lines at once, not one after the other as they are read.
  static void prefetch(const Entry* entry) {
    const auto* bytes = reinterpret_cast<const char*>(entry);
    for (std::size_t at = 0; at < sizeof(Entry); at += 64) __builtin_prefetch(bytes + at);
  }
  struct alignas(64) Tags {
    std::array<std::uint64_t, kWays> key{};
    std::array<std::uint32_t, kWays> used_at{};
  };
  std::size_t set_of(std::uint64_t key) const { return (key >> 20) & (sets_ - 1); }

  std::size_t sets_ = 1;
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
