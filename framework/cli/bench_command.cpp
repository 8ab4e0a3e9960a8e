// SPDX-License-Identifier: Apache-2.0
// lithos bench policies: the paper's experiments on the virtual GPU, every scheduler on every trace, one table.
#include <fmt/format.h>

#include <filesystem>

#include "cli/bench_rows.hpp"
#include "cli/commands.hpp"
#include "cli/experiment.hpp"
#include "cli/load.hpp"
#include "cli/output_file.hpp"
#include "cli/progress.hpp"
#include "cli/report_json.hpp"
#include "cli/summary.hpp"

namespace lithos {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> experiment_files(const BenchPoliciesArguments& arguments) {
  if (!arguments.files.empty()) return arguments.files;
  return {"configs/paper/stacking.toml", "configs/paper/hybrid.toml", "configs/paper/ablation.toml"};
}

}  // namespace

ExitCode run_bench_policies(const BenchPoliciesArguments& arguments, Console& console) {
  const std::vector<std::string> files = experiment_files(arguments);
  ExperimentOptions options;
  options.seeds = arguments.seeds;
  options.duration = arguments.duration;
  options.jobs = arguments.jobs;
  std::vector<LoadedConfig> loaded;
  std::size_t runs = 0;
  for (const std::string& file : files) {
    loaded.push_back(load_config(file, arguments.policy_path));
    if (!loaded.back().diagnostics.empty()) {
      console.err << render_diagnostics(file, loaded.back().diagnostics);
      if (arguments.files.empty()) console.err << "lithos bench policies without files runs in the project's folder\n";
      return ExitCode::bad_input;
    }
    runs += count_runs(loaded.back(), options);
  }
  std::vector<Experiment> experiments;
  {
    Progress progress(console.err, console.show_progress && !arguments.quiet, runs);
    std::size_t before = 0;
    for (const LoadedConfig& one : loaded) {
      experiments.push_back(run_experiment(one, options, [&](std::size_t run, double share) { progress.report(before + run, share); }));
      before += count_runs(one, options);
    }
  }

  bool failed = false;
  std::vector<BenchFile> files_done;
  std::vector<std::pair<std::string, std::vector<GroupSummary>>> all;
  for (std::size_t i = 0; i < experiments.size(); ++i) {
    for (const std::string& error : experiments[i].errors) console.err << error << "\n";
    failed |= !experiments[i].errors.empty();
    const std::string name = fs::path(files[i]).stem().string();
    files_done.push_back(bench_file(name, loaded[i], experiments[i]));
    all.emplace_back(name, summarise(experiments[i]));
  }
  console.out << render_bench(files_done, console.colour) << "\n" << render_verdicts(files_done, arguments.subject, console.colour) << std::flush;
  if (!arguments.json.empty()) {
    if (const Status written = write_output(arguments.json, to_json(all), "--json", console); !written.ok()) {
      console.err << written.message() << "\n";
      return ExitCode::failed;
    }
  }
  return failed ? ExitCode::failed : ExitCode::ok;
}

}  // namespace lithos
