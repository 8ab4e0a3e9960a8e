// SPDX-License-Identifier: Apache-2.0
// How a tenant's recent work as a whole would do on fewer TPCs: the predicted times of its launches on 1/4, 1/2, 3/4 and all of the device,
// added up. Predictions of operators that use all of it are linear in 1/tpcs between these points (OperatorDecision::predicted), and so is
// their sum. A launch that its right-sizer wants narrower than a point loses nothing there.
//
// "Recent" is counted in work, not in time, so that a pause forgets nothing: half a second of it weighs as much as all before. What is
// told moves only once in so much work, since leases and a graph's masks follow from it. A few instructions a launch; not for more
// than one thread.
#pragma once

#include <algorithm>
#include <array>

#include "base/time.hpp"
#include "engine/operator.hpp"

namespace lithos {

class WorkCurve {
 public:
  static constexpr unsigned kPoints = OperatorDecision::kPoints;
  static constexpr double kPeriodNs = 250e6;

  // So many times as long as it wishes to take, were no launch to get more than that many quarters of the device; 0: not known.
  double slowdown(unsigned point) const { return told_[point]; }

  // `share` of a launch has run. True if slowdown() says something else now.
  bool add(const OperatorDecision& decision, unsigned device_tpcs, double share) {
    const double wished_ns = ns(decision.predicted(decision.tpcs == 0 ? device_tpcs : decision.tpcs)) * share;
    if (!(wished_ns > 0)) return false;
    for (unsigned point = 0; point < kPoints; ++point) {
      const Nanoseconds taken = decision.span_tpcs == device_tpcs ? decision.predicted_at[point]
                                                                  : decision.predicted(OperatorDecision::point_tpcs(device_tpcs, point));
      taken_ns_[point] += std::max(ns(taken) * share, wished_ns);
    }
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
  static double ns(Nanoseconds time) { return static_cast<double>(time.count()); }

  std::array<double, kPoints> taken_ns_{}, told_{};
  double wished_ns_ = 0, since_told_ns_ = 0;
};

}  // namespace lithos
