// SPDX-License-Identifier: Apache-2.0
// How a tenant's recent work as a whole would do on fewer TPCs: the predicted times of its launches on 1/4, 1/2, 3/4 and all of the device,
// added up. A launch that its right-sizer wants narrower than a point loses nothing there.
//
// The predictions are made for those counts and for what the launch gets (OperatorTable::refresh): what executors are told (OperatorDecision) is
// for an operator's own few TPCs, and between and below its points a guess that is good for one launch and not for a sum. Where what a launch
// takes as it is wished is taken to be too long, the whole seems to scale less than it does.
//
// "Recent" is counted in work, not in time, so that a pause forgets nothing: half a second of it weighs as much as all before. What is
// told moves only once in so much work, since leases and a graph's masks follow from it. A few instructions a launch; not for more
// than one thread.
#pragma once

#include <algorithm>
#include <array>

#include "engine/operator.hpp"

namespace lithos {

// What a launch of one operator takes by prediction; 0: not known.
struct WorkTimes {
  float wished_ns = 0;                                   // on what its right-sizer wishes, or on all that it can get
  std::array<float, OperatorDecision::kPoints> at_ns{};  // on quarters of the device, or all that it can get where that is less
};

class WorkCurve {
 public:
  static constexpr unsigned kPoints = OperatorDecision::kPoints;
  static constexpr double kPeriodNs = 250e6;

  // So many times as long as it wishes to take, were no launch to get more than that many quarters of the device; 0: not known.
  double slowdown(unsigned point) const { return told_[point]; }

  // `share` of a launch has run. True if slowdown() says something else now.
  bool add(const WorkTimes& launch, double share) {
    const double wished_ns = launch.wished_ns * share;
    if (!(wished_ns > 0)) return false;
    for (unsigned point = 0; point < kPoints; ++point) taken_ns_[point] += std::max(launch.at_ns[point] * share, wished_ns);
    wished_ns_ += wished_ns, since_told_ns_ += wished_ns;
    if (since_told_ns_ < kPeriodNs) return false;
    for (unsigned point = 0; point < kPoints; ++point) {
      told_[point] = taken_ns_[point] / wished_ns_;
      taken_ns_[point] /= 2;
    }
    wished_ns_ /= 2, since_told_ns_ = 0;
    return true;
  }

 private:
  std::array<double, kPoints> taken_ns_{}, told_{};
  double wished_ns_ = 0, since_told_ns_ = 0;
};

}  // namespace lithos
