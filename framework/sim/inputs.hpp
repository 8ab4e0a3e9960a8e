// SPDX-License-Identifier: Apache-2.0
// Everything a run reads from files, read once and checked before anything starts: device, kernel rules, traces,
// arrival times. Immutable once loaded; runs on several threads may share one.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/status.hpp"
#include "base/time.hpp"
#include "config/config.hpp"
#include "engine/gpu_shape.hpp"
#include "engine/operator.hpp"
#include "sim/time_curve.hpp"

namespace lithos {

// A trace made ready for one device.
struct TenantProgram {
  std::vector<KernelInfo> kernels;    // never resized: others hold pointers into it
  std::vector<TimeCurve> curves;      // by kernel
  GraphInfo graph;                    // of all kernels
  std::vector<Nanoseconds> arrivals;  // of an arrival file
};

struct SimInputs {
  GpuShape gpu;
  KernelRules rules;
  std::vector<std::shared_ptr<const TenantProgram>> programs;  // by tenant of the configuration
};

struct LoadedInputs {
  std::shared_ptr<const SimInputs> inputs;  // null if there are diagnostics
  std::vector<Diagnostic> diagnostics;
};

LoadedInputs load_inputs(const Config& config);

// All messages, one per line.
std::string join_messages(const std::vector<Diagnostic>& diagnostics);

}  // namespace lithos
