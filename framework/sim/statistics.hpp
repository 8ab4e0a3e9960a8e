// SPDX-License-Identifier: Apache-2.0
// Percentiles of many durations in bounded memory: exact for up to a million, beyond that from a histogram whose
// buckets are 0.4 % wide. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/time.hpp"

namespace lithos {

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

 private:
  static std::size_t bucket_of(std::int64_t ns);
  static std::int64_t middle_of(std::size_t bucket);
  void start_histogram();

  std::vector<std::int64_t> exact_;
  bool sorted_ = false;
  std::vector<std::uint64_t> histogram_;  // empty while exact
  std::uint64_t count_ = 0;
  double sum_ns_ = 0;
  std::int64_t max_ = 0;
};

}  // namespace lithos
