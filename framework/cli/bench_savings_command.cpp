// SPDX-License-Identifier: Apache-2.0
// lithos bench rightsize, lithos bench dvfs: the paper's two savings on the virtual GPU, and what they cost.
#include <fmt/format.h>

#include <fstream>

#include "cli/commands.hpp"
#include "cli/comparison.hpp"
#include "cli/experiment.hpp"
#include "cli/installation.hpp"
#include "cli/load.hpp"
#include "cli/progress.hpp"
#include "cli/report_json_models.hpp"
#include "cli/summary.hpp"
#include "cli/text_table.hpp"

namespace lithos {
namespace {

// The law is fitted to these, the cheapest three of the traces.
const std::vector<std::uint32_t> kSeenTpcs{66, 40, 16};

// "+3.1 ± 0.4%"
std::string signed_percent(const Estimate& share) {
  const Estimate percent{100 * share.mean, 100 * share.half_width, share.runs};
  return (share.mean >= 0 ? "+" : "−") + with_interval({std::abs(percent.mean), percent.half_width, percent.runs}) +
         "%";
}

void add_columns(TextTable& table, bool power) {
  table.add_column("set", "", TextTable::Align::left);
  table.add_column("case", "", TextTable::Align::left);
  if (power) {
    for (const char* title : {"energy", "mean MHz", "slip 10s"}) table.add_column(title, "saved");
  } else {
    for (const char* title : {"capacity", "TPC time"}) table.add_column(title, "saved");
  }
  for (const char* title : {"p99", "p50", "service", "done/s"}) table.add_column(title, "change");
}

void add_row(TextTable& table, const Savings& row, bool power) {
  const bool mean = row.case_name.empty();
  std::vector<Cell> cells{{row.set, mean ? Tone::strong : Tone::plain}, {mean ? "mean" : row.case_name}};
  if (power) {
    cells.push_back({percent_with_interval(row.energy_saved)});
    cells.push_back({short_number(row.mean_clock_mhz.mean)});
    cells.push_back({fmt::format("{:.3f}", row.worst_slip_10s.mean)});
  } else {
    cells.push_back({percent_with_interval(row.capacity_saved)});
    cells.push_back({percent_with_interval(row.tpc_time_saved)});
  }
  for (const Estimate* change : {&row.p99_change, &row.p50_change, &row.service_change, &row.throughput_change})
    cells.push_back({signed_percent(*change)});
  table.add_row(std::move(cells));
}

std::string render(const SavingsResult& result, const std::string& subject, bool power, bool colour) {
  TextTable table;
  add_columns(table, power);
  for (const Savings& row : result.rows)
    if (!row.case_name.empty() && row.set == subject) add_row(table, row, power);
  for (const Savings& row : result.rows)
    if (row.case_name.empty()) add_row(table, row, power);
  std::string text = table.render(colour) +
                     fmt::format("Against {}, same arrivals, ± 95 % confidence over the seeds.\n", result.baseline);
  for (const ScalingScore& score : result.scaling)
    if (score.trace.empty())
      text += fmt::format(
          "Scaling law, R² over all operators and TPC counts, time-weighted, from three counts: {:.3f}; l = m/t + b: "
          "{:.3f}\n",
          score.law_r2, score.amdahl_r2);
  for (const ConstantChange& change : result.constants)
    text += fmt::format("{:<20} × {:.1f}: energy saved {}\n", change.constant, change.factor,
                        short_percent(change.energy_saved));
  return text;
}

std::string default_file(bool power) { return power ? "configs/paper/dvfs.toml" : "configs/paper/right_sizing.toml"; }

Experiment run_all(const LoadedConfig& loaded, const BenchSavingsArguments& arguments, Console& console) {
  ExperimentOptions options;
  options.seeds = arguments.seeds;
  options.duration = arguments.duration;
  options.jobs = arguments.jobs;
  options.operators = !arguments.power;
  Progress progress(console.err, console.show_progress && !arguments.quiet, count_runs(loaded, options));
  return run_experiment(loaded, options, [&](std::size_t run, double share) { progress.report(run, share); });
}

}  // namespace

ExitCode run_bench_savings(const BenchSavingsArguments& arguments, Console& console) {
  const std::string path = arguments.file.empty() ? default_file(arguments.power) : arguments.file;
  const LoadedConfig loaded = load_config(path, arguments.policy_path);
  if (!loaded.diagnostics.empty()) {
    console.err << render_diagnostics(path, loaded.diagnostics);
    return ExitCode::bad_input;
  }
  SavingsResult result;
  result.file = path;
  result.baseline = arguments.baseline.empty() ? loaded.points.front().config.sets.front().name : arguments.baseline;
  if (!arguments.power) {
    const ModelTraces traces = load_model_traces(arguments.traces.empty() ? shared_file("traces") : arguments.traces);
    if (traces.inputs != nullptr) result.scaling = score_scaling(traces, kSeenTpcs, true);
    else console.err << join_messages(traces.diagnostics) << "\n";
  }
  const Experiment experiment = run_all(loaded, arguments, console);
  for (const std::string& error : experiment.errors) console.err << error << "\n";
  result.rows = savings_against(experiment, result.baseline);
  if (arguments.power)
    result.constants = energy_by_constants(experiment, result.baseline, arguments.subject, loaded.inputs.front()->gpu);
  if (result.rows.empty()) {
    console.err << fmt::format("{}: nothing to compare with set \"{}\"\n", path, result.baseline);
    return ExitCode::bad_input;
  }
  console.out << render(result, arguments.subject, arguments.power, console.colour) << std::flush;
  if (!arguments.json.empty()) {
    std::ofstream file(arguments.json, std::ios::binary | std::ios::trunc);
    file << to_json(result) << std::flush;
    if (!file) {
      console.err << fmt::format("--json {}: could not be written\n", arguments.json);
      return ExitCode::failed;
    }
  }
  return experiment.errors.empty() ? ExitCode::ok : ExitCode::failed;
}

}  // namespace lithos
