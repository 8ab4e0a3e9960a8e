// SPDX-License-Identifier: Apache-2.0
#include "sim/trace.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <sstream>

#include "sim/csv.hpp"

namespace lithos {
namespace {

// Largest launch gap in the tpcN columns (README: 1–2 µs of launch gap).
constexpr double kLaunchGapMaxUs = 2.0;
// A row whose completion-to-completion time exceeds the profiler's by both of these was waiting for the CPU, not for
// TPCs.
constexpr double kCpuBoundExcessUs = 4.0;
constexpr double kCpuBoundRatio = 1.4;
constexpr double kLeastNs = 300;  // no kernel of the traces is shorter by the profiler

struct Columns {
  int kernel = -1, full = -1, regs = -1, smem = -1;
  std::array<int, 3> grid{-1, -1, -1}, block{-1, -1, -1}, cluster{-1, -1, -1};
  std::vector<std::pair<unsigned, int>> tpcs;  // TPC count, column
};

class Reader {
 public:
  explicit Reader(std::string file) : file_(std::move(file)) {}

  ParsedTrace read(std::istream& in) {
    Trace trace;
    trace.path = file_;
    std::string line;
    while (std::getline(in, line)) {
      ++line_;
      if (line.empty() || line == "\r") continue;
      if (const std::string wrong = split_csv_line(line, fields_); !wrong.empty()) {
        report(1, wrong);
        continue;
      }
      if (!have_header_) {
        read_header();
        if (!diagnostics_.empty()) break;
        continue;
      }
      read_row(trace);
    }
    if (diagnostics_.empty() && !have_header_)
      report(1, "the file is empty; expected a header line \"seq,kernel,grid_x,…\"");
    if (diagnostics_.empty() && trace.kernels.empty())
      report(1, "no kernels: expected at least one row below the header");
    ParsedTrace parsed;
    if (diagnostics_.empty()) parsed.trace = std::move(trace);
    parsed.diagnostics = std::move(diagnostics_);
    return parsed;
  }

 private:
  void report(int column, std::string message) {
    diagnostics_.push_back({{file_, std::max(line_, 1), column}, std::move(message)});
  }

  int find(const char* name) const {
    const auto at = std::find(fields_.begin(), fields_.end(), name);
    return at == fields_.end() ? -1 : static_cast<int>(at - fields_.begin());
  }

  void need(int& column, const std::string& name) {
    column = find(name.c_str());
    if (column < 0) report(1, "the header has no column \"" + name + "\"");
  }

  void read_header() {
    have_header_ = true;
    width_ = fields_.size();
    need(columns_.kernel, "kernel");
    need(columns_.full, "full_gpu_us");
    need(columns_.regs, "regs_per_thread");
    need(columns_.smem, "smem_bytes");
    const char* axes[] = {"x", "y", "z"};
    for (std::size_t axis = 0; axis < 3; ++axis) {
      need(columns_.grid[axis], std::string("grid_") + axes[axis]);
      need(columns_.block[axis], std::string("block_") + axes[axis]);
      columns_.cluster[axis] = find((std::string("cluster_") + axes[axis]).c_str());
    }
    for (std::size_t i = 0; i < fields_.size(); ++i) {
      unsigned tpcs = 0;
      if (std::sscanf(fields_[i].c_str(), "tpc%u_us", &tpcs) == 1 && tpcs > 0)
        columns_.tpcs.emplace_back(tpcs, static_cast<int>(i));
    }
  }

  const std::string& field(int column) const { return fields_[static_cast<std::size_t>(column)]; }
  std::string name_of_column(int column) const { return "column " + std::to_string(column + 1); }

  // A whole number in [least, most]; empty means `absent` if the column may be empty.
  std::uint32_t whole(int column, const char* what, std::uint32_t least, std::uint32_t most,
                      std::optional<std::uint32_t> absent = {}) {
    const std::string& text = field(column);
    if (text.empty() && absent) return *absent;
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < least || value > most) {
      report(column + 1, std::string(what) + " = \"" + text + "\": expected a whole number from " +
                             std::to_string(least) + " to " + std::to_string(most));
      return least;
    }
    return value;
  }

  // Microseconds > 0; empty: 0.
  double micros(int column, const std::string& what) {
    const std::string& text = field(column);
    if (text.empty()) return 0;
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || !(value > 0) || value > 1e9) {
      report(column + 1, what + " = \"" + text + "\": expected a time in microseconds above 0, or nothing");
      return 0;
    }
    return value;
  }

  Dim3 dim(const std::array<int, 3>& columns, const char* what, std::uint32_t most, bool may_be_empty) {
    std::array<std::uint32_t, 3> value{1, 1, 1};
    for (std::size_t axis = 0; axis < 3; ++axis) {
      if (columns[axis] < 0) continue;
      const auto absent = may_be_empty ? std::optional<std::uint32_t>{1} : std::nullopt;
      value[axis] = whole(columns[axis], what, 1, most, absent);
    }
    return {value[0], value[1], value[2]};
  }

  void read_row(Trace& trace) {
    if (fields_.size() != width_) {
      report(1, "the row has " + std::to_string(fields_.size()) + " fields; the header has " + std::to_string(width_));
      return;
    }
    const std::size_t before = diagnostics_.size();
    TraceKernel kernel;
    kernel.line = line_;
    kernel.shape.name = field(columns_.kernel);
    kernel.shape.grid = dim(columns_.grid, "grid", std::numeric_limits<std::int32_t>::max(), false);
    kernel.shape.block = dim(columns_.block, "block", 1024, false);
    kernel.shape.cluster = dim(columns_.cluster, "cluster", 16, true);
    kernel.shape.registers_per_thread = whole(columns_.regs, "regs_per_thread", 0, 255, 0);
    kernel.shape.shared_bytes = whole(columns_.smem, "smem_bytes", 0, 1u << 20, 0);
    kernel.full_us = micros(columns_.full, "full_gpu_us");
    for (const auto& [tpcs, column] : columns_.tpcs) {
      const double us = micros(column, "tpc" + std::to_string(tpcs) + "_us");
      if (us > 0) kernel.measured.push_back({tpcs, us * 1e3});
    }
    check_row(kernel, before);
    if (diagnostics_.size() == before) trace.kernels.push_back(std::move(kernel));
  }

  void check_row(const TraceKernel& kernel, std::size_t before) {
    if (diagnostics_.size() != before) return;
    if (kernel.shape.block.total() > 1024)
      report(1, "a block of " + std::to_string(kernel.shape.block.total()) + " threads: expected at most 1024");
    if (kernel.shape.grid.total() > std::numeric_limits<std::uint32_t>::max())
      report(1, "a grid of " + std::to_string(kernel.shape.grid.total()) + " blocks: expected fewer than 2^32");
    if (kernel.full_us == 0 && kernel.measured.empty())
      report(1, "no time: expected full_gpu_us or at least one tpcN_us");
  }

  std::string file_;
  int line_ = 0;
  bool have_header_ = false;
  std::size_t width_ = 0;
  Columns columns_;
  std::vector<std::string> fields_;
  std::vector<Diagnostic> diagnostics_;
};

unsigned cluster_tpcs(const GpuShape& gpu) {
  return static_cast<unsigned>(
      std::count_if(gpu.gpc_of_tpc.begin(), gpu.gpc_of_tpc.end(), [](auto gpc) { return gpc != kNoGpc; }));
}

double widest_us(const TraceKernel& kernel) {
  TimeCurve::Point widest;
  for (const auto& point : kernel.measured)
    if (point.tpcs > widest.tpcs) widest = point;
  return widest.ns * 1e-3;
}

// A persistent grid that is resident at once starts every block's own tiles at once. One TPC short of that, some blocks begin when others have ended, so
// the time steps up there, to the line of the smaller counts, and does not climb slowly to the next one (hardware.md §4). `points`: rising in time.
void add_step(std::vector<TimeCurve::Point>& points, unsigned filling_tpcs) {
  if (filling_tpcs < 2 || filling_tpcs > points.front().tpcs || points.size() < 3 || points[1].tpcs + 1 >= filling_tpcs) return;
  const TimeCurve::Point full = points[0], next = points[1], after = points[2];
  const double short_of_it = filling_tpcs - 1, slope = (after.ns - next.ns) / (1.0 / after.tpcs - 1.0 / next.tpcs);
  const double there = next.ns - slope * (1.0 / next.tpcs - 1.0 / short_of_it);
  points.push_back({filling_tpcs - 1, std::clamp(there, full.ns, std::max(full.ns, next.ns))});
  if (filling_tpcs < full.tpcs) points.push_back({filling_tpcs, full.ns});
}

}  // namespace

ParsedTrace parse_trace_file(const std::string& path) {
  std::ifstream in(path);
  if (!in) {
    ParsedTrace parsed;
    parsed.diagnostics.push_back({{path, 1, 1}, std::string("cannot read the trace: ") + std::strerror(errno)});
    return parsed;
  }
  return Reader(path).read(in);
}

ParsedTrace parse_trace_text(const std::string& text, const std::string& file_name) {
  std::istringstream in(text);
  return Reader(file_name).read(in);
}

double typical_gap_us(const Trace& trace) {
  std::vector<double> gaps;
  for (const auto& kernel : trace.kernels)
    if (kernel.full_us > 0 && !kernel.measured.empty())
      gaps.push_back(std::clamp(widest_us(kernel) - kernel.full_us, 0.0, kLaunchGapMaxUs));
  if (gaps.empty()) return 0;
  std::nth_element(gaps.begin(), gaps.begin() + static_cast<std::ptrdiff_t>(gaps.size() / 2), gaps.end());
  return gaps[gaps.size() / 2];
}

TimeCurve make_time_curve(const TraceKernel& kernel, const KernelInfo& info, const GpuShape& gpu,
                          double typical_gap_us) {
  const double widest = widest_us(kernel);
  const double full_us = kernel.full_us > 0 ? kernel.full_us : std::max(0.5, widest - typical_gap_us);
  const bool cpu_bound = widest > full_us + kCpuBoundExcessUs && widest > full_us * kCpuBoundRatio;
  if (kernel.measured.empty() || cpu_bound)
    return {points_from_shape(full_us * 1e3, gpu.tpcs, info.blocks, info.blocks_per_tpc), gpu.tpcs, info.blocks,
            info.blocks_per_tpc};

  // Clusters wider than a TPC never run on the TPCs that no GPC owns: "the whole device" was less for them.
  const unsigned device_tpcs = runs_anywhere(info.cluster_blocks, gpu.sms_per_tpc) ? gpu.tpcs : cluster_tpcs(gpu);
  // One gap for all rows: a row's own carries the noise of two measurements into every point. More TPCs than blocks
  // change nothing.
  std::vector<TimeCurve::Point> points{{device_tpcs, full_us * 1e3}};
  for (const auto& point : kernel.measured)
    if (point.tpcs < std::min(device_tpcs, info.blocks))
      points.push_back({point.tpcs, std::max(point.ns - typical_gap_us * 1e3, kLeastNs)});
  std::sort(points.begin(), points.end(), [](const auto& a, const auto& b) { return a.tpcs > b.tpcs; });
  if (info.persistent) add_step(points, (info.blocks + info.blocks_per_tpc - 1) / info.blocks_per_tpc);
  return {std::move(points), gpu.tpcs, info.blocks, info.blocks_per_tpc};
}

}  // namespace lithos
