// SPDX-License-Identifier: Apache-2.0
// lithos sim: load, check, run every set, compare.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

#include "cli/agreement.hpp"
#include "cli/commands.hpp"
#include "cli/comparison.hpp"
#include "cli/experiment.hpp"
#include "cli/html_report.hpp"
#include "cli/load.hpp"
#include "cli/output_file.hpp"
#include "cli/progress.hpp"
#include "cli/report_json.hpp"
#include "cli/summary.hpp"
#include "config/read_file.hpp"

namespace lithos {
namespace {

constexpr std::size_t kOperatorsShown = 12;

// The message names a set that does not exist.
Status check_sets(const std::vector<PolicySetConfig>& sets, const std::vector<std::string>& names) {
  std::vector<std::string> known;
  for (const PolicySetConfig& set : sets) known.push_back(set.name);
  for (const std::string& name : names) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const std::string near = closest_word(name, known);
    return not_found(
        fmt::format("--set {}: there is no such set; {}", name,
                    near.empty() ? fmt::format("sets: {}", fmt::join(known, ", ")) : "did you mean \"" + near + "\"?"));
  }
  return {};
}

// One run of each set of one configuration: the plain comparison.
bool is_plain(const LoadedConfig& loaded, const SimArguments& arguments) {
  const std::uint64_t seeds = arguments.seeds.value_or(loaded.config.run.seeds);
  return loaded.points.size() == 1 && loaded.points.front().case_name.empty() && loaded.points.front().settings.empty() && seeds <= 1;
}

// --case: the rest of the run knows only that one. The message names a case that does not exist.
Status choose_case(LoadedConfig& loaded, const std::string& name) {
  if (name.empty()) return {};
  Result<Config> config = config_of_case(loaded.points, name);
  if (!config.ok()) return config.status();
  loaded.config = std::move(config).value();
  for (std::size_t i = loaded.points.size(); i-- > 0;) {
    if (loaded.points[i].case_name == name) continue;
    loaded.points.erase(loaded.points.begin() + static_cast<std::ptrdiff_t>(i));
    loaded.inputs.erase(loaded.inputs.begin() + static_cast<std::ptrdiff_t>(i));
  }
  for (ConfigPoint& point : loaded.points) point.case_name.clear();
  return {};
}

// --perfetto: an exporter for each set, and so a file for each.
std::vector<PluginConfig> exporters_for(const LoadedConfig& loaded, const SimArguments& arguments) {
  std::vector<PluginConfig> exporters;
  if (arguments.perfetto.empty()) return exporters;
  const auto& wanted = arguments.sets;
  for (const PolicySetConfig& set : loaded.config.sets) {
    if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), set.name) == wanted.end()) continue;
    PluginConfig exporter;
    exporter.set = set.name;
    exporter.choice.id = "perfetto";
    exporter.choice.where = {"--perfetto", 1, 1};
    exporters.push_back(exporter);
  }
  const std::filesystem::path path = arguments.perfetto;
  for (PluginConfig& exporter : exporters) {
    const std::string name = exporters.size() == 1 ? path.string()
                                                   : (path.parent_path() / path.stem()).string() + "-" + exporter.set + path.extension().string();
    exporter.choice.params["path"] = {name, exporter.choice.where};
  }
  return exporters;
}

Experiment run_all(const LoadedConfig& loaded, const SimArguments& arguments, Console& console) {
  ExperimentOptions options;
  options.first_seed = arguments.seed;
  options.seeds = arguments.seeds;
  options.duration = arguments.duration;
  options.sets = arguments.sets;
  options.jobs = arguments.jobs;
  // What a report shows of a single run; of a hundred runs it would be too much.
  const bool in_detail = is_plain(loaded, arguments) && (!arguments.json.empty() || !arguments.report.empty());
  options.operators = arguments.operators || in_detail;
  options.timelines = in_detail;
  options.plugins = loaded.config.plugins;
  for (PluginConfig& exporter : exporters_for(loaded, arguments)) options.plugins.push_back(std::move(exporter));
  Progress progress(console.err, console.show_progress && !arguments.quiet, count_runs(loaded, options));
  return run_experiment(loaded, options, [&progress](std::size_t run, double share) { progress.report(run, share); });
}

std::vector<SetReport> reports_of(const Experiment& experiment) {
  std::vector<SetReport> reports;
  for (const RunGroup& group : experiment.groups) reports.push_back(group.runs.front());
  return reports;
}

// The files that were asked for.
Status write_files(const std::string& json, const SimArguments& arguments, Console& console) {
  if (!arguments.json.empty())
    if (const Status written = write_output(arguments.json, json, "--json", console); !written.ok()) return written;
  if (arguments.report.empty()) return {};
  const Result<std::string> page = render_html(json);
  return page.ok() ? write_output(arguments.report, page.value(), "--report", console) : page.status();
}

// --against: what was measured; empty where nobody asked.
Result<std::vector<MeasuredTenant>> measured_for(const LoadedConfig& loaded, const SimArguments& arguments) {
  if (arguments.against.empty()) return std::vector<MeasuredTenant>{};
  if (!is_plain(loaded, arguments)) return invalid_argument("needs one run of each set: no sweeps or seeds, and of a file with cases one (--case)");
  const Result<std::string> text = read_text_file(arguments.against, kMaxResultBytes);
  return text.ok() ? read_measured(text.value()) : text.status();
}

}  // namespace

ExitCode run_sim(const SimArguments& arguments, Console& console) {
  LoadedConfig loaded = load_config(arguments.config, arguments.policy_path);
  if (!loaded.diagnostics.empty()) {
    console.err << render_diagnostics(arguments.config, loaded.diagnostics);
    return ExitCode::bad_input;
  }
  if (const Status chosen = choose_case(loaded, arguments.case_name); !chosen.ok()) {
    console.err << "--case: " << chosen.message() << "\n";
    return ExitCode::usage;
  }
  const Config& config = loaded.config;
  if (const Status selected = check_sets(config.sets, arguments.sets); !selected.ok()) {
    console.err << selected.message() << "\n";
    return ExitCode::usage;
  }
  if (arguments.duration && *arguments.duration <= config.run.warmup) {
    console.err << fmt::format("--duration {}: must be longer than run.warmup, {}\n",
                               format_duration(*arguments.duration), format_duration(config.run.warmup));
    return ExitCode::usage;
  }
  for (const auto& [path, option] : {std::pair{arguments.json, "--json"}, std::pair{arguments.report, "--report"}}) {
    if (const Status writable = check_writable(path, option); !writable.ok()) {
      console.err << writable.message() << "\n";
      return ExitCode::usage;
    }
  }

  const Result<std::vector<MeasuredTenant>> measured = measured_for(loaded, arguments);
  if (!measured.ok()) {
    console.err << fmt::format("--against {}: {}\n", arguments.against, measured.status().message());
    return ExitCode::bad_input;
  }

  const Experiment experiment = run_all(loaded, arguments, console);
  for (const std::string& error : experiment.errors) console.err << error << "\n";
  if (!experiment.errors.empty() && experiment.groups.empty())
    return experiment.bad_input ? ExitCode::bad_input : ExitCode::failed;

  const bool plain = is_plain(loaded, arguments);
  const std::vector<SetReport> reports = reports_of(experiment);
  const std::vector<GroupSummary> summaries = plain ? std::vector<GroupSummary>{} : summarise(experiment);
  if (arguments.json != "-") {
    console.out << (plain ? render_comparison(config, reports, console.colour) : render_summary(config, summaries, console.colour));
    if (!arguments.against.empty()) console.out << render_agreement(config, reports, measured.value(), console.colour);
    if (arguments.operators) console.out << render_operators(experiment, kOperatorsShown, console.colour);
    console.out << std::flush;
  }
  if (!arguments.quiet && plain) console.err << render_notes(reports, false);
  if (!arguments.json.empty() || !arguments.report.empty()) {
    const std::string json = plain ? to_json(config, reports) : to_json(config, summaries);
    if (const Status written = write_files(json, arguments, console); !written.ok()) {
      console.err << written.message() << "\n";
      return ExitCode::failed;
    }
  }
  return experiment.errors.empty() ? ExitCode::ok : ExitCode::failed;
}

}  // namespace lithos
