// SPDX-License-Identifier: Apache-2.0
#include "cli/report_json_models.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

namespace lithos {
namespace {

using OrderedJson = nlohmann::ordered_json;

double rounded(double value) { return std::round(value * 1e6) / 1e6; }

OrderedJson score_json(const PredictScore& score) {
  return {{"tpcs", score.tpcs},
          {"error_20us", rounded(score.long_error())},
          {"error_all", rounded(score.error())},
          {"mispredicted", rounded(score.mispredicted_share())},
          {"above_p99", rounded(score.above_p99_share())},
          {"launches", score.launches},
          {"ns_20us", std::round(score.long_ns)},
          {"ns_all", std::round(score.all_ns)}};
}

OrderedJson rounded_estimate_json(const Estimate& estimate) {
  return {{"mean", rounded(estimate.mean)}, {"ci95", rounded(estimate.half_width)}};
}

}  // namespace

std::string to_json(const std::vector<PredictResult>& results) {
  OrderedJson out{{"format", "lithos-bench-predict-1"}, {"results", OrderedJson::array()}};
  for (const PredictResult& result : results) {
    OrderedJson traces = OrderedJson::array();
    for (const PredictResult::OfTrace& trace : result.traces) {
      OrderedJson scores = OrderedJson::array();
      for (const PredictScore& score : trace.scores) scores.push_back(score_json(score));
      traces.push_back({{"trace", trace.trace}, {"latency_critical", trace.latency_critical}, {"by_tpcs", scores}});
    }
    out["results"].push_back({{"predictor", result.policy},
                              {"seen_tpcs", result.options.seen_tpcs},
                              {"passes", result.options.passes},
                              {"ordinals", result.options.ordinals},
                              {"traces", traces}});
  }
  return out.dump(1) + "\n";
}

std::string to_json(const SavingsResult& result) {
  OrderedJson out{{"format", "lithos-bench-savings-1"},
           {"file", result.file},
           {"baseline", result.baseline},
           {"rows", OrderedJson::array()}};
  for (const Savings& row : result.rows)
    out["rows"].push_back({{"case", row.case_name.empty() ? OrderedJson(nullptr) : OrderedJson(row.case_name)},
                           {"set", row.set},
                           {"capacity_saved", rounded_estimate_json(row.capacity_saved)},
                           {"tpc_time_saved", rounded_estimate_json(row.tpc_time_saved)},
                           {"p50_change", rounded_estimate_json(row.p50_change)},
                           {"p99_change", rounded_estimate_json(row.p99_change)},
                           {"service_change", rounded_estimate_json(row.service_change)},
                           {"throughput_change", rounded_estimate_json(row.throughput_change)},
                           {"energy_saved", rounded_estimate_json(row.energy_saved)},
                           {"mean_clock_mhz", rounded_estimate_json(row.mean_clock_mhz)},
                           {"worst_slip_10s", rounded_estimate_json(row.worst_slip_10s)}});
  for (const ScalingScore& score : result.scaling)
    out["scaling_law_r2"].push_back({{"trace", score.trace.empty() ? OrderedJson(nullptr) : OrderedJson(score.trace)},
                                     {"scaling_curve", rounded(score.law_r2)},
                                     {"m_over_t_plus_b", rounded(score.amdahl_r2)}});
  for (const ConstantChange& change : result.constants)
    out["power_model_constants"].push_back(
        {{"constant", change.constant}, {"factor", change.factor}, {"energy_saved", rounded(change.energy_saved)}});
  return out.dump(1) + "\n";
}

}  // namespace lithos
