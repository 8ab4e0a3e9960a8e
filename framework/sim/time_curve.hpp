// SPDX-License-Identifier: Apache-2.0
// How long a kernel takes on n TPCs, and how much of that time is spent on what all TPCs share.
//
// Made once per kernel from the measured points of a trace (66, 52, 40, 32, 24, 16, 8, 4 TPCs;
// configs/traces/README.md), immutable afterwards; any thread. Times are pure kernel time at the highest clock, without
// launch gaps.
//
// Between points the time is interpolated in 1/n: a kernel that scales perfectly is a straight line there. Below the
// smallest point it grows with the number of waves. The curve never rises with n: noise is averaged away, not added.
//
// The shared part: with A(n) = n · t(n), the TPC time the kernel uses up, a kernel whose every TPC works as well as in
// small company has A constant. What A(n) exceeds its least value by, among the sizes that the grid can fill, is time
// spent waiting for what the TPCs share (DRAM, L2, fabric, power). That share is what neighbours can lengthen
// (interference), and what the SM clock does not shorten.
#pragma once

#include <cstdint>
#include <vector>

namespace lithos {

class TimeCurve {
 public:
  struct Point {
    unsigned tpcs = 0;
    double ns = 0;
  };

  TimeCurve() = default;
  // `points` in any order, at least one, each with tpcs >= 1 and ns > 0. `filling_tpcs`: TPCs that the grid fills with
  // one wave at full occupancy; beyond it blocks spread thinner, which looks like poor scaling and is not the shared
  // part.
  TimeCurve(std::vector<Point> points, unsigned device_tpcs, std::uint32_t blocks, std::uint32_t blocks_per_tpc);

  unsigned device_tpcs() const { return static_cast<unsigned>(ns_.size()) - 1; }
  double ns(unsigned tpcs) const { return ns_[tpcs]; }                    // 1 … device_tpcs
  double shared_part(unsigned tpcs) const { return shared_part_[tpcs]; }  // 0 … 1, at that many TPCs

 private:
  std::vector<double> ns_;           // [device_tpcs + 1]; [0] repeats [1]
  std::vector<double> shared_part_;  // likewise
};

// A kernel of which only the time on the whole device is known: waves of blocks, of which a part does not scale.
std::vector<TimeCurve::Point> points_from_shape(double full_ns, unsigned device_tpcs, std::uint32_t blocks,
                                                std::uint32_t blocks_per_tpc);

}  // namespace lithos
