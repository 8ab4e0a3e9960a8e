// SPDX-License-Identifier: Apache-2.0
// The worst slowdown by a lowered clock over any window of ten seconds: time that launches took, over the time that the same work would
// have taken at the highest clock. Fed with running sums every kEvery. Values; one thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "base/time.hpp"

namespace lithos {

class SlipWindow {
 public:
  static constexpr Nanoseconds kEvery{100'000'000};
  static constexpr std::size_t kSamples = 100;  // a window

  // `busy_ns`, `at_highest_ns`: since the last clear(), of all launches.
  void add(double busy_ns, double at_highest_ns) {
    const Sums now{busy_ns, at_highest_ns};
    const Sums before = count_ < kSamples ? Sums{} : at_[count_ % kSamples];
    const bool whole = count_ + 1 >= kSamples;
    at_[count_++ % kSamples] = now;
    const double slip =
        now.at_highest > before.at_highest ? (now.busy - before.busy) / (now.at_highest - before.at_highest) : 1;
    if (whole) worst_ = std::max(worst_, slip);
    else partial_ = slip;
  }
  // Of a run shorter than a window: of all of it.
  double worst() const { return worst_ > 0 ? worst_ : partial_; }
  void clear() { *this = {}; }

 private:
  struct Sums {
    double busy = 0, at_highest = 0;
  };
  std::array<Sums, kSamples> at_{};
  std::size_t count_ = 0;
  double worst_ = 0, partial_ = 1;
};

}  // namespace lithos
