// SPDX-License-Identifier: Apache-2.0
// How often a duration fell where: four buckets per doubling, from 1 ns to two minutes. Adding is a few instructions, so
// that hot paths can afford it; the buckets are at most 25 % wide, so a quantile is off by at most half of that.
//
// Plain data: copies are snapshots. Not for more than one thread.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "base/time.hpp"

namespace lithos {

class LogHistogram {
 public:
  static constexpr unsigned kDoublings = 37;  // longer durations count as 2^37 ns, 137 s

  void add(Nanoseconds duration) {
    const std::uint64_t ns = to_u64(duration);
    ++counts_[bucket_of(ns)];
    ++count_;
    sum_ns_ += ns;
  }
  std::uint64_t count() const { return count_; }
  double sum_s() const { return static_cast<double>(sum_ns_) * 1e-9; }

  // How many were at most 2^k ns long.
  std::uint64_t at_most_pow2(unsigned k) const {
    std::uint64_t sum = 0;
    for (unsigned i = 0; i < std::min<std::size_t>(first_above_pow2(k), kBuckets); ++i) sum += counts_[i];
    return sum;
  }
  // 0 if there is nothing; q within 0 … 1.
  Nanoseconds quantile(double q) const {
    const double wanted = q * static_cast<double>(count_);
    double below = 0;
    for (unsigned i = 0; i < kBuckets; ++i) {
      const auto here = static_cast<double>(counts_[i]);
      if (here == 0 || below + here < wanted) {
        below += here;
        continue;
      }
      const double share = std::clamp((wanted - below) / here, 0.0, 1.0);
      const double low = static_cast<double>(lower_ns(i)), high = static_cast<double>(lower_ns(i + 1));
      return Nanoseconds{static_cast<std::int64_t>(low + share * (high - low))};
    }
    return Nanoseconds{0};
  }
  // What was added since `before`, an earlier copy of this one.
  LogHistogram since(const LogHistogram& before) const {
    LogHistogram out = *this;
    for (unsigned i = 0; i < kBuckets; ++i) out.counts_[i] -= before.counts_[i];
    out.count_ -= before.count_;
    out.sum_ns_ -= before.sum_ns_;
    return out;
  }
  LogHistogram& operator+=(const LogHistogram& other) {
    for (unsigned i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
    count_ += other.count_;
    sum_ns_ += other.sum_ns_;
    return *this;
  }

 private:
  static constexpr unsigned kBuckets = kDoublings * 4 - 4;

  // Bucket i holds (lower_ns(i), lower_ns(i + 1)], so that "at most 2^k" is a whole number of buckets.
  static unsigned bucket_of(std::uint64_t ns) {
    const std::uint64_t v = ns == 0 ? 0 : ns - 1;
    if (v < 4) return static_cast<unsigned>(v);
    const auto doubling = static_cast<unsigned>(std::bit_width(v)) - 1;  // at least 2
    const unsigned quarter = static_cast<unsigned>(v >> (doubling - 2)) & 3;
    return std::min((doubling - 1) * 4 + quarter, kBuckets - 1);
  }
  static std::uint64_t lower_ns(unsigned i) { return i < 4 ? i : (std::uint64_t{4} + i % 4) << (i / 4 - 1); }
  static std::size_t first_above_pow2(unsigned k) { return k < 2 ? k + 1 : (k - 1) * 4; }

  std::array<std::uint64_t, kBuckets> counts_{};
  std::uint64_t count_ = 0, sum_ns_ = 0;
};

}  // namespace lithos
