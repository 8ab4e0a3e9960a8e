// SPDX-License-Identifier: Apache-2.0
// How often a duration fell where: four buckets per doubling, from 1 ns to two minutes. Adding is a few instructions, so
// that hot paths can afford it; the buckets are at most 25 % wide, so a quantile is off by at most half of that.
//
// Plain data: copies are snapshots. What can be worked out later (the count, quantiles) is, by who asks. Not for more than one thread.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <numeric>

#include "base/time.hpp"

namespace lithos {

class LogHistogram {
 public:
  static constexpr unsigned kDoublings = 37;  // longer durations count as 2^37 ns, 137 s

  void add(Nanoseconds duration) { add_ns(static_cast<double>(duration.count())); }
  // For those who have it as a number already. Negative ones count as nothing.
  void add_ns(double ns) {
    ++counts_[bucket_of(ns)];
    sum_ns_ += std::bit_cast<double>(at_least(ns, 0.0));
  }
  std::uint64_t count() const { return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0}); }
  double sum_s() const { return sum_ns_ * 1e-9; }

  // How many were at most 2^k ns long.
  std::uint64_t at_most_pow2(unsigned k) const {
    std::uint64_t sum = 0;
    for (unsigned i = 0; i <= std::min(4 * k, kBuckets - 1); ++i) sum += counts_[i];
    return sum;
  }
  // 0 if there is nothing; q within 0 … 1.
  Nanoseconds quantile(double q) const {
    const double wanted = q * static_cast<double>(count());
    double below = 0;
    for (unsigned i = 0; i < kBuckets; ++i) {
      const auto here = static_cast<double>(counts_[i]);
      if (here == 0 || below + here < wanted) {
        below += here;
        continue;
      }
      const double share = std::clamp((wanted - below) / here, 0.0, 1.0);
      const double low = lower_ns(i), high = lower_ns(i + 1);
      return Nanoseconds{static_cast<std::int64_t>(low + share * (high - low))};
    }
    return Nanoseconds{0};
  }
  // What was added since `before`, an earlier copy of this one.
  LogHistogram since(const LogHistogram& before) const {
    LogHistogram out = *this;
    for (unsigned i = 0; i < kBuckets; ++i) out.counts_[i] -= before.counts_[i];
    out.sum_ns_ -= before.sum_ns_;
    return out;
  }
  LogHistogram& operator+=(const LogHistogram& other) {
    for (unsigned i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
    sum_ns_ += other.sum_ns_;
    return *this;
  }

 private:
  static constexpr unsigned kBuckets = kDoublings * 4 + 1;

  // Bucket i holds (lower_ns(i), lower_ns(i + 1)], so that "at most 2^k" is a whole number of buckets; all up to 1 ns is in the first.
  // A floating-point number says by itself where it belongs: the doubling is its exponent, which of the four quarters its two
  // highest bits behind. One less than its bits is the next smaller number, which puts each bound into the bucket below it. No
  // branch and no search for the highest bit, which costs more than all of this.
  static unsigned bucket_of(double ns) {
    constexpr unsigned kOfOne = 1023 * 4 - 1;
    const auto below = static_cast<std::uint64_t>(at_least(ns, 1.0) - 1);
    return std::min(static_cast<unsigned>(below >> 50) - kOfOne, kBuckets - 1);
  }
  // The bits of the larger one, for a bound of at least 0: such numbers are in the order of their bits, and negative ones are negative
  // there, too. Compilers make a branch of std::max().
  static std::int64_t at_least(double ns, double bound) {
    return std::max(std::bit_cast<std::int64_t>(ns), std::bit_cast<std::int64_t>(bound));
  }
  static double lower_ns(unsigned i) {
    return i == 0 ? 0.0 : static_cast<double>(std::uint64_t{1} << ((i - 1) / 4)) * (1.0 + 0.25 * ((i - 1) % 4));
  }

  std::array<std::uint64_t, kBuckets> counts_{};
  double sum_ns_ = 0;
};

}  // namespace lithos
