// SPDX-License-Identifier: Apache-2.0
#include "sim/time_curve.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace lithos {
namespace {

// Share of a kernel's time on the whole device that does not scale, where no measurement says: the mean over the
// measured traces, weighted by time, is 0.35 for resnet50_infer_b16 and 0.24 for llama8l_prefill_b8_s2048
// (docs/design/virtual-gpu.md, "Curves").
constexpr double kUnscalingShare = 0.3;

std::uint32_t waves(std::uint32_t blocks, std::uint32_t per_tpc, unsigned tpcs) {
  const std::uint64_t wave = std::uint64_t{per_tpc} * tpcs;
  return static_cast<std::uint32_t>(std::max<std::uint64_t>(1, (blocks + wave - 1) / wave));
}

// Measured points carry noise, but time never rises with TPCs: the closest non-increasing curve (pool adjacent
// violators), which unlike a running maximum does not turn noise into time.
void make_monotone(std::vector<TimeCurve::Point>& points) {
  std::sort(points.begin(), points.end(), [](const auto& a, const auto& b) { return a.tpcs > b.tpcs; });
  struct Pool {
    double sum;
    unsigned count;
  };
  std::vector<Pool> pools;
  for (const auto& point : points) {
    pools.push_back({point.ns, 1});
    while (pools.size() > 1) {
      const Pool last = pools.back();
      Pool& before = pools[pools.size() - 2];
      if (before.sum / before.count <= last.sum / last.count) break;
      before.sum += last.sum;
      before.count += last.count;
      pools.pop_back();
    }
  }
  std::size_t i = 0;
  for (const Pool& pool : pools)
    for (unsigned k = 0; k < pool.count; ++k) points[i++].ns = pool.sum / pool.count;
}

double interpolate(const TimeCurve::Point& more, const TimeCurve::Point& fewer, unsigned tpcs) {
  const double x = 1.0 / tpcs, x0 = 1.0 / more.tpcs, x1 = 1.0 / fewer.tpcs;
  return more.ns + (fewer.ns - more.ns) * (x - x0) / (x1 - x0);
}

}  // namespace

TimeCurve::TimeCurve(std::vector<Point> points, unsigned device_tpcs, std::uint32_t blocks,
                     std::uint32_t blocks_per_tpc) {
  assert(!points.empty() && device_tpcs > 0 && blocks > 0 && blocks_per_tpc > 0);
  make_monotone(points);
  ns_.resize(device_tpcs + 1);
  shared_part_.resize(device_tpcs + 1);
  const Point& smallest = points.back();
  const std::uint32_t waves_at_smallest = waves(blocks, blocks_per_tpc, smallest.tpcs);
  for (unsigned n = 1; n <= device_tpcs; ++n) {
    if (n >= points.front().tpcs) {
      ns_[n] = points.front().ns;
      continue;
    }
    if (n < smallest.tpcs) {
      ns_[n] = smallest.ns * waves(blocks, blocks_per_tpc, n) / waves_at_smallest;
      continue;
    }
    std::size_t i = 0;
    while (points[i + 1].tpcs > n) ++i;
    ns_[n] = interpolate(points[i], points[i + 1], n);
  }
  ns_[0] = ns_[1];

  const unsigned filling = std::min(device_tpcs, (blocks + blocks_per_tpc - 1) / blocks_per_tpc);
  double least_area = ns_[filling < 4 ? filling : 4] * (filling < 4 ? filling : 4);
  for (unsigned n = 1; n <= device_tpcs; ++n) {
    if (n > filling || n < 4) {
      shared_part_[n] = n > 1 ? shared_part_[n - 1] : 0;
      continue;
    }
    const double area = n * ns_[n];
    least_area = std::min(least_area, area);
    shared_part_[n] = 1.0 - least_area / area;
  }
  shared_part_[0] = 0;
}

std::vector<TimeCurve::Point> points_from_shape(double full_ns, unsigned device_tpcs, std::uint32_t blocks,
                                                std::uint32_t blocks_per_tpc) {
  std::vector<TimeCurve::Point> points;
  const double full_waves = waves(blocks, blocks_per_tpc, device_tpcs);
  for (unsigned n = 1; n <= device_tpcs; ++n) {
    // A grid that fills the device at most once pulls or spreads its work: time in proportion to the TPCs it could use.
    const unsigned useful = std::min(device_tpcs, (blocks + blocks_per_tpc - 1) / blocks_per_tpc);
    const double stretch =
        full_waves > 1 ? waves(blocks, blocks_per_tpc, n) / full_waves : std::max(1.0, static_cast<double>(useful) / n);
    points.push_back({n, full_ns * (kUnscalingShare + (1 - kUnscalingShare) * std::max(1.0, stretch))});
  }
  return points;
}

}  // namespace lithos
