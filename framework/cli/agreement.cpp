// SPDX-License-Identifier: Apache-2.0
#include "cli/agreement.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/colocate/ways.hpp"
#include "cli/comparison.hpp"
#include "cli/text_table.hpp"
#include "daemon/json.hpp"

namespace lithos {
namespace {

struct Tally {
  unsigned figures = 0, off = 0;
};

// "3.88", "3.97", "−2 %"; dashes where one of the two is not known.
void add_cells(std::vector<Cell>& row, double simulated, double measured, double allowed, Tally& tally) {
  if (simulated <= 0 || measured <= 0) {
    row.insert(row.end(), 3, Cell{"–", Tone::faint});
    return;
  }
  const double off = simulated / measured - 1;
  const bool good = std::abs(off) <= allowed;
  ++tally.figures;
  tally.off += good ? 0 : 1;
  row.push_back({short_number(simulated)});
  row.push_back({short_number(measured)});
  row.push_back({fmt::format("{:+.0f}%{}", 100 * off, good ? "" : " !"), good ? Tone::plain : Tone::bad});
}

const MeasuredTenant* find(const std::vector<MeasuredTenant>& measured, const std::string& way, const std::string& tenant, double rate) {
  const auto found = std::find_if(measured.begin(), measured.end(), [&](const MeasuredTenant& one) {
    return one.way == way && one.tenant == tenant && (one.rate_per_s == 0 || std::abs(one.rate_per_s - rate) < 1e-6 * rate);
  });
  return found == measured.end() ? nullptr : &*found;
}

}  // namespace

Result<std::vector<MeasuredTenant>> read_measured(const std::string& result_json) {
  const Result<Json> result = Json::parse(result_json);
  if (!result.ok()) return result.status();
  if (result.value().text_of("experiment") != "colocate") return invalid_argument("not what lithos bench colocate wrote");
  std::vector<MeasuredTenant> all;
  for (const Json& row : result.value()["rows"].items_or_none()) {
    if (row.members() == nullptr || !row["error"].is_null()) continue;
    for (const auto& [name, tenant] : *row.members()) {
      if (!tenant.is_object() || (tenant["latency_ms"].is_null() && tenant["per_s"].is_null())) continue;
      MeasuredTenant& one = all.emplace_back();
      one.way = row.text_of("way"), one.tenant = name;
      one.rate_per_s = row.number_of("rate");
      one.service_p50_ms = tenant["service_ms"].number_of("p50");
      one.p50_ms = tenant["latency_ms"].number_of("p50"), one.p99_ms = tenant["latency_ms"].number_of("p99");
      one.per_s = tenant["per_s"].is_null() ? tenant.number_of("done_per_s") : tenant.number_of("per_s");
    }
  }
  return all;
}

std::string render_agreement(const Config& config, const std::vector<SetReport>& reports, const std::vector<MeasuredTenant>& measured, bool colour) {
  TextTable table;
  table.add_column("set", "", TextTable::Align::left);
  table.add_column("tenant", "", TextTable::Align::left);
  for (const char* const group : {"service p50 ms", "p50 ms", "p99 ms", "done/s"})
    for (const char* const title : {"sim", "GPU", "off"}) table.add_column(title, group);
  const TenantConfig* const leader = leader_of(config);
  const double rate = leader == nullptr ? 0 : leader->arrivals.rate_per_s;
  Tally tally;
  unsigned rows = 0;
  for (const SetReport& report : reports)
    for (const TenantReport& tenant : report.tenants) {
      const MeasuredTenant* const there = find(measured, report.name, tenant.name, rate);
      if (there == nullptr) continue;
      ++rows;
      std::vector<Cell> row{{report.name, Tone::strong}, {tenant.name}};
      add_cells(row, tenant.open_loop ? to_ms(tenant.service_p50) : 0, there->service_p50_ms, kAgreement, tally);
      add_cells(row, tenant.open_loop ? to_ms(tenant.latency_p50) : 0, there->p50_ms, kAgreement, tally);
      add_cells(row, tenant.open_loop ? to_ms(tenant.latency_p99) : 0, there->p99_ms, kAgreementOfTail, tally);
      add_cells(row, tenant.throughput_per_s, there->per_s, kAgreement, tally);
      table.add_row(std::move(row));
    }
  if (rows == 0) return fmt::format("\nnothing to compare: no set of that name was measured at {}/s\n", short_number(rate));
  return fmt::format("\nagainst the GPU\n{}\n{} of {} figures off by more than {:.0f} % ({:.0f} % of p99): !\n", table.render(colour), tally.off,
                     tally.figures, 100 * kAgreement, 100 * kAgreementOfTail);
}

}  // namespace lithos
