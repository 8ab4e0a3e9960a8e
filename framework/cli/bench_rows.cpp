// SPDX-License-Identifier: Apache-2.0
#include "cli/bench_rows.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "cli/comparison.hpp"
#include "cli/summary.hpp"
#include "cli/text_table.hpp"
#include "sim/throughput_bound.hpp"

namespace lithos {
namespace {

// What one seed of one set adds up to over the cases.
struct PerSeed {
  double log_tail = 0, worst_tail = 0, attainment = 0, goodput = 0, throughput = 0, others = 0, jain = 0;
  std::size_t cases = 0;
};

double attainment_of(const SetReport& run) {
  double met = 1;
  for (const TenantReport& tenant : run.tenants)
    if (tenant.tenant_class == TenantClass::latency_critical) met = std::min(met, tenant.slo_attainment);
  return met;
}

void add(PerSeed& seed, const SetReport& run) {
  double tail = 1, rest = 0;
  for (const TenantReport& tenant : run.tenants) {
    if (tenant.tenant_class != TenantClass::latency_critical) { rest += tenant.share_of_solo; continue; }
    if (tenant.solo_p99.count() > 0) tail = std::max(tail == 1 ? 0.0 : tail, to_seconds(tenant.latency_p99) / to_seconds(tenant.solo_p99));
  }
  seed.log_tail += std::log(std::max(tail, 1e-9));
  seed.worst_tail = std::max(seed.worst_tail, tail);
  seed.attainment += attainment_of(run);
  seed.goodput += system_goodput(run);
  seed.throughput += system_throughput(run);
  seed.others += rest;
  seed.jain += jain_of(run);
  ++seed.cases;
}

BenchRow::Case case_of(const RunGroup& group) {
  BenchRow::Case one{group.case_name, 0, 0};
  for (const SetReport& run : group.runs) {
    one.attainment += attainment_of(run) / static_cast<double>(group.runs.size());
    one.goodput += system_goodput(run) / static_cast<double>(group.runs.size());
  }
  return one;
}

BenchRow row_of(const std::string& set, const std::vector<const RunGroup*>& groups) {
  BenchRow row;
  row.set = set;
  std::vector<PerSeed> seeds(groups.front()->runs.size());
  for (const RunGroup* group : groups) {
    row.cases.push_back(case_of(*group));
    for (std::size_t s = 0; s < seeds.size() && s < group->runs.size(); ++s) {
      add(seeds[s], group->runs[s]);
      for (const TenantReport& tenant : group->runs[s].tenants) row.diverges |= diverged(tenant);
    }
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

// Of one point, at each seed; empty where no set runs all of its tenants.
std::vector<double> bounds_at(const LoadedConfig& loaded, std::size_t point, const std::vector<RunGroup>& groups) {
  const Config& config = loaded.points[point].config;
  const SimInputs& inputs = *loaded.inputs[point];
  std::vector<double> bounds;
  for (const RunGroup& group : groups) {
    if (group.point != point || group.runs.front().tenants.size() != config.tenants.size()) continue;
    for (const SetReport& run : group.runs) {
      std::vector<BoundTenant> tenants;
      for (std::size_t i = 0; i < run.tenants.size(); ++i)
        tenants.push_back({inputs.programs[i].get(), run.tenants[i].solo_rate_per_s,
                           run.tenants[i].tenant_class == TenantClass::latency_critical});
      bounds.push_back(throughput_bound(tenants, inputs.gpu.tpcs));
    }
    break;
  }
  return bounds;
}

Estimate bound_of(const LoadedConfig& loaded, const Experiment& experiment) {
  std::vector<double> sums;
  double cases = 0;
  for (std::size_t point = 0; point < loaded.points.size(); ++point) {
    const std::vector<double> bounds = bounds_at(loaded, point, experiment.groups);
    if (bounds.empty()) continue;
    sums.resize(bounds.size(), 0.0);
    for (std::size_t s = 0; s < std::min(sums.size(), bounds.size()); ++s) sums[s] += bounds[s];
    ++cases;
  }
  for (double& sum : sums) sum /= cases;
  return sums.empty() ? Estimate{} : estimate(sums);
}

void add_rows(TextTable& table, const BenchFile& file) {
  bool first = true;
  for (const BenchRow& row : file.rows) {
    const Tone tone = row.attainment.mean >= kKeepsSlo ? Tone::good : row.attainment.mean >= 0.9 ? Tone::fair : Tone::bad;
    table.add_row({{first ? file.name : "", Tone::strong},
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
  if (file.bound.runs > 0) table.add_row({{}, {"(bound)", Tone::faint}, {}, {}, {}, {}, {with_interval(file.bound), Tone::faint}});
}

}  // namespace

BenchFile bench_file(const std::string& name, const LoadedConfig& loaded, const Experiment& experiment) {
  BenchFile file;
  file.name = name;
  std::vector<std::string> order;
  std::map<std::string, std::vector<const RunGroup*>> by_set;
  for (const RunGroup& group : experiment.groups) {
    auto& groups = by_set[group.label];
    if (groups.empty()) order.push_back(group.label);
    groups.push_back(&group);
  }
  for (const std::string& set : order) file.rows.push_back(row_of(set, by_set[set]));
  file.bound = bound_of(loaded, experiment);
  return file;
}

std::string render_bench(const std::vector<BenchFile>& files, bool colour) {
  TextTable table;
  table.add_column("experiment", "", TextTable::Align::left);
  table.add_column("set", "", TextTable::Align::left);
  for (const char* title : {"p99 × solo", "worst", "SLO met"}) table.add_column(title, "latency-critical");
  for (const char* title : {"goodput", "throughput", "others", "Jain"}) table.add_column(title, "system, in solo shares");
  for (const BenchFile& file : files) add_rows(table, file);
  return table.render(colour) +
         "\nMeans over the cases of each experiment (p99: geometric) ± 95 % confidence interval over the seeds.\n"
         "(bound): what no scheduler can pass, every kernel at its cheapest size and nothing in anybody's way.\n";
}

}  // namespace lithos
