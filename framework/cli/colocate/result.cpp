// SPDX-License-Identifier: Apache-2.0
#include "cli/colocate/result.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/comparison.hpp"
#include "cli/text_table.hpp"

namespace lithos {
namespace {

constexpr double kSloOfSoloP50 = 3;  // where the configuration states none
constexpr double kMetGood = 0.99, kMetFair = 0.9;

double to_four_places(double value) { return std::round(value * 1e4) / 1e4; }

Json quantiles(const std::vector<std::int64_t>& values) {
  Json json = Json::object();
  json.set("n", static_cast<std::uint64_t>(values.size()));
  if (values.empty()) return json;
  for (const auto& [name, share] : {std::pair{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"max", 1.0}})
    json.set(name, to_four_places(percentile_ms(values, share)));
  return json;
}

struct SloMet {
  double share = 0, goodput_per_s = 0;
};
SloMet met(const TenantRow& tenant, double slo) {
  const auto n = static_cast<double>(std::count_if(tenant.latency_ns.begin(), tenant.latency_ns.end(),
                                                   [&](std::int64_t ns) { return static_cast<double>(ns) * 1e-6 <= slo; }));
  return {n / static_cast<double>(std::max<std::uint64_t>(tenant.arrivals, 1)), n / tenant.seconds};
}

// A closed loop's rate against its own alone. Empty: not measured (yet).
std::optional<double> of_solo(const ColocateResult& result, const TenantRow& tenant) {
  const TenantRow* alone = solo(result, tenant.name);
  return alone != nullptr && alone->per_s() > 0 ? std::optional(tenant.per_s() / alone->per_s()) : std::nullopt;
}

// The work of all: each tenant's rate as a share of what it does alone; of the leader only what meets its objective. 0: not known.
double together(const ColocateResult& result, const Row& row) {
  double sum = 0;
  for (const TenantRow& tenant : row.tenants) {
    if (tenant.name == result.leader) {
      const double slo = slo_ms(result, row.rate);
      if (slo <= 0 || tenant.arrivals == 0) return 0;
      sum += met(tenant, slo).share;
    } else if (const std::optional<double> share = of_solo(result, tenant)) {
      sum += *share;
    } else {
      return 0;
    }
  }
  return sum;
}

Json open_loop_json(const ColocateResult& result, const Row& row, const TenantRow& tenant) {
  Json json = Json::object();
  if (tenant.name == result.leader) json.set("rate", row.rate);
  json.set("arrivals", tenant.arrivals).set("done", tenant.done).set("done_per_s", to_four_places(tenant.per_s()));
  json.set("latency_ms", quantiles(tenant.latency_ns)).set("service_ms", quantiles(tenant.service_ns));
  const double slo = tenant.name == result.leader ? slo_ms(result, row.rate) : 0;
  if (slo > 0) {
    const SloMet good = met(tenant, slo);
    json.set("slo_ms", to_four_places(slo)).set("slo_met", to_four_places(good.share)).set("goodput_per_s", to_four_places(good.goodput_per_s));
  }
  const TenantRow* alone = tenant.name == result.leader ? leader_alone(result, row.rate) : nullptr;
  if (alone != nullptr && !tenant.latency_ns.empty())
    for (const auto& [name, share] : {std::pair{"p50_of_alone", 0.5}, {"p99_of_alone", 0.99}})
      json.set(name, to_four_places(percentile_ms(tenant.latency_ns, share) / percentile_ms(alone->latency_ns, share)));
  return json;
}

Json closed_loop_json(const ColocateResult& result, const TenantRow& tenant) {
  Json json = Json::object();
  json.set("iterations", tenant.done).set("per_s", to_four_places(tenant.per_s())).set("iteration_ms", quantiles(tenant.service_ns));
  if (const std::optional<double> share = of_solo(result, tenant)) json.set("of_solo", to_four_places(*share));
  return json;
}

Json row_json(const ColocateResult& result, const Row& row) {
  Json json = Json::object();
  json.set("way", row.way);
  if (row.rate > 0) json.set("rate", row.rate);
  if (!row.how.empty()) json.set("set_was", row.how);
  if (!row.failed.empty()) return json.set("error", row.failed);
  for (const TenantRow& tenant : row.tenants) {
    Json one = tenant.open_loop ? open_loop_json(result, row, tenant) : closed_loop_json(result, tenant);
    if (!tenant.checksum.empty()) one.set("checksum", tenant.checksum);
    json.set(tenant.name, one);
  }
  if (const double sum = together(result, row); sum > 0) json.set("together", to_four_places(sum));
  return row.lithosd.is_object() ? json.set("lithosd", row.lithosd) : json;
}

Json anchor_json(const ColocateResult& result) {
  Json anchor = Json::object(), rates = Json::array(), solos = Json::object();
  for (const Row& row : result.rows) {
    if (row.way != "alone" || !row.failed.empty()) continue;
    const TenantRow& alone = *row.of(result.leader);
    Json one = Json::object();
    rates.add(one.set("rate", row.rate).set("p50_ms", to_four_places(percentile_ms(alone.latency_ns, 0.5)))
                  .set("p99_ms", to_four_places(percentile_ms(alone.latency_ns, 0.99))).set("service_p50_ms", to_four_places(percentile_ms(alone.service_ns, 0.5)))
                  .set("slo_ms", to_four_places(slo_ms(result, row.rate))));
  }
  for (const auto& [tenant, model] : result.models)
    if (const TenantRow* alone = solo(result, tenant)) solos.set(tenant, to_four_places(alone->per_s()));
  return anchor.set("alone", rates).set("solo_per_s", solos);
}

Json swaps_json(const ColocateResult& result, const SwapResult& swaps) {
  const TenantRow &with = *swaps.with.of(result.leader), &without = *swaps.without.of(result.leader);
  Json json = Json::object(), failures = Json::array(), sums = Json::object(), interval = Json::array();
  for (const std::string& failure : swaps.failures) failures.add(failure);
  for (const TenantRow& tenant : swaps.with.tenants)
    if (!tenant.checksum.empty()) sums.set(tenant.name, tenant.checksum == swaps.without.of(tenant.name)->checksum);
  json.set("set", swaps.set).set("rate", swaps.rate).set("done", swaps.done).set("failures", failures);
  json.set("same_processes", swaps.same_processes).set("checksums_equal", sums);
  json.set("lost_with", with.arrivals - with.done).set("lost_without", without.arrivals - without.done);
  const auto spread = [](const std::vector<double>& values) {
    Json one = Json::object();
    if (values.empty()) return one;
    std::vector<double> sorted = values;
    std::sort(sorted.begin(), sorted.end());
    return one.set("p50", to_four_places(sorted[sorted.size() / 2])).set("max", to_four_places(sorted.back()));
  };
  json.set("pause_us", spread(swaps.pause_us)).set("answered_after_ms", spread(swaps.whole_ms));
  interval.add(to_four_places(swaps.p99.low));
  interval.add(to_four_places(swaps.p99.high));
  json.set("p99_difference_ms", to_four_places(swaps.p99.mean));
  json.set("p99_difference_95_ms", swaps.p99.has_interval ? interval : Json());
  return json.set("without", row_json(result, swaps.without)).set("with", row_json(result, swaps.with));
}

// ---- the table -------------------------------------------------------------------------------------------

std::vector<Cell> leader_cells(const ColocateResult& result, const Row& row) {
  const TenantRow* tenant = row.of(result.leader);
  if (tenant == nullptr || tenant->latency_ns.empty()) return {{}, {}, {}, {}, {}, {}, {}};
  const double p50 = percentile_ms(tenant->latency_ns, 0.5), p99 = percentile_ms(tenant->latency_ns, 0.99), slo = slo_ms(result, row.rate);
  const TenantRow* alone = leader_alone(result, row.rate);
  std::vector<Cell> cells{{short_number(p50)}, {short_number(p99)},
                          {alone != nullptr ? fmt::format("{:.2f}×", p99 / percentile_ms(alone->latency_ns, 0.99)) : ""},
                          {short_number(percentile_ms(tenant->latency_ns, 1))}, {short_number(percentile_ms(tenant->service_ns, 0.5))}};
  if (slo <= 0) return cells;
  const SloMet good = met(*tenant, slo);
  cells.push_back({short_percent(good.share), good.share >= kMetGood ? Tone::good : good.share >= kMetFair ? Tone::fair : Tone::bad});
  cells.push_back({short_number(good.goodput_per_s)});
  return cells;
}

std::vector<std::string> closed_loops(const ColocateResult& result) {
  std::vector<std::string> names;
  for (const Row& row : result.rows)
    for (const TenantRow& tenant : row.tenants)
      if (!tenant.open_loop && std::find(names.begin(), names.end(), tenant.name) == names.end()) names.push_back(tenant.name);
  return names;
}

std::string swaps_sentence(const ColocateResult& result, const SwapResult& swaps) {
  const TenantRow &with = *swaps.with.of(result.leader), &without = *swaps.without.of(result.leader);
  const std::string interval = swaps.p99.has_interval ? fmt::format("95 %: {:+.3f} … {:+.3f}", swaps.p99.low, swaps.p99.high) : "too few requests for an interval";
  return fmt::format("\n{} exchanges of {}'s scheduler while serving: {} failed; requests lost {} (without: {}); p99 {:+.3f} ms ({}).\n",
                     swaps.done, swaps.set, swaps.failures.size(), with.arrivals - with.done, without.arrivals - without.done,
                     swaps.p99.mean, interval);
}

}  // namespace

double percentile_ms(std::vector<std::int64_t> values, double share) {
  if (values.empty()) return 0;
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(std::clamp<std::size_t>(rank, 1, values.size()) - 1);
  std::nth_element(values.begin(), at, values.end());
  return static_cast<double>(*at) * 1e-6;
}

const TenantRow* leader_alone(const ColocateResult& result, double rate) {
  for (const Row& row : result.rows)
    if (row.way == "alone" && row.rate == rate && row.failed.empty()) {
      const TenantRow* alone = row.of(result.leader);
      if (alone != nullptr && !alone->latency_ns.empty()) return alone;
    }
  return nullptr;
}

const TenantRow* solo(const ColocateResult& result, const std::string& tenant) {
  const TenantRow* fastest = nullptr;
  for (const Row& row : result.rows) {
    const TenantRow* one = row.way == tenant + "_alone" && row.failed.empty() ? row.of(tenant) : nullptr;
    if (one != nullptr && (fastest == nullptr || one->per_s() > fastest->per_s())) fastest = one;
  }
  return fastest;
}

double slo_ms(const ColocateResult& result, double rate) {
  if (result.slo.count() > 0) return to_us(result.slo) / 1e3;
  const TenantRow* alone = leader_alone(result, rate);
  return alone != nullptr ? kSloOfSoloP50 * percentile_ms(alone->latency_ns, 0.5) : 0;
}

std::string to_json(const ColocateResult& result) {
  Json json = Json::object(), models = Json::object(), rows = Json::array();
  for (const auto& [tenant, model] : result.models) models.set(tenant, model);
  for (const Row& row : result.rows) rows.add(row_json(result, row));
  json.set("experiment", "colocate").set("command", result.command).set("date", result.date).set("gpu", result.gpu).set("driver", result.driver);
  json.set("device", result.device).set("config", result.config).set("seconds", to_seconds(result.duration)).set("seed", result.seed);
  if (!result.case_name.empty()) json.set("case", result.case_name);
  json.set("leader", result.leader).set("models", models);
  json.set("slo", result.slo.count() > 0 ? "the configuration's" : "3 x p50 alone");
  json.set("anchor", anchor_json(result)).set("rows", rows);
  if (result.swaps) json.set("swaps", swaps_json(result, *result.swaps));
  return json.set("counters", result.counters).dump() + "\n";
}

std::string render(const ColocateResult& result, bool colour) {
  TextTable table;
  table.add_column("way", "", TextTable::Align::left);
  table.add_column("rate/s");
  for (const char* title : {"p50", "p99", "×alone", "max", "service", "SLO met", "goodput/s"}) table.add_column(title, result.leader + ": ms");
  const std::vector<std::string> others = closed_loops(result);
  for (const std::string& name : others)
    for (const char* title : {"/s", "of solo"}) table.add_column(title, name);
  table.add_column("together");
  std::string failures;
  for (const Row& row : result.rows) {
    std::vector<Cell> cells{{row.way}, {row.rate > 0 ? short_number(row.rate) : ""}};
    if (!row.failed.empty()) {
      cells.push_back({"failed", Tone::bad});
      failures += fmt::format("{} failed: {}\n", row.way, row.failed);
    } else {
      for (Cell& cell : leader_cells(result, row)) cells.push_back(std::move(cell));
      cells.resize(9);
      for (const std::string& name : others) {
        const TenantRow* tenant = row.of(name);
        const std::optional<double> share = tenant == nullptr ? std::nullopt : of_solo(result, *tenant);
        cells.push_back({tenant != nullptr ? short_number(tenant->per_s()) : ""});
        cells.push_back({share ? short_percent(*share) : ""});
      }
      if (const double sum = together(result, row); sum > 0) cells.push_back({fmt::format("{:.2f}", sum)});
    }
    table.add_row(std::move(cells));
  }
  return table.render(colour) + (failures.empty() ? "" : "\n" + failures) + (result.swaps ? swaps_sentence(result, *result.swaps) : "");
}

}  // namespace lithos
