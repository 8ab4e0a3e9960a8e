// SPDX-License-Identifier: Apache-2.0
// lithos bench predict: how well each predictor knows recorded kernels on TPC counts that it has not seen.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>

#include "cli/commands.hpp"
#include "cli/comparison.hpp"
#include "cli/installation.hpp"
#include "cli/predict_study.hpp"
#include "cli/report_json_models.hpp"
#include "cli/text_table.hpp"
#include "engine/gpu_info.hpp"
#include "policy_host/catalog.hpp"
#include "policy_host/search_path.hpp"

namespace lithos {
namespace {

const std::vector<std::string> kChoices{"66,40,8", "66,40,16", "66,40,24", "66,16", "66"};

Result<std::vector<std::uint32_t>> parse_counts(const std::string& text) {
  std::vector<std::uint32_t> counts;
  const char *at = text.data(), *end = at + text.size();
  while (at < end) {
    std::uint32_t count = 0;
    const auto [next, error] = std::from_chars(at, end, count);
    if (error != std::errc{} || count == 0 || (next < end && *next != ',')) break;
    counts.push_back(count);
    at = next < end ? next + 1 : next;
  }
  if (at != end || counts.empty())
    return invalid_argument(fmt::format("--seen {}: expected TPC counts, for example 66,40,8", text));
  return counts;
}

std::vector<std::string> predictors(const BenchPredictArguments& arguments, PolicyCatalog& catalog) {
  if (!arguments.policies.empty()) return arguments.policies;
  std::vector<std::string> ids;
  for (const FoundPolicy& found : catalog.list())
    if (found.policy->kind == LITHOS_KIND_PREDICTOR && found.library != nullptr) ids.push_back(found.policy->id);
  std::sort(ids.begin(), ids.end());
  return ids;
}

Result<PredictResult> examine(const std::string& id, const PredictOptions& options, const ModelTraces& traces,
                              PolicyCatalog& catalog) {
  PredictResult result{id, options, {}};
  const lithos_gpu_info gpu = gpu_info(traces.inputs->gpu, 1);
  for (const ModelTrace& trace : traces.traces) {
    PolicySetConfig set;
    set.predictor.id = id;
    CreatedPolicySet created = PolicySet::create(set, catalog, gpu);
    if (created.set == nullptr) return invalid_argument(join_messages(created.diagnostics));
    result.policy = created.set->description(PolicyKind::predictor).id;
    result.traces.push_back(
        {trace.name, trace.latency_critical, score_predictor(trace, traces.inputs->gpu, *created.set, options)});
  }
  return result;
}

struct Pooled {
  std::vector<PredictScore> by_count;
  PredictScore critical, best_effort;
  double worst = 0;  // of all traces and counts with 1 ms of long operators or more
};

Pooled pool(const PredictResult& result) {
  Pooled out;
  for (const PredictResult::OfTrace& trace : result.traces)
    for (const PredictScore& score : trace.scores) {
      auto at = std::find_if(out.by_count.begin(), out.by_count.end(),
                             [&](const PredictScore& s) { return s.tpcs == score.tpcs; });
      if (at == out.by_count.end()) {
        out.by_count.emplace_back().tpcs = score.tpcs;
        at = out.by_count.end() - 1;
      }
      at->add(score);
      (trace.latency_critical ? out.critical : out.best_effort).add(score);
      if (score.long_ns >= 1e6) out.worst = std::max(out.worst, score.long_error());
    }
  return out;
}

void add_row(TextTable& table, const std::string& name, const std::string& seen, const Pooled& pooled) {
  std::vector<Cell> cells{{name, Tone::strong}, {seen}};
  for (const PredictScore& score : pooled.by_count)
    cells.push_back({short_percent(score.long_error()), score.long_error() <= 0.05 ? Tone::good : Tone::plain});
  cells.push_back({short_percent(pooled.worst)});
  cells.push_back({short_percent(pooled.critical.mispredicted_share()),
                   pooled.critical.mispredicted_share() <= 0.009 ? Tone::good : Tone::plain});
  cells.push_back({short_percent(pooled.best_effort.mispredicted_share()),
                   pooled.best_effort.mispredicted_share() <= 0.11 ? Tone::good : Tone::plain});
  PredictScore all = pooled.critical;
  all.add(pooled.best_effort);
  cells.push_back({short_percent(all.above_p99_share())});
  table.add_row(std::move(cells));
}

std::string render(const std::vector<PredictResult>& results, bool colour) {
  TextTable table;
  table.add_column("predictor", "", TextTable::Align::left);
  table.add_column("seen on", "", TextTable::Align::left);
  for (const PredictScore& score : pool(results.front()).by_count)
    table.add_column(fmt::format("{}", score.tpcs), "error on TPCs");
  table.add_column("worst", "error on TPCs");
  for (const char* title : {"critical", "best effort"}) table.add_column(title, "wrong");
  table.add_column("> p99");
  for (const PredictResult& result : results)
    add_row(table, std::string(last_part_of_id(result.policy)),
            fmt::format("{}", fmt::join(result.options.seen_tpcs, ",")), pool(result));
  return table.render(colour);
}

}  // namespace

ExitCode run_bench_predict(const BenchPredictArguments& arguments, Console& console) {
  const ModelTraces traces = load_model_traces(arguments.traces.empty() ? shared_file("traces") : arguments.traces);
  if (traces.inputs == nullptr) {
    console.err << join_messages(traces.diagnostics) << "\n";
    return ExitCode::bad_input;
  }
  PolicyCatalog catalog(policy_folders(Config{}, arguments.policy_path));
  std::vector<PredictResult> results;
  for (const std::string& seen : arguments.seen.empty() ? kChoices : arguments.seen) {
    const auto counts = parse_counts(seen);
    if (!counts.ok()) {
      console.err << counts.status().message() << "\n";
      return ExitCode::usage;
    }
    for (const std::string& id : predictors(arguments, catalog)) {
      Result<PredictResult> result =
          examine(id, {counts.value(), arguments.passes, arguments.ordinals}, traces, catalog);
      if (!result.ok()) {
        console.err << result.status().message() << "\n";
        return ExitCode::bad_input;
      }
      results.push_back(std::move(result).value());
    }
  }
  if (results.empty()) {
    console.err << "no predictor found\n";
    return ExitCode::bad_input;
  }
  console.out << render(results, console.colour)
              << "error: time-weighted, of p50, operators of 20us and more, all traces together; worst: of one trace "
                 "on one count.\n"
                 "wrong: launches off by more than max(50us, 10 %). > p99: launches longer than predicted p99.\n"
              << std::flush;
  if (arguments.json.empty()) return ExitCode::ok;
  std::ofstream file(arguments.json, std::ios::binary | std::ios::trunc);
  file << to_json(results) << std::flush;
  if (!file) console.err << fmt::format("--json {}: could not be written\n", arguments.json);
  return file ? ExitCode::ok : ExitCode::failed;
}

}  // namespace lithos
