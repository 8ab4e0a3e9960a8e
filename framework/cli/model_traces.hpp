// SPDX-License-Identifier: Apache-2.0
// The traces with measured times on several TPC counts (configs/traces), for the studies of models: `lithos bench predict` and
// `rightsize`. Plain values; any thread once loaded.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sim/inputs.hpp"
#include "sim/trace.hpp"

namespace lithos {

struct ModelTrace {
  std::string name;
  bool latency_critical = false;                 // else best effort: training, and the prefill of configs/demo.toml
  std::vector<TraceKernel> rows;                 // as measured, launch gaps included
  std::shared_ptr<const TenantProgram> program;  // kernels and curves by row
};

struct ModelTraces {
  std::shared_ptr<const SimInputs> inputs;  // null if there are diagnostics
  std::vector<ModelTrace> traces;
  std::vector<Diagnostic> diagnostics;
};

// Those of the shipped traces that were measured on several counts, out of `folder`.
ModelTraces load_model_traces(const std::string& folder);

}  // namespace lithos
