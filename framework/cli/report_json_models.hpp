// SPDX-License-Identifier: Apache-2.0
// What `lithos bench predict`, `rightsize` and `dvfs` found, as JSON for machines. Fields are only ever added; numbers rounded to six
// digits, so that the same run gives the same bytes.
#pragma once

#include <string>
#include <vector>

#include "cli/predict_study.hpp"
#include "cli/savings.hpp"
#include "cli/scaling_study.hpp"

namespace lithos {

// One predictor shown one choice of TPC counts.
struct PredictResult {
  std::string policy;
  PredictOptions options;
  struct OfTrace {
    std::string trace;
    bool latency_critical = false;
    std::vector<PredictScore> scores;  // by TPC count
  };
  std::vector<OfTrace> traces;
};
std::string to_json(const std::vector<PredictResult>& results);

struct SavingsResult {
  std::string file, baseline;
  std::vector<Savings> rows;
  std::vector<ScalingScore> scaling;      // may be empty
  std::vector<ConstantChange> constants;  // likewise
};
std::string to_json(const SavingsResult& result);

}  // namespace lithos
