// SPDX-License-Identifier: Apache-2.0
#include "cli/summary.hpp"

#include <fmt/format.h>

#include <cmath>

#include "cli/comparison.hpp"
#include "cli/text_table.hpp"

namespace lithos {
namespace {

using Align = TextTable::Align;

// The estimate of one number per run.
template <class Of>
Estimate over_runs(const RunGroup& group, Of&& of) {
  std::vector<double> values;
  for (const SetReport& run : group.runs) values.push_back(of(run));
  return estimate(values);
}

TenantSummary summarise_tenant(const RunGroup& group, std::size_t index) {
  const TenantReport& first = group.runs.front().tenants[index];
  TenantSummary summary;
  summary.name = first.name;
  summary.tenant_class = first.tenant_class;
  summary.slo = first.slo;
  const auto over = [&](auto&& of) { return over_runs(group, [&](const SetReport& run) { return of(run.tenants[index]); }); };
  for (const SetReport& run : group.runs) summary.diverges |= diverged(run.tenants[index]);
  summary.p50_ms = over([](const TenantReport& t) { return to_ms(t.latency_p50); });
  summary.p99_ms = over([](const TenantReport& t) { return to_ms(t.latency_p99); });
  summary.p99_of_solo = over([](const TenantReport& t) {
    return t.solo_p99.count() > 0 ? to_seconds(t.latency_p99) / to_seconds(t.solo_p99) : 0.0;
  });
  summary.slo_attainment = over([](const TenantReport& t) { return t.slo_attainment; });
  summary.goodput_per_s = over([](const TenantReport& t) { return goodput_per_s(t); });
  summary.throughput_per_s = over([](const TenantReport& t) { return t.throughput_per_s; });
  summary.share_of_solo = over([](const TenantReport& t) { return t.share_of_solo; });
  return summary;
}

Tone tone_of(const TenantSummary& tenant) {
  if (tenant.slo.count() == 0) return Tone::plain;
  return tenant.slo_attainment.mean >= 0.99 ? Tone::good : tenant.slo_attainment.mean >= 0.9 ? Tone::fair : Tone::bad;
}

std::vector<Cell> tenant_cells(const TenantSummary& tenant) {
  const Cell none{"–", Tone::faint};
  const bool slo = tenant.slo.count() > 0;
  return {{tenant.name},
          {with_interval(tenant.p99_ms), tenant.diverges ? Tone::bad : Tone::plain},
          tenant.p99_of_solo.mean > 0 ? Cell{with_interval(tenant.p99_of_solo)} : none,
          slo ? Cell{percent_with_interval(tenant.slo_attainment), tone_of(tenant)} : none,
          {with_interval(tenant.goodput_per_s)},
          {percent_with_interval(tenant.share_of_solo)}};
}

std::string seeds_text(const std::vector<GroupSummary>& summaries) {
  if (summaries.empty()) return "";
  const auto& runs = summaries.front().group->runs;
  return runs.size() == 1 ? fmt::format("seed {}", runs.front().seed)
                          : fmt::format("{} seeds from {}", runs.size(), runs.front().seed);
}

}  // namespace

bool diverged(const TenantReport& tenant) {
  constexpr double kShareLeft = 0.05;
  return tenant.open_loop && static_cast<double>(tenant.unfinished) > kShareLeft * static_cast<double>(tenant.arrivals);
}

double goodput_per_s(const TenantReport& tenant) { return tenant.throughput_per_s * tenant.slo_attainment; }

double system_throughput(const SetReport& report) {
  double sum = 0;
  for (const TenantReport& tenant : report.tenants) sum += tenant.share_of_solo;
  return sum;
}

double system_goodput(const SetReport& report) {
  double sum = 0;
  for (const TenantReport& tenant : report.tenants) sum += tenant.share_of_solo * tenant.slo_attainment;
  return sum;
}

double jain_of(const SetReport& report) {
  std::vector<double> shares;
  for (const TenantReport& tenant : report.tenants) shares.push_back(tenant.share_of_solo);
  return jain_index(shares);
}

GroupSummary summarise(const RunGroup& group) {
  GroupSummary summary;
  summary.group = &group;
  for (std::size_t i = 0; i < group.runs.front().tenants.size(); ++i) summary.tenants.push_back(summarise_tenant(group, i));
  summary.throughput = over_runs(group, system_throughput);
  summary.goodput = over_runs(group, system_goodput);
  summary.jain = over_runs(group, jain_of);
  summary.utilisation = over_runs(group, [](const SetReport& run) { return run.tpc_utilisation; });
  summary.energy_j = over_runs(group, [](const SetReport& run) { return run.energy_j; });
  return summary;
}

std::vector<GroupSummary> summarise(const Experiment& experiment) {
  std::vector<GroupSummary> summaries;
  for (const RunGroup& group : experiment.groups) summaries.push_back(summarise(group));
  return summaries;
}

std::string with_interval(const Estimate& estimate) {
  const std::string mean = short_number(estimate.mean);
  return estimate.runs < 2 ? mean : fmt::format("{} ± {}", mean, short_number(estimate.half_width));
}

std::string percent_with_interval(const Estimate& estimate) {
  if (estimate.runs < 2) return short_percent(estimate.mean);
  return fmt::format("{:.1f} ± {:.1f}%", estimate.mean * 100, estimate.half_width * 100);
}

std::string render_summary(const Config& config, const std::vector<GroupSummary>& summaries, bool colour) {
  std::string text = styled("lithos sim", Tone::strong, colour);
  if (!summaries.empty())
    text += fmt::format("  {}  ·  {}  ·  {:g} s measured, {}", config.file, config.gpu, summaries.front().group->runs.front().simulated_s,
                        seeds_text(summaries));
  text += "\n\n";
  TextTable table;
  table.add_column("set", "", Align::left);
  table.add_column("tenant", "", Align::left);
  for (const char* title : {"p99 ms", "× solo", "SLO met", "goodput/s", "of solo"}) table.add_column(title, "tenant");
  for (const char* title : {"system", "goodput", "Jain"}) table.add_column(title, "all");
  std::string case_name;
  for (const GroupSummary& summary : summaries) {
    if (summary.group->case_name != case_name) {
      case_name = summary.group->case_name;
      table.add_row({{case_name + ":", Tone::faint}});
    }
    bool first = true;
    for (const TenantSummary& tenant : summary.tenants) {
      std::vector<Cell> row{{first ? summary.group->label : "", Tone::strong}};
      for (Cell& cell : tenant_cells(tenant)) row.push_back(std::move(cell));
      if (first)
        for (const Estimate* one : {&summary.throughput, &summary.goodput, &summary.jain}) row.push_back({with_interval(*one)});
      table.add_row(std::move(row));
      first = false;
    }
  }
  text += table.render(colour) + "\n";
  return text + styled("Mean ± 95 % confidence interval (Student's t) over the seeds.  × solo: p99 against the tenant alone on the whole GPU.\n"
                       "of solo: rate against that.  goodput: done within the SLO.  system: shares of solo added up; Jain: fairness of them.",
                       Tone::faint, colour) + "\n";
}

}  // namespace lithos
