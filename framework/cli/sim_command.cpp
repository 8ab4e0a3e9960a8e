// SPDX-License-Identifier: Apache-2.0
// lithos sim: load, check, run every set, compare.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "cli/commands.hpp"
#include "cli/comparison.hpp"
#include "cli/load.hpp"
#include "cli/parallel.hpp"
#include "cli/progress.hpp"
#include "cli/report_json.hpp"
#include "sim/simulation.hpp"

namespace lithos {
namespace {

// Keeps the named sets in the order of the file. The message names a set that does not exist.
Status select_sets(std::vector<PolicySetConfig>& sets, const std::vector<std::string>& names) {
  if (names.empty()) return {};
  std::vector<std::string> known;
  for (const PolicySetConfig& set : sets) known.push_back(set.name);
  for (const std::string& name : names) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const std::string near = closest_word(name, known);
    return not_found(
        fmt::format("--set {}: there is no such set; {}", name,
                    near.empty() ? fmt::format("sets: {}", fmt::join(known, ", ")) : "did you mean \"" + near + "\"?"));
  }
  std::erase_if(
      sets, [&](const PolicySetConfig& set) { return std::find(names.begin(), names.end(), set.name) == names.end(); });
  return {};
}

// Found out before the runs, not after them.
Status check_writable(const std::string& path) {
  if (path.empty() || path == "-") return {};
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return invalid_argument(fmt::format("--json {}: is a folder", path));
  const std::ofstream file(path, std::ios::app);
  return file ? Status{} : invalid_argument(fmt::format("--json {}: cannot be written", path));
}

struct Outcome {
  std::vector<SetReport> reports;
  std::vector<std::string> errors;  // one per set that failed
  bool bad_input = true;            // all failures are the input's
};

Outcome run_sets(const Config& config, PolicyCatalog& catalog, const SimArguments& arguments, Console& console) {
  const std::size_t count = config.sets.size();
  std::vector<std::optional<Result<SetReport>>> results(count);
  {
    Progress progress(console.err, console.show_progress && !arguments.quiet, count);
    for_each_in_parallel(count, arguments.jobs, [&](std::size_t i) {
      SimOptions options;
      options.seed = arguments.seed;
      options.duration = arguments.duration;
      options.progress = [&progress, i](double fraction) { progress.report(i, fraction); };
      results[i].emplace(run_set(config, config.sets[i], catalog, options));
      progress.report(i, 1.0);
    });
  }
  Outcome outcome;
  for (std::size_t i = 0; i < count; ++i) {
    if (results[i]->ok()) {
      outcome.reports.push_back(std::move(*results[i]).value());
      continue;
    }
    const Status status = results[i]->status();
    outcome.errors.push_back(fmt::format("set {}: {}", config.sets[i].name, status.message()));
    outcome.bad_input &= status.code() == StatusCode::invalid_argument || status.code() == StatusCode::not_found ||
                         status.code() == StatusCode::incompatible;
  }
  return outcome;
}

Status write_json(const std::string& path, const std::string& json, Console& console) {
  if (path == "-") {
    console.out << json << std::flush;
    return {};
  }
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << json << std::flush;
  return file ? Status{} : unavailable(fmt::format("--json {}: could not be written", path));
}

}  // namespace

ExitCode run_sim(const SimArguments& arguments, Console& console) {
  LoadedConfig loaded = load_config(arguments.config, arguments.policy_path);
  if (!loaded.diagnostics.empty()) {
    console.err << render_diagnostics(arguments.config, loaded.diagnostics);
    return ExitCode::bad_input;
  }
  Config& config = loaded.config;
  if (const Status selected = select_sets(config.sets, arguments.sets); !selected.ok()) {
    console.err << selected.message() << "\n";
    return ExitCode::usage;
  }
  if (arguments.duration && *arguments.duration <= config.run.warmup) {
    console.err << fmt::format("--duration {}: must be longer than run.warmup, {}\n",
                               format_duration(*arguments.duration), format_duration(config.run.warmup));
    return ExitCode::usage;
  }
  if (const Status writable = check_writable(arguments.json); !writable.ok()) {
    console.err << writable.message() << "\n";
    return ExitCode::usage;
  }

  const Outcome outcome = run_sets(config, *loaded.catalog, arguments, console);
  for (const std::string& error : outcome.errors) console.err << error << "\n";
  if (!outcome.errors.empty() && outcome.reports.empty())
    return outcome.bad_input ? ExitCode::bad_input : ExitCode::failed;

  if (!arguments.quiet) console.err << render_notes(outcome.reports, false) << std::flush;
  if (arguments.json != "-") console.out << render_comparison(config, outcome.reports, console.colour) << std::flush;
  if (!arguments.json.empty()) {
    if (const Status written = write_json(arguments.json, to_json(config, outcome.reports), console); !written.ok()) {
      console.err << written.message() << "\n";
      return ExitCode::failed;
    }
  }
  return outcome.errors.empty() ? ExitCode::ok : ExitCode::failed;
}

}  // namespace lithos
