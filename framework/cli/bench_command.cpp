// SPDX-License-Identifier: Apache-2.0
// lithos bench policies: the paper's experiments on the virtual GPU, every scheduler on every trace, one table.
#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <map>

#include "cli/commands.hpp"
#include "cli/comparison.hpp"
#include "cli/experiment.hpp"
#include "cli/load.hpp"
#include "cli/output_file.hpp"
#include "cli/progress.hpp"
#include "cli/report_json.hpp"
#include "cli/summary.hpp"
#include "cli/text_table.hpp"

namespace lithos {
namespace {

namespace fs = std::filesystem;

// One set over all cases of a file: per seed the mean over the cases (tails: geometric), then over the seeds.
struct Row {
  std::string set;
  bool diverges = false;
  Estimate tail, worst_tail, attainment, goodput, throughput, others, jain;
};

// What one seed of one set adds up to over the cases.
struct PerSeed {
  double log_tail = 0, worst_tail = 0, attainment = 0, goodput = 0, throughput = 0, others = 0, jain = 0;
  std::size_t cases = 0;

  void add(const SetReport& run) {
    double tail = 1, met = 1, rest = 0;
    for (const TenantReport& tenant : run.tenants) {
      if (tenant.tenant_class != TenantClass::latency_critical) { rest += tenant.share_of_solo; continue; }
      if (tenant.solo_p99.count() > 0) tail = std::max(tail == 1 ? 0.0 : tail, to_seconds(tenant.latency_p99) / to_seconds(tenant.solo_p99));
      met = std::min(met, tenant.slo_attainment);
    }
    log_tail += std::log(std::max(tail, 1e-9));
    worst_tail = std::max(worst_tail, tail);
    attainment += met;
    goodput += system_goodput(run);
    throughput += system_throughput(run);
    others += rest;
    jain += jain_of(run);
    ++cases;
  }
};

Row row_of(const std::string& set, const std::vector<const RunGroup*>& groups) {
  Row row;
  row.set = set;
  std::vector<PerSeed> seeds(groups.front()->runs.size());
  for (const RunGroup* group : groups)
    for (std::size_t s = 0; s < seeds.size() && s < group->runs.size(); ++s) {
      seeds[s].add(group->runs[s]);
      for (const TenantReport& tenant : group->runs[s].tenants) row.diverges |= diverged(tenant);
    }
  const auto over = [&](auto&& of) {
    std::vector<double> values;
    for (const PerSeed& seed : seeds) values.push_back(of(seed, static_cast<double>(seed.cases)));
    return estimate(values);
  };
  row.tail = over([](const PerSeed& s, double n) { return std::exp(s.log_tail / n); });
  row.worst_tail = over([](const PerSeed& s, double) { return s.worst_tail; });
  row.attainment = over([](const PerSeed& s, double n) { return s.attainment / n; });
  row.goodput = over([](const PerSeed& s, double n) { return s.goodput / n; });
  row.throughput = over([](const PerSeed& s, double n) { return s.throughput / n; });
  row.others = over([](const PerSeed& s, double n) { return s.others / n; });
  row.jain = over([](const PerSeed& s, double n) { return s.jain / n; });
  return row;
}

std::vector<Row> rows_of(const Experiment& experiment) {
  std::vector<std::string> order;
  std::map<std::string, std::vector<const RunGroup*>> by_set;
  for (const RunGroup& group : experiment.groups) {
    auto& groups = by_set[group.label];
    if (groups.empty()) order.push_back(group.label);
    groups.push_back(&group);
  }
  std::vector<Row> rows;
  for (const std::string& set : order) rows.push_back(row_of(set, by_set[set]));
  return rows;
}

void add_rows(TextTable& table, const std::string& name, const std::vector<Row>& rows) {
  bool first = true;
  for (const Row& row : rows) {
    const Tone tone = row.attainment.mean >= 0.99 ? Tone::good : row.attainment.mean >= 0.9 ? Tone::fair : Tone::bad;
    table.add_row({{first ? name : "", Tone::strong},
                   {row.set},
                   {with_interval(row.tail), row.diverges ? Tone::bad : Tone::plain},
                   {short_number(row.worst_tail.mean)},
                   {percent_with_interval(row.attainment), tone},
                   {with_interval(row.goodput)},
                   {with_interval(row.throughput)},
                   {with_interval(row.others)},
                   {short_number(row.jain.mean)}});
    first = false;
  }
}

bool is_variant(const Row& row, const std::string& subject) { return row.set == subject || row.set.starts_with(subject + "_"); }

// "lithos against the best of the others": in tail and goodput of all, and in throughput of those that keep the SLO.
std::string verdict(const std::string& name, const std::vector<Row>& rows, const Row& self, const std::string& subject) {
  constexpr double kKeeps = 0.99;
  const Row *tail = nullptr, *goodput = nullptr, *throughput = nullptr;
  for (const Row& row : rows) {
    if (row.set == "alone" || is_variant(row, subject)) continue;
    if (tail == nullptr || row.tail.mean < tail->tail.mean) tail = &row;
    if (goodput == nullptr || row.goodput.mean > goodput->goodput.mean) goodput = &row;
    if (row.attainment.mean >= kKeeps && (throughput == nullptr || row.throughput.mean > throughput->throughput.mean)) throughput = &row;
  }
  if (tail == nullptr) return "";
  std::string text = fmt::format("{}: {} against the best of the others: tail ×{} ({}), goodput ×{} ({})", name, self.set,
                                 short_number(self.tail.mean / tail->tail.mean), tail->set,
                                 short_number(self.goodput.mean / goodput->goodput.mean), goodput->set);
  if (throughput != nullptr)
    text += fmt::format(", throughput ×{} of those that keep the SLO ({})",
                        short_number(self.throughput.mean / throughput->throughput.mean), throughput->set);
  else text += "; none of the others keeps the SLO";
  return text + "\n";
}

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

  TextTable table;
  table.add_column("experiment", "", TextTable::Align::left);
  table.add_column("set", "", TextTable::Align::left);
  for (const char* title : {"p99 × solo", "worst", "SLO met"}) table.add_column(title, "latency-critical");
  for (const char* title : {"goodput", "throughput", "others", "Jain"}) table.add_column(title, "system, in solo shares");
  std::string verdicts;
  bool failed = false;
  std::vector<std::pair<std::string, std::vector<GroupSummary>>> all;
  for (std::size_t i = 0; i < experiments.size(); ++i) {
    for (const std::string& error : experiments[i].errors) console.err << error << "\n";
    failed |= !experiments[i].errors.empty();
    const std::string name = fs::path(files[i]).stem().string();
    const std::vector<Row> rows = rows_of(experiments[i]);
    add_rows(table, name, rows);
    for (const Row& row : rows)
      if (is_variant(row, arguments.subject)) verdicts += verdict(name, rows, row, arguments.subject);
    all.emplace_back(name, summarise(experiments[i]));
  }
  console.out << table.render(console.colour) << "\n" << verdicts
              << "Means over the cases of each experiment (p99: geometric) ± 95 % confidence interval over the seeds.\n" << std::flush;
  if (!arguments.json.empty()) {
    if (const Status written = write_output(arguments.json, to_json(all), "--json", console); !written.ok()) {
      console.err << written.message() << "\n";
      return ExitCode::failed;
    }
  }
  return failed ? ExitCode::failed : ExitCode::ok;
}

}  // namespace lithos
