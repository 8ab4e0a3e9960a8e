// SPDX-License-Identifier: Apache-2.0
#include "cli/scaling_study.hpp"

#include <algorithm>
#include <map>

#include "engine/operator_table.hpp"
#include "lithos/scaling_curve.hpp"

namespace lithos {
namespace {

struct Operator {
  lithos_op op{};
  std::map<std::uint32_t, std::vector<double>> times;  // by TPCs

  double median(std::uint32_t tpcs) const {
    std::vector<double> all = times.at(tpcs);
    const auto middle = all.begin() + static_cast<std::ptrdiff_t>((all.size() - 1) / 2);
    std::nth_element(all.begin(), middle, all.end());
    return *middle;
  }
};

std::map<std::uint64_t, Operator> operators_of(const ModelTrace& trace) {
  std::map<std::uint64_t, Operator> out;
  for (std::size_t i = 0; i < trace.rows.size(); ++i) {
    Operator& op = out[value_of(trace.program->kernels[i].id)];
    op.op = describe(trace.program->kernels[i]);
    for (const TimeCurve::Point& point : trace.rows[i].measured) op.times[point.tpcs].push_back(point.ns);
  }
  return out;
}

// Residual and total sum of squares, weighted.
struct Squares {
  double law = 0, amdahl = 0, total = 0;
  void add(const Squares& other, double weight) {
    law += weight * other.law, amdahl += weight * other.amdahl, total += weight * other.total;
  }
  double r2(double residual) const { return total > 0 ? 1 - residual / total : 1; }
};

struct Line {
  double m = 0, b = 0;
  double ns(std::uint32_t tpcs) const { return m / tpcs + b; }
};
Line least_squares(const std::vector<ScalingPoint>& points) {
  double n = 0, x = 0, y = 0, xx = 0, xy = 0;
  for (const ScalingPoint& point : points) {
    const double inverse = 1.0 / point.tpcs;
    n += 1, x += inverse, y += point.ns, xx += inverse * inverse, xy += inverse * point.ns;
  }
  const double spread = n * xx - x * x;
  const double m = spread > 0 ? (n * xy - x * y) / spread : 0;
  return {m, (y - m * x) / n};
}

// Of one operator, in slowdowns; `time_ns` is what it takes of an iteration on the most TPCs.
Squares squares_of(const Operator& op, const std::vector<std::uint32_t>& seen_tpcs, const GpuShape& gpu,
                   double& time_ns) {
  std::vector<ScalingPoint> seen;
  for (const std::uint32_t tpcs : seen_tpcs)
    if (op.times.count(tpcs) != 0) seen.push_back({tpcs, op.median(tpcs)});
  Squares out;
  time_ns = 0;
  if (seen.size() < 2) return out;
  ScalingCurve curve;
  curve.fit(ScalingCurve::shape_of(op.op, gpu.sms_per_tpc, gpu.tpcs), seen);
  const Line line = least_squares(seen);
  const std::uint32_t most = op.times.rbegin()->first;
  const double whole = op.median(most);
  for (const double ns : op.times.at(most)) time_ns += ns;
  double mean = 0;
  for (const auto& [tpcs, all] : op.times) mean += op.median(tpcs) / whole / static_cast<double>(op.times.size());
  const auto square = [](double value) { return value * value; };
  for (const auto& [tpcs, all] : op.times) {
    const double actual = op.median(tpcs) / whole;
    out.law += square(curve.ns(tpcs) / whole - actual);
    out.amdahl += square(line.ns(tpcs) / whole - actual);
    out.total += square(actual - mean);
  }
  return out;
}

}  // namespace

std::vector<ScalingScore> score_scaling(const ModelTraces& traces, const std::vector<std::uint32_t>& seen_tpcs,
                                        bool latency_critical_only) {
  std::vector<ScalingScore> scores;
  Squares pooled;
  for (const ModelTrace& trace : traces.traces) {
    if (latency_critical_only && !trace.latency_critical) continue;
    Squares sum;
    double all_ns = 0;
    for (const auto& [id, op] : operators_of(trace)) {
      double time_ns = 0;
      const Squares squares = squares_of(op, seen_tpcs, traces.inputs->gpu, time_ns);
      sum.add(squares, time_ns);
      all_ns += time_ns;
    }
    scores.push_back({trace.name, sum.r2(sum.law), sum.r2(sum.amdahl)});
    if (all_ns > 0) pooled.add(sum, 1 / all_ns);
  }
  scores.push_back({"", pooled.r2(pooled.law), pooled.r2(pooled.amdahl)});
  return scores;
}

}  // namespace lithos
