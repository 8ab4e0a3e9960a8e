// SPDX-License-Identifier: Apache-2.0
// A trace: the kernels of one request or iteration in launch order, with their shapes and measured times
// (configs/traces/README.md).
//
// Reading is all or nothing: every broken row is reported at once with file:line and what was expected there. Columns
// are found by name, so their order is free and tpcN columns may be missing; then times on fewer TPCs come from the
// kernel's shape. Pure functions and values; any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "engine/gpu_shape.hpp"
#include "engine/operator.hpp"
#include "sim/time_curve.hpp"

namespace lithos {

struct TraceKernel {
  KernelShape shape;
  double full_us = 0;                      // on the whole device; 0: not measured (the widest tpcN point stands in)
  std::vector<TimeCurve::Point> measured;  // tpcN columns as written: they include the launch gap
  int line = 0;
};

struct Trace {
  std::string path;
  std::vector<TraceKernel> kernels;  // at least one
};

struct ParsedTrace {
  std::optional<Trace> trace;  // present only if there are no diagnostics
  std::vector<Diagnostic> diagnostics;
};

ParsedTrace parse_trace_file(const std::string& path);
ParsedTrace parse_trace_text(const std::string& text, const std::string& file_name);

// The time curve of one kernel: launch gap taken out of the measured points, rows in which the CPU could not keep up
// recognised and derived from full_us and the shape. `typical_gap_us`: see typical_gap_us(); stands in where full_us is
// missing.
TimeCurve make_time_curve(const TraceKernel& kernel, const KernelInfo& info, const GpuShape& gpu,
                          double typical_gap_us);

// Median of (time on the whole device by completion times − by the profiler) over the trace: the launch gap in its tpcN
// columns.
double typical_gap_us(const Trace& trace);

}  // namespace lithos
