// SPDX-License-Identifier: Apache-2.0
// Is an operator bound by memory or by computing? Learnt from how it scales: the TPC time A(n) = n · t(n) of a kernel that computes is
// the same on few TPCs as on many; one that waits for what all TPCs share (DRAM, L2) uses up more of it the more TPCs it is given.
// Needs clean observations of whole launches on two TPC counts at least 1.5 times apart; until then the class is unknown.
// Values; not for more than one thread. Source: GPU.md §9–10 (32 of 66 TPCs draw all of the memory bandwidth).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/time.hpp"
#include "lithos/policy_abi.h"

namespace lithos {

class ScalingEstimate {
 public:
  // Share of the TPC time spent waiting from which an operator counts as memory-bound. A matrix multiplication that fills an H200
  // wastes 0.17 of it, a copy more than 0.5.
  static constexpr double kMemoryShare = 0.35;

  void add(std::uint32_t tpcs, Nanoseconds duration, std::uint32_t device_tpcs) {
    if (tpcs == 0) return;
    Point& point = points_[std::min<std::size_t>(tpcs * kPoints / (device_tpcs + 1), kPoints - 1)];
    const auto ns = static_cast<double>(duration.count());
    const double weight = point.ns == 0 ? 1.0 : 0.125;
    point.ns += weight * (ns - point.ns);
    point.tpcs += weight * (tpcs - point.tpcs);
  }

  std::uint32_t bound() const {
    const Point *fewest = nullptr, *most = nullptr;
    for (const Point& point : points_) {
      if (point.ns == 0) continue;
      if (fewest == nullptr) fewest = &point;
      most = &point;
    }
    if (fewest == nullptr || most->tpcs < 1.5 * fewest->tpcs) return LITHOS_BOUND_UNKNOWN;
    const double waiting = 1 - fewest->tpcs * fewest->ns / (most->tpcs * most->ns);
    return waiting >= kMemoryShare ? LITHOS_BOUND_MEMORY : LITHOS_BOUND_COMPUTE;
  }

 private:
  static constexpr std::size_t kPoints = 4;  // by quarter of the device
  struct Point { double tpcs = 0, ns = 0; };
  std::array<Point, kPoints> points_{};
};

}  // namespace lithos
