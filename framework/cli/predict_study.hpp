// SPDX-License-Identifier: Apache-2.0
// How well a predictor knows the times of the traces (`lithos bench predict`): it is shown every launch of a trace on a few TPC counts,
// as the engine would report them, and then asked for every launch on every count of the trace.
//
// Truth is each launch's own measured time, launch gap included, on that count. Errors are those of p50. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/model_traces.hpp"
#include "policy_host/policy_set.hpp"

namespace lithos {

struct PredictOptions {
  std::vector<std::uint32_t> seen_tpcs;  // the counts it is shown
  unsigned passes = 3;                   // over the trace, on each count
  bool ordinals = true;                  // launches say their place in the batch, in observations and questions
};

// Sums over launches on one TPC count; ratios are of sums, so scores add up.
struct PredictScore {
  std::uint32_t tpcs = 0;
  double long_error_ns = 0, long_ns = 0;  // launches of operators whose median on the whole device is at least 20 µs
  double error_ns = 0, all_ns = 0;        // all launches
  std::uint64_t launches = 0, mispredicted = 0, above_p99 = 0;

  void add(const PredictScore& other);
  double long_error() const { return long_ns > 0 ? long_error_ns / long_ns : 0; }
  double error() const { return all_ns > 0 ? error_ns / all_ns : 0; }
  double mispredicted_share() const {
    return launches > 0 ? static_cast<double>(mispredicted) / static_cast<double>(launches) : 0;
  }
  double above_p99_share() const {
    return launches > 0 ? static_cast<double>(above_p99) / static_cast<double>(launches) : 0;
  }
};

// |error| above this is a misprediction: max(50 µs, 10 %), after the paper's 50 µs (§8.4).
bool mispredicted(double predicted_ns, double actual_ns);

// By TPC count, the most first. `policies` should be fresh.
std::vector<PredictScore> score_predictor(const ModelTrace& trace, const GpuShape& gpu, PolicySet& policies,
                                          const PredictOptions& options);

}  // namespace lithos
