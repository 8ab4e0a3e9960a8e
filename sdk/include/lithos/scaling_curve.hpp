// SPDX-License-Identifier: Apache-2.0
// How the time of an operator depends on its TPCs, from its times on a few TPC counts. For predictors and right-sizers.
//
//   lithos::ScalingCurve curve;
//   curve.fit({op.blocks, op.blocks_per_tpc, 2, 66}, {{{66, 164e3}, {40, 301e3}, {16, 598e3}}});
//   curve.ns(24);  // 449'000
//
// Law      (time)^p is piecewise linear in (load)^p. `load` is what one TPC has to do, by one of four rules:
//            spread  1/t: work that divides at will: l = m/t + b and its relatives
//            blocks  1/t, but no more than one SM per block: a small grid that gains nothing from further TPCs. (Not all are such: blocks
//                    that wait for memory like to be spread over more GPCs.)
//            waves   ceil(blocks / blocks resident on t TPCs): equal blocks, a full chip at a time (GEMM tiles)
//            rounds  ceil(blocks / SMs of t TPCs): equal blocks that share an SM's pipelines
//          and p is 1 (m/t + b: parts that follow each other), 2 or 4 (parts that overlap: near max(m/t, b), a kernel that a
//          few TPCs slow down and the memory bounds on many). With three counts or more the law is the one by which each inner count
//          follows best from its neighbours; with two it follows from the shape; p is then 1.
// Bounds   Exact at the counts given, once noise that made more TPCs slower is averaged away; never rises with t. With
//          more TPCs than any given it goes on, but never faster than in proportion. With fewer it lies between going on and in
//          proportion, which bounds it from above.
// Cost     fit(): below a microsecond. ns(): no division; two square roots at most. No allocation. 210 bytes.
// Threads  A value; one thread.
// Source   Measured on an H200 (configs/traces): docs/design/prediction.md has the errors, law by law. LithOS paper §5.5 for l = m/t + b.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <utility>

#include "lithos/policy_abi.h"

namespace lithos {
inline namespace sdk {

struct ScalingPoint {
  std::uint32_t tpcs = 0;  // at least 1
  double ns = 0;           // of a whole launch; above 0
};

class ScalingCurve {
 public:
  static constexpr std::size_t kPointsMax = 6;
  static constexpr double kShareUnknown = -1;
  enum class Load : std::uint8_t { spread, blocks, waves, rounds };

  // How the launch's blocks fall on the device's SMs. Zeros count as "not known".
  struct Shape {
    std::uint32_t blocks = 0, blocks_per_tpc = 0, sms_per_tpc = 2, device_tpcs = 66;
  };
  static Shape shape_of(const lithos_op& op, std::uint32_t sms_per_tpc, std::uint32_t device_tpcs) {
    return {op.blocks, op.blocks_per_tpc, std::max(1u, sms_per_tpc), std::max(1u, device_tpcs)};
  }

  // Takes the first kPointsMax points, each with a TPC count of its own; none: nothing is known. `scaling_share`: where there is
  // one point only, the part of the time on the whole device that scales with 1/t. Without, a single point is taken to need in
  // proportion more time on fewer TPCs and no less on more.
  void fit(const Shape& shape, std::span<const ScalingPoint> points, double scaling_share = kShareUnknown) {
    shape_ = shape;
    Points sorted = order(points);
    count_ = static_cast<std::uint8_t>(sorted.count);
    law_ = sorted.count > 2 ? best_law(sorted) : Law{usual_load(sorted), 1};
    if (sorted.count == 1 && scaling_share >= 0) add_relative(sorted, scaling_share);
    take(sorted);
  }
  // New times on the same counts, same law.
  void update(std::span<const ScalingPoint> points, double scaling_share = kShareUnknown) {
    Points sorted = order(points);
    if (sorted.count == 1 && scaling_share >= 0) add_relative(sorted, scaling_share);
    take(sorted);
  }

  std::size_t counts() const { return count_; }  // given at fit()
  bool known() const { return used_ > 0; }
  Load load() const { return law_.load; }
  unsigned power() const { return law_.power; }

  // Only if known(). At least 1 ns.
  double ns(std::uint32_t tpcs) const { return std::max(1.0, root(law_, power_ns(std::max(1u, tpcs)))); }

  // The part of the time on the whole device that scales with 1/t, 0 … 1: from the fewest TPCs that the curve knows. Needs two counts.
  double scaling_share() const {
    const double whole = ns(shape_.device_tpcs), fewest = ns(fewest_);
    const double stretch = static_cast<double>(shape_.device_tpcs) / fewest_ - 1;
    return stretch <= 0 ? 1.0 : std::clamp((fewest / whole - 1) / stretch, 0.0, 1.0);
  }

  // 1 / tpcs, at least 1: from memory, which a question waits for less long than for a division.
  static double inverse(std::uint32_t tpcs) { return tpcs < kInverses ? kInverse[tpcs] : 1.0 / tpcs; }

 private:
  // Of times; the fourth power of a larger one would drown what is beside it in its rounding.
  static constexpr double kRatioMax = 1e9;
  struct Law {
    Load load = Load::spread;
    std::uint8_t power = 1;  // 1, 2, 4
  };
  struct Points {
    std::array<ScalingPoint, kPointsMax + 1> at{};
    std::size_t count = 0;
  };

  // Loads, rising; those that there are not lie beyond every load.
  using Knots = std::array<double, kPointsMax>;
  static constexpr Knots no_knots() {
    Knots knots{};
    knots.fill(std::numeric_limits<double>::infinity());
    return knots;
  }
  // time^p = at_zero + slope * load^p. Doubles: between a knot a million times as high as the next one and that one, a float's
  // rounding alone would let the curve rise.
  struct Line {
    double at_zero = 0, slope = 0;
    static Line through(double x, double y, double slope) { return {y - slope * x, slope}; }
  };

  static double raise(Law law, double value) {
    if (law.power == 1) return value;
    const double square = value * value;
    return law.power == 2 ? square : square * square;
  }
  static double root(Law law, double value) {
    if (law.power == 1) return value;
    const double once = std::sqrt(value);
    return law.power == 2 ? once : std::sqrt(once);
  }

  static constexpr std::size_t kInverses = LITHOS_TPCS_MAX + 1;
  static constexpr std::array<double, kInverses> kInverse = [] {
    std::array<double, kInverses> of{};
    for (std::size_t tpcs = 1; tpcs < of.size(); ++tpcs) of[tpcs] = 1.0 / static_cast<double>(tpcs);
    return of;
  }();

  // The load of one TPC under one of the four rules, as one formula without a branch: which rule an operator has cannot be foreseen.
  // q = amount / t is what there is for each TPC, or for each of its places; it counts as it is, never as less than `least` (blocks), or
  // rounded up (waves, rounds). Steps and flats have a slight slope, so that no two counts have the same load and every time given is kept.
  struct Burden {
    double amount = 1, least = 0, step = 0;

    double on(std::uint32_t tpcs) const {
      const double q = amount * inverse(tpcs);
      return std::max(q, (least + kSlope * q) + step * rounded_up(q));
    }
    // Below 2^51, to the next integer but for what lies less than a millionth above one: a quotient of two integers below 10^6 that
    // is no integer lies farther. A double of 2^52 and more has no fraction, so adding it rounds.
    static double rounded_up(double q) {
      constexpr double kNoFraction = 4503599627370496.0, kNearly = 0.5 - 1e-6;
      return q + kNearly + kNoFraction - kNoFraction;
    }
  };
  static constexpr double kSlope = 0.02;
  Burden burden_of(Load load) const {
    const double blocks = shape_.blocks;
    if (load == Load::waves) return {blocks / shape_.blocks_per_tpc, 0, 1 - kSlope};
    if (load == Load::rounds) return {blocks / shape_.sms_per_tpc, 0, 1 - kSlope};
    if (load == Load::spread || shape_.blocks == 0) return {};
    return {1, (1 - kSlope) / ((shape_.blocks - 1) / shape_.sms_per_tpc + 1), 0};
  }

  // Fewest TPCs first, times that never rise: the closest such sequence (pool adjacent violators).
  static Points order(std::span<const ScalingPoint> points) {
    Points out;
    for (const ScalingPoint& point : points.first(std::min(points.size(), kPointsMax))) {
      std::size_t at = out.count++;
      for (; at > 0 && out.at[at - 1].tpcs > point.tpcs; --at) out.at[at] = out.at[at - 1];
      out.at[at] = point;
    }
    for (std::size_t i = 1; i < out.count; ++i) {
      double sum = out.at[i].ns;
      std::size_t first = i;
      while (first > 0 && out.at[first - 1].ns * static_cast<double>(i - first + 1) < sum) sum += out.at[--first].ns;
      for (std::size_t k = first; k <= i; ++k) out.at[k].ns = sum / static_cast<double>(i - first + 1);
    }
    return out;
  }

  // A grid of few full waves with one block to an SM, and not one that was made to fill the chip and pulls its tiles.
  bool tile_like() const {
    const std::uint32_t sms = shape_.device_tpcs * shape_.sms_per_tpc;
    return shape_.blocks_per_tpc == shape_.sms_per_tpc && shape_.blocks * 4 >= sms * 3 && shape_.blocks <= sms * 4 &&
           shape_.blocks % sms != 0;
  }
  // With so little evidence: TPCs without a block change nothing, unless two times say that they do.
  Load usual_load(const Points& points) const {
    if (tile_like()) return Load::waves;
    const bool gains = points.count == 2 && points.at[0].ns > 1.05 * points.at[1].ns;
    return gains && points.at[0].tpcs * std::uint64_t{shape_.sms_per_tpc} >= shape_.blocks ? Load::spread
                                                                                           : Load::blocks;
  }
  bool may_quantise() const {
    if (shape_.blocks == 0 || shape_.blocks_per_tpc == 0) return false;
    const std::uint64_t sms = std::uint64_t{shape_.device_tpcs} * shape_.sms_per_tpc;
    const std::uint64_t wave = std::uint64_t{shape_.device_tpcs} * shape_.blocks_per_tpc;
    const bool fills_the_chip = shape_.blocks % sms == 0 && shape_.blocks <= wave;
    return !fills_the_chip && shape_.blocks <= 24 * wave;
  }

  // How far each inner point lies from where its neighbours put it, in shares of its time.
  double residual(Law law, const Points& points) const {
    const Burden burden = burden_of(law.load);
    double sum = 0;
    for (std::size_t i = 1; i + 1 < points.count; ++i) {
      std::array<double, 3> x{}, y{};
      for (std::size_t k = 0; k < 3; ++k) {
        const ScalingPoint& point = points.at[i + k - 1];
        x[k] = raise(law, burden.on(point.tpcs));
        y[k] = raise(law, point.ns / points.at[0].ns);
      }
      const double between =
          x[0] - x[2] > 1e-12 ? y[2] + (y[0] - y[2]) * (x[1] - x[2]) / (x[0] - x[2]) : (y[0] + y[2]) / 2;
      sum += std::abs(between / y[1] - 1) / law.power;
    }
    return sum;
  }
  Law best_law(const Points& points) const {
    constexpr double kPreferSimple = 0.01;  // a rounder law must be better by so much
    Law best;
    double least = 1e300;
    for (const Load load : {Load::spread, Load::blocks, Load::waves, Load::rounds}) {
      if (load > Load::blocks && !may_quantise()) break;
      double handicap = 0;
      for (const std::uint8_t power : {std::uint8_t{1}, std::uint8_t{2}, std::uint8_t{4}}) {
        const double distance = residual({load, power}, points) + handicap;
        if (distance < least) least = distance, best = {load, power};
        handicap += kPreferSimple;
      }
    }
    return best;
  }

  // Makes a second point, on the whole device or a quarter of it, of the only one.
  void add_relative(Points& points, double scaling_share) const {
    const ScalingPoint only = points.at[0];
    const double share = std::clamp(scaling_share, 0.0, 1.0);
    const Burden burden = burden_of(law_.load);
    const auto slowdown = [&](std::uint32_t tpcs) {
      return 1 + share * std::max(0.0, burden.on(tpcs) / burden.on(shape_.device_tpcs) - 1);
    };
    const bool narrow = only.tpcs * 2 < shape_.device_tpcs;
    const std::uint32_t other = narrow ? shape_.device_tpcs : std::max(1u, shape_.device_tpcs / 4);
    if (other == only.tpcs) return;
    points.at[1] = {other, only.ns / slowdown(only.tpcs) * slowdown(other)};
    points.count = 2;
    if (!narrow) std::swap(points.at[0], points.at[1]);
  }

  // Knots by load, the lightest first, and the lines that end in them and the one beyond the last.
  void take(const Points& points) {
    used_ = static_cast<std::uint8_t>(std::min(points.count, kPointsMax));
    if (used_ == 0) return;
    burden_ = burden_of(law_.load);
    fewest_ = points.at[0].tpcs;
    const double least = points.at[points.count - 1].ns;
    std::array<double, kPointsMax> x{}, y{};
    for (std::size_t knot = 0; knot < used_; ++knot) {
      const ScalingPoint& point = points.at[points.count - 1 - knot];
      x[knot] = raise(law_, burden_.on(point.tpcs));
      y[knot] = raise(law_, std::min(point.ns, least * kRatioMax));
      if (knot > 0) x[knot] = std::max(x[knot], x[knot - 1] * 1.00001);  // whatever the arithmetic, they rise
    }
    draw(x, y);
  }
  void draw(const std::array<double, kPointsMax>& x, const std::array<double, kPointsMax>& y) {
    const std::size_t last = used_ - 1u;
    double slope = 0;
    for (std::size_t knot = 1; knot <= last; ++knot) {
      slope = (y[knot] - y[knot - 1]) / (x[knot] - x[knot - 1]);
      line_[knot] = Line::through(x[knot], y[knot], slope);
    }
    line_[0] = Line::through(x[0], y[0], last == 0 ? 0 : std::min(line_[1].slope, y[0] / x[0]));
    const double proportional = y[last] / x[last];
    const bool slope_known = last > 0 && x[last] >= 1.1 * x[last - 1];  // else too close together to tell
    line_[used_] = Line::through(x[last], y[last], slope_known ? 0.75 * slope + 0.25 * proportional : proportional);
    knots_ = no_knots();
    std::copy(x.begin(), x.begin() + used_, knots_.begin());
  }

  // time^p.
  double power_ns(std::uint32_t tpcs) const {
    const double load = raise(law_, burden_.on(tpcs));
    // Counted, not searched: which line it is cannot be foreseen, so a loop that ends there is mispredicted.
    static_assert(kPointsMax == 6);
    const auto beyond = [&](std::size_t knot) { return load > knots_[knot] ? std::size_t{1} : std::size_t{0}; };
    const Line& line = line_[beyond(0) + beyond(1) + beyond(2) + beyond(3) + beyond(4) + beyond(5)];
    return line.at_zero + line.slope * load;
  }

  // What a question reads comes first and lies together.
  Burden burden_;  // of law_
  Knots knots_ = no_knots();
  Law law_;
  std::uint8_t used_ = 0, count_ = 0;
  std::uint32_t fewest_ = 1;
  std::array<Line, kPointsMax + 1> line_{};
  Shape shape_;
};

}  // namespace sdk
}  // namespace lithos
