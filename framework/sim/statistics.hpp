// SPDX-License-Identifier: Apache-2.0
// Percentiles of many durations in bounded memory: exact for up to a million, beyond that from a histogram whose
// buckets are 0.4 % wide. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/time.hpp"

namespace lithos {

// So many durations were at least `from` and below `to`.
struct DurationBucket {
  Nanoseconds from{0}, to{0};
  std::uint64_t count = 0;
};

class DurationStatistics {
 public:
  static constexpr std::size_t kExactMax = 1'000'000;

  void add(Nanoseconds duration);
  void clear();

  std::uint64_t count() const { return count_; }
  Nanoseconds mean() const;
  Nanoseconds max() const { return Nanoseconds{max_}; }
  // The smallest duration that at least this share (0 … 1) of all are not above. Sorts when exact: not for the hot
  // path.
  Nanoseconds percentile(double share);
  // All of them in buckets that are 3 % wide, in increasing order, the empty ones left out: at most some 1900, for
  // people and files.
  std::vector<DurationBucket> histogram() const;

 private:
  void start_histogram();

  std::vector<std::int64_t> exact_;
  bool sorted_ = false;
  std::vector<std::uint64_t> histogram_;  // empty while exact
  std::uint64_t count_ = 0;
  double sum_ns_ = 0;
  std::int64_t max_ = 0;
};

}  // namespace lithos
