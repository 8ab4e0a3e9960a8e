// SPDX-License-Identifier: Apache-2.0
#include "sim/statistics.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace lithos {
namespace {

// Each power of two is split into so many buckets: 1/256 = 0.4 %.
constexpr unsigned kSplitBits = 8;
constexpr std::size_t kBuckets = (64 - kSplitBits) << kSplitBits;
constexpr unsigned kCoarseBits = 5;  // 1/32 = 3 %

std::size_t bucket_of(std::int64_t ns, unsigned split_bits = kSplitBits) {
  const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(ns, 0));
  if (value < (1u << split_bits)) return value;
  const unsigned power = static_cast<unsigned>(std::bit_width(value)) - 1 - split_bits;
  return (static_cast<std::size_t>(power) << split_bits) + (value >> power);
}

struct Bounds {
  std::int64_t low = 0, width = 1;
};
Bounds bounds_of(std::size_t bucket, unsigned split_bits = kSplitBits) {
  if (bucket < (2u << split_bits)) return {static_cast<std::int64_t>(bucket), 1};
  const std::size_t power = (bucket >> split_bits) - 1;
  return {static_cast<std::int64_t>((bucket - (power << split_bits)) << power), std::int64_t{1} << power};
}

std::int64_t middle_of(std::size_t bucket) {
  const Bounds bounds = bounds_of(bucket);
  return bounds.low + bounds.width / 2;
}

}  // namespace

void DurationStatistics::add(Nanoseconds duration) {
  const std::int64_t ns = duration.count();
  ++count_;
  sum_ns_ += static_cast<double>(ns);
  max_ = std::max(max_, ns);
  if (!histogram_.empty()) {
    ++histogram_[bucket_of(ns)];
    return;
  }
  exact_.push_back(ns);
  sorted_ = false;
  if (exact_.size() > kExactMax) start_histogram();
}

void DurationStatistics::start_histogram() {
  histogram_.assign(kBuckets, 0);
  for (const std::int64_t ns : exact_) ++histogram_[bucket_of(ns)];
  exact_ = {};
}

void DurationStatistics::clear() { *this = {}; }

Nanoseconds DurationStatistics::mean() const {
  return Nanoseconds{count_ == 0 ? 0 : std::llround(sum_ns_ / static_cast<double>(count_))};
}

Nanoseconds DurationStatistics::percentile(double share) {
  if (count_ == 0) return Nanoseconds{0};
  const auto rank = static_cast<std::uint64_t>(std::ceil(std::clamp(share, 0.0, 1.0) * static_cast<double>(count_)));
  const std::uint64_t position = std::max<std::uint64_t>(rank, 1) - 1;
  if (histogram_.empty()) {
    if (!sorted_) std::sort(exact_.begin(), exact_.end());
    sorted_ = true;
    return Nanoseconds{exact_[position]};
  }
  std::uint64_t below = 0;
  for (std::size_t bucket = 0; bucket < histogram_.size(); ++bucket) {
    below += histogram_[bucket];
    if (below > position) return Nanoseconds{std::min(middle_of(bucket), max_)};
  }
  return max();
}

std::vector<DurationBucket> DurationStatistics::histogram() const {
  std::vector<std::uint64_t> coarse((64 - kCoarseBits) << kCoarseBits);
  for (const std::int64_t ns : exact_) ++coarse[bucket_of(ns, kCoarseBits)];
  // Each fine bucket lies within one coarse bucket.
  for (std::size_t fine = 0; fine < histogram_.size(); ++fine)
    coarse[bucket_of(bounds_of(fine).low, kCoarseBits)] += histogram_[fine];
  std::vector<DurationBucket> buckets;
  for (std::size_t i = 0; i < coarse.size(); ++i) {
    if (coarse[i] == 0) continue;
    const Bounds bounds = bounds_of(i, kCoarseBits);
    buckets.push_back({Nanoseconds{bounds.low}, Nanoseconds{bounds.low + bounds.width}, coarse[i]});
  }
  return buckets;
}

}  // namespace lithos
