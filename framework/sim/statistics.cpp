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

}  // namespace

std::size_t DurationStatistics::bucket_of(std::int64_t ns) {
  const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(ns, 0));
  if (value < (1u << kSplitBits)) return value;
  const unsigned power = static_cast<unsigned>(std::bit_width(value)) - 1 - kSplitBits;
  return (static_cast<std::size_t>(power) << kSplitBits) + (value >> power);
}

std::int64_t DurationStatistics::middle_of(std::size_t bucket) {
  if (bucket < (2u << kSplitBits)) return static_cast<std::int64_t>(bucket);
  const std::size_t power = (bucket >> kSplitBits) - 1;
  const std::size_t low = (bucket - (power << kSplitBits)) << power;
  return static_cast<std::int64_t>(low + ((std::size_t{1} << power) / 2));
}

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

}  // namespace lithos
