// SPDX-License-Identifier: Apache-2.0
// How well a scaling law, fitted to an operator's times on a few TPC counts, tells the others: R² over the traces. Pure; any thread.
//
// Of each operator its medians count, as slowdown against the whole device. Pooled: one R² over all operators and counts, each
// operator weighted by its share of the time; an operator's own mean is what the law is compared with.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/model_traces.hpp"

namespace lithos {

struct ScalingScore {
  std::string trace;     // empty: all of them pooled, each trace weighing the same
  double law_r2 = 0;     // lithos/scaling_curve.hpp
  double amdahl_r2 = 0;  // l = m/t + b, least squares, of the same counts
};

std::vector<ScalingScore> score_scaling(const ModelTraces& traces, const std::vector<std::uint32_t>& seen_tpcs,
                                        bool latency_critical_only);

}  // namespace lithos
