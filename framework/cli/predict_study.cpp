// SPDX-License-Identifier: Apache-2.0
#include "cli/predict_study.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "engine/operator_table.hpp"

namespace lithos {
namespace {

constexpr double kLongNs = 20'000;
constexpr std::uint64_t kTenant = 1;

const TimeCurve::Point* on(const TraceKernel& row, std::uint32_t tpcs) {
  const auto at =
      std::find_if(row.measured.begin(), row.measured.end(), [&](const auto& point) { return point.tpcs == tpcs; });
  return at == row.measured.end() ? nullptr : &*at;
}

lithos_op op_of(const ModelTrace& trace, std::size_t row, bool ordinals) {
  lithos_op op = describe(trace.program->kernels[row]);
  op.ordinal = ordinals ? static_cast<std::uint32_t>(row + 1) : 0;
  return op;
}

void show(const ModelTrace& trace, std::uint32_t tpcs, std::uint32_t clock_mhz, bool ordinals, PolicySet& policies) {
  for (std::size_t i = 0; i < trace.rows.size(); ++i) {
    const TimeCurve::Point* measured = on(trace.rows[i], tpcs);
    if (measured == nullptr) continue;
    lithos_observation seen{};
    seen.op = op_of(trace, i, ordinals);
    seen.tenant_id = kTenant;
    seen.tpcs = tpcs;
    seen.clock_mhz = clock_mhz;
    seen.block_count = seen.op.blocks;
    seen.duration_ns = static_cast<std::uint64_t>(measured->ns + 0.5);
    policies.observe(seen);
  }
}

// Operators whose median on the widest count is long.
std::map<std::uint64_t, bool> long_operators(const ModelTrace& trace) {
  std::map<std::uint64_t, std::vector<double>> times;
  for (std::size_t i = 0; i < trace.rows.size(); ++i) {
    const auto& measured = trace.rows[i].measured;
    if (measured.empty()) continue;
    const auto widest = std::max_element(measured.begin(), measured.end(),
                                         [](const auto& a, const auto& b) { return a.tpcs < b.tpcs; });
    times[value_of(trace.program->kernels[i].id)].push_back(widest->ns);
  }
  std::map<std::uint64_t, bool> out;
  for (auto& [id, all] : times) {
    const auto middle = all.begin() + static_cast<std::ptrdiff_t>((all.size() - 1) / 2);
    std::nth_element(all.begin(), middle, all.end());
    out[id] = *middle >= kLongNs;
  }
  return out;
}

std::vector<std::uint32_t> counts_of(const ModelTrace& trace) {
  std::vector<std::uint32_t> counts;
  for (const TraceKernel& row : trace.rows)
    for (const TimeCurve::Point& point : row.measured)
      if (std::find(counts.begin(), counts.end(), point.tpcs) == counts.end()) counts.push_back(point.tpcs);
  std::sort(counts.begin(), counts.end(), std::greater<>());
  return counts;
}

}  // namespace

void PredictScore::add(const PredictScore& other) {
  long_error_ns += other.long_error_ns, long_ns += other.long_ns;
  error_ns += other.error_ns, all_ns += other.all_ns;
  launches += other.launches, mispredicted += other.mispredicted, above_p99 += other.above_p99;
}

bool mispredicted(double predicted_ns, double actual_ns) {
  return std::abs(predicted_ns - actual_ns) > std::max(50'000.0, 0.1 * actual_ns);
}

std::vector<PredictScore> score_predictor(const ModelTrace& trace, const GpuShape& gpu, PolicySet& policies,
                                          const PredictOptions& options) {
  const std::uint32_t clock_mhz = gpu.clocks_mhz.empty() ? 0 : gpu.clocks_mhz.front();
  for (unsigned pass = 0; pass < options.passes; ++pass)
    for (const std::uint32_t tpcs : options.seen_tpcs) show(trace, tpcs, clock_mhz, options.ordinals, policies);
  const std::map<std::uint64_t, bool> is_long = long_operators(trace);
  std::vector<PredictScore> scores;
  for (const std::uint32_t tpcs : counts_of(trace)) {
    PredictScore& score = scores.emplace_back();
    score.tpcs = tpcs;
    for (std::size_t i = 0; i < trace.rows.size(); ++i) {
      const TimeCurve::Point* actual = on(trace.rows[i], tpcs);
      if (actual == nullptr) continue;
      lithos_predict_query query{};
      query.op = op_of(trace, i, options.ordinals);
      query.tenant_id = kTenant;
      query.tpcs = tpcs;
      query.clock_mhz = clock_mhz;
      const lithos_prediction predicted = policies.predict(query);
      const double error_ns = std::abs(static_cast<double>(predicted.p50_ns) - actual->ns);
      score.error_ns += error_ns, score.all_ns += actual->ns;
      if (is_long.at(query.op.op_id)) score.long_error_ns += error_ns, score.long_ns += actual->ns;
      ++score.launches;
      score.mispredicted += mispredicted(static_cast<double>(predicted.p50_ns), actual->ns);
      score.above_p99 += actual->ns > static_cast<double>(predicted.p99_ns);
    }
  }
  return scores;
}

}  // namespace lithos
