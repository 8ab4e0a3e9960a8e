// SPDX-License-Identifier: Apache-2.0
#include "cli/comparison.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>

#include "cli/summary.hpp"
#include "cli/text_table.hpp"

namespace lithos {
namespace {

using Align = TextTable::Align;

const TenantReport* find_tenant(const SetReport& report, const std::string& name) {
  const auto found =
      std::find_if(report.tenants.begin(), report.tenants.end(), [&](const TenantReport& t) { return t.name == name; });
  return found == report.tenants.end() ? nullptr : &*found;
}

const SetReport* find_set(const std::vector<SetReport>& reports, const std::string& name) {
  const auto found = std::find_if(reports.begin(), reports.end(), [&](const SetReport& r) { return r.name == name; });
  return found == reports.end() ? nullptr : &*found;
}

// "1.42×" against the baseline set's p99, or nothing where there is none to compare with.
Cell ratio_cell(const TenantReport& tenant, const SetReport* baseline) {
  const TenantReport* reference = baseline ? find_tenant(*baseline, tenant.name) : nullptr;
  if (!reference || reference->latency_p99.count() <= 0 || tenant.requests == 0) return {"–", Tone::faint};
  return {short_number(to_seconds(tenant.latency_p99) / to_seconds(reference->latency_p99)) + "×"};
}

Cell slo_cell(const TenantReport& tenant) {
  constexpr double kGood = 0.99, kFair = 0.9;
  if (tenant.slo.count() == 0) return {"–", Tone::faint};
  const Tone tone = tenant.slo_attainment >= kGood   ? Tone::good
                    : tenant.slo_attainment >= kFair ? Tone::fair
                                                     : Tone::bad;
  return {short_percent(tenant.slo_attainment), tone};
}

Cell solo_cell(const TenantReport& tenant) {
  if (tenant.solo_rate_per_s <= 0) return {"–", Tone::faint};
  return {short_percent(tenant.share_of_solo)};
}

std::vector<Cell> latency_cells(const TenantReport& tenant, const SetReport* baseline) {
  if (tenant.requests == 0) return {{"–", Tone::faint}, {"–", Tone::faint}, {"–", Tone::faint}, {"–", Tone::faint}};
  return {{short_number(to_ms(tenant.latency_p50))},
          {short_number(to_ms(tenant.latency_p99))},
          ratio_cell(tenant, baseline),
          {short_number(to_ms(tenant.latency_max))}};
}

double covered_share_of_all(const SetReport& report) {
  std::uint64_t launches = 0;
  double covered = 0;
  for (const TenantReport& tenant : report.tenants) {
    const auto sum = std::accumulate(tenant.launches.begin(), tenant.launches.end(), std::uint64_t{0});
    launches += sum;
    covered += covered_share(tenant) * static_cast<double>(sum);
  }
  return launches == 0 ? 0 : covered / static_cast<double>(launches);
}

std::uint64_t atoms_of_all(const SetReport& report) {
  return std::accumulate(report.tenants.begin(), report.tenants.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const TenantReport& tenant) { return sum + tenant.atoms; });
}

// The one latency-critical tenant and its one neighbour, if that is what the configuration is about.
struct Pair {
  const TenantConfig* critical = nullptr;
  const TenantConfig* other = nullptr;
};
Pair as_pair(const Config& config) {
  Pair pair;
  if (config.tenants.empty() || config.tenants.size() > 2) return {};
  for (const TenantConfig& tenant : config.tenants)
    (tenant.tenant_class == TenantClass::latency_critical && !pair.critical ? pair.critical : pair.other) = &tenant;
  if (!pair.critical || (pair.other && pair.other->tenant_class == TenantClass::latency_critical)) return {};
  return pair;
}

std::string ratio_title(const Config& config) { return config.baseline.empty() ? "×" : "×" + config.baseline; }

TextTable one_row_per_set(const Config& config, const Pair& pair, const std::vector<SetReport>& reports) {
  TextTable table;
  const std::string critical = pair.critical->name + ": latency in ms";
  table.add_column("set", "", Align::left);
  for (const std::string& title : {std::string("p50"), std::string("p99"), ratio_title(config), std::string("max")})
    table.add_column(title, critical);
  table.add_column("SLO met", critical);
  table.add_column("done/s", critical);
  if (pair.other) {
    table.add_column("done/s", pair.other->name);
    table.add_column("of solo", pair.other->name);
  }
  for (const char* title : {"busy", "energy J", "atoms", "covered"}) table.add_column(title, "GPU");

  const SetReport* baseline = find_set(reports, config.baseline);
  for (const SetReport& report : reports) {
    std::vector<Cell> row{{report.name, Tone::strong}};
    if (const TenantReport* tenant = find_tenant(report, pair.critical->name)) {
      for (Cell& cell : latency_cells(*tenant, baseline)) row.push_back(std::move(cell));
      row.push_back(slo_cell(*tenant));
      row.push_back({short_number(tenant->throughput_per_s), diverged(*tenant) ? Tone::bad : Tone::plain});
    } else {
      row.resize(row.size() + 6);
    }
    if (pair.other) {
      const TenantReport* other = find_tenant(report, pair.other->name);
      row.push_back(other ? Cell{short_number(other->throughput_per_s)} : Cell{"–", Tone::faint});
      row.push_back(other ? solo_cell(*other) : Cell{"–", Tone::faint});
    }
    row.push_back({short_percent(report.tpc_utilisation)});
    row.push_back({short_number(report.energy_j)});
    row.push_back({short_count(atoms_of_all(report))});
    row.push_back({short_percent(covered_share_of_all(report))});
    table.add_row(std::move(row));
  }
  return table;
}

TextTable one_row_per_tenant(const Config& config, const std::vector<SetReport>& reports) {
  TextTable table;
  table.add_column("set", "", Align::left);
  table.add_column("tenant", "", Align::left);
  for (const std::string& title : {std::string("p50"), std::string("p99"), ratio_title(config), std::string("max")})
    table.add_column(title, "latency in ms");
  for (const char* title : {"SLO met", "done/s", "of solo", "TPCs", "atoms", "covered"})
    table.add_column(title, "tenant");
  for (const char* title : {"busy", "energy J"}) table.add_column(title, "GPU");

  const SetReport* baseline = find_set(reports, config.baseline);
  for (const SetReport& report : reports) {
    bool first = true;
    for (const TenantReport& tenant : report.tenants) {
      std::vector<Cell> row{{first ? report.name : "", Tone::strong}, {tenant.name}};
      for (Cell& cell : latency_cells(tenant, baseline)) row.push_back(std::move(cell));
      row.push_back(slo_cell(tenant));
      row.push_back({short_number(tenant.throughput_per_s), diverged(tenant) ? Tone::bad : Tone::plain});
      row.push_back(solo_cell(tenant));
      row.push_back({short_percent(tenant.tpc_share)});
      row.push_back({short_count(tenant.atoms)});
      row.push_back({short_percent(covered_share(tenant))});
      if (first) {
        row.push_back({short_percent(report.tpc_utilisation)});
        row.push_back({short_number(report.energy_j)});
      }
      table.add_row(std::move(row));
      first = false;
    }
  }
  return table;
}

std::string describe_arrivals(const ArrivalConfig& arrivals) {
  switch (arrivals.kind) {
    case ArrivalKind::closed_loop: return "closed loop";
    case ArrivalKind::poisson: return fmt::format("Poisson {:g}/s", arrivals.rate_per_s);
    case ArrivalKind::file: return "arrivals from " + std::filesystem::path(arrivals.path).filename().string();
    case ArrivalKind::bursts:
      return fmt::format("bursts of {:g}/s, {} on, {} off", arrivals.rate_per_s, format_duration(arrivals.burst_length),
                         format_duration(arrivals.burst_gap));
  }
  return "";
}

std::string describe_tenant(const TenantConfig& tenant) {
  return fmt::format("{}: {} {}, {}{}", tenant.name, std::filesystem::path(tenant.trace).stem().string(),
                     tenant.mode == LaunchMode::graph ? "as a graph" : "eager", describe_arrivals(tenant.arrivals),
                     tenant.slo.count() > 0 ? ", SLO " + format_duration(tenant.slo) : "");
}

}  // namespace

double covered_share(const TenantReport& tenant) {
  const auto of = [&](Coverage coverage) { return tenant.launches[static_cast<std::size_t>(coverage)]; };
  const auto all = std::accumulate(tenant.launches.begin(), tenant.launches.end(), std::uint64_t{0});
  if (all == 0) return 0;
  const std::uint64_t left_alone = of(Coverage::unmasked) + of(Coverage::bypassed) + of(Coverage::driver_internal);
  return static_cast<double>(all - left_alone) / static_cast<double>(all);
}

std::string short_number(double value) {
  if (!std::isfinite(value)) return "–";
  const double magnitude = std::abs(value);
  // The limits are where rounding would add a digit: 9.996 is "10.0".
  return fmt::format("{:.{}f}", value, magnitude < 9.995 ? 2 : magnitude < 99.95 ? 1 : 0);
}

std::string short_count(std::uint64_t count) {
  if (count < 10'000) return fmt::format("{}", count);
  const auto value = static_cast<double>(count);
  if (value < 999.5e3) return short_number(value / 1e3) + "k";
  if (value < 999.5e6) return short_number(value / 1e6) + "M";
  return short_number(value / 1e9) + "G";
}

std::string short_percent(double share) {
  if (!std::isfinite(share)) return "–";
  const double percent = share * 100;
  if (percent == 0 || percent == 100) return fmt::format("{:.0f}%", percent);
  // Near 100 % the digits that count are those after the nines; never round a miss away.
  if (percent > 99 && percent < 100) return fmt::format("{:.2f}%", std::floor(percent * 100) / 100);
  return fmt::format("{:.{}f}%", percent, percent < 9.95 ? 1 : 0);
}

std::string render_comparison(const Config& config, const std::vector<SetReport>& reports, bool colour) {
  std::string text = styled("lithos sim", Tone::strong, colour);
  if (!reports.empty())
    text += fmt::format("  {}  ·  {}  ·  {:g} s measured, seed {}", config.file, config.gpu,
                        reports.front().simulated_s, reports.front().seed);
  text += "\n";
  for (const TenantConfig& tenant : config.tenants) text += "  " + describe_tenant(tenant) + "\n";
  text += "\n";

  const Pair pair = as_pair(config);
  const TextTable table = pair.critical ? one_row_per_set(config, pair, reports) : one_row_per_tenant(config, reports);
  text += table.render(colour) + "\n";

  std::string legend;
  if (!config.baseline.empty()) legend += fmt::format("×{0}: p99 against set {0}.  ", config.baseline);
  legend +=
      "of solo: rate against the tenant alone on the whole GPU.\n"
      "busy: TPC time with work on it.  covered: launches that ran where a policy put them, not the hardware.";
  return text + styled(legend, Tone::faint, colour) + "\n";
}

std::string render_notes(const std::vector<SetReport>& reports, bool colour) {
  std::string text;
  const auto note = [&](const std::string& set, const std::string& line) {
    text += styled("note", Tone::fair, colour) + fmt::format(": {}: {}\n", set, line);
  };
  for (const SetReport& report : reports) {
    for (const std::string& warning : report.warnings) note(report.name, warning);
    for (const PolicyFaultCount& fault : report.faults)
      note(report.name, fmt::format("the {} was corrected {} times: {}{}", fault.kind, fault.count, fault.reason,
                                    fault.last_message.empty() ? "" : " (" + fault.last_message + ")"));
  }
  return text;
}

}  // namespace lithos
