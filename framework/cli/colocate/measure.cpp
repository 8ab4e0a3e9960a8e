// SPDX-License-Identifier: Apache-2.0
#include "cli/colocate/measure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <sstream>

#include "sim/arrivals.hpp"

namespace lithos {
namespace {

constexpr double kLead_s = 0.5;        // so that all have heard before they begin
constexpr double kLate_s = 5;          // a service so late is overloaded: what is left counts as not done
constexpr double kAnswerMargin_s = 45;

double unix_now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

Result<std::string> write_arrivals(const std::string& folder, const std::string& name, const std::vector<Nanoseconds>& times) {
  const std::string path = fmt::format("{}/{}.arrivals", folder, name);
  std::ofstream file(path);
  for (const Nanoseconds at : times) file << fmt::format("{:.3f}\n", to_us(at));
  return file.flush() ? Result<std::string>(path) : unavailable("cannot write " + path);
}

// Lines of one or two whole numbers.
std::vector<std::pair<std::int64_t, std::int64_t>> read_times(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::pair<std::int64_t, std::int64_t>> times;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::pair<std::int64_t, std::int64_t> one{};
    if (words >> one.first) {
      words >> one.second;
      times.push_back(one);
    }
  }
  return times;
}

// What lithosd knows of each tenant's launches, added up since it joined.
Json launches_now(const Stage& stage) {
  DaemonArguments request;
  request.request = "tenants";
  const Result<Json> tenants = stage.ask_lithosd(request);
  Json all = Json::object();
  if (tenants.ok())
    for (const Json& one : tenants.value().items_or_none()) {
      Json counts = one["launches"];
      all.set(one.text_of("name"), counts.set("atoms", one.integer_of("atoms_completed")).set("own_tpcs", one.integer_of("own_tpcs")));
    }
  return all;
}

Json difference(const Json& after, const Json& before) {
  Json all = Json::object();
  if (after.members() == nullptr) return all;
  for (const auto& [tenant, counts] : *after.members()) {
    Json one = Json::object();
    if (counts.members() != nullptr)
      for (const auto& [key, count] : *counts.members())
        one.set(key, key == "own_tpcs" ? count : Json(counts.integer_of(key) - before[tenant].integer_of(key)));
    all.set(tenant, one);
  }
  return all;
}

class Measurement {
 public:
  Measurement(Stage& stage, const Config& config, const Way& way, const std::vector<std::string>& names, const Demand& demand)
      : stage_(stage), config_(config), way_(way), names_(names), demand_(demand) {}

  Result<Row> run() {
    const bool lithosd = way_.kind == WayKind::lithosd;
    const Json before = lithosd ? launches_now(stage_) : Json();
    const double start_at = unix_now() + kLead_s;
    for (const std::string& name : names_)
      if (Status told = tell(tenant_named(name), start_at); !told.ok()) return told;
    if (demand_.meanwhile) demand_.meanwhile(start_at);
    Row row{.way = way_.name, .how = stage_.how()};
    for (const std::string& name : names_) {
      const TenantConfig& tenant = tenant_named(name);
      Result<TenantRow> one = hear(tenant, start_at);
      if (!one.ok()) return one.status();
      if (is_leader(tenant)) row.rate = rate_of(tenant);
      row.tenants.push_back(std::move(one).value());
    }
    if (lithosd) row.lithosd = difference(launches_now(stage_), before);
    return row;
  }

 private:
  const TenantConfig& tenant_named(const std::string& name) const {
    return *std::find_if(config_.tenants.begin(), config_.tenants.end(), [&](const TenantConfig& one) { return one.name == name; });
  }
  bool is_leader(const TenantConfig& tenant) const { return &tenant == leader_of(config_); }
  double rate_of(const TenantConfig& tenant) const {
    return is_leader(tenant) && demand_.rate > 0 ? demand_.rate : tenant.arrivals.rate_per_s;
  }
  std::string times_of(const TenantConfig& tenant) const { return fmt::format("{}/{}.times", stage_.folder(), tenant.name); }

  Status tell(const TenantConfig& tenant, double start_at) {
    std::remove(times_of(tenant).c_str());
    Json request = Json::object();
    request.set("do", "loop").set("seconds", to_seconds(demand_.duration)).set("start_at", start_at).set("times", times_of(tenant));
    if (tenant.arrivals.kind == ArrivalKind::closed_loop) return stage_.tenant(tenant.name).ask(request);
    const Result<std::vector<Nanoseconds>> times = arrivals_of(config_, tenant, is_leader(tenant) ? demand_.rate : 0, demand_.duration);
    if (!times.ok()) return times.status();
    const Result<std::string> file = write_arrivals(stage_.folder(), tenant.name, times.value());
    if (!file.ok()) return file.status();
    request.set("do", "serve").set("arrivals", file.value()).set("late_s", kLate_s);
    return stage_.tenant(tenant.name).ask(request);
  }

  Result<TenantRow> hear(const TenantConfig& tenant, double start_at) {
    const double seconds = to_seconds(demand_.duration), limit = start_at - unix_now() + seconds + kLate_s + kAnswerMargin_s;
    const Result<Json> answer = stage_.tenant(tenant.name).answer(Nanoseconds{static_cast<std::int64_t>(std::max(limit, 1.0) * 1e9)});
    if (!answer.ok()) return answer.status();
    const auto times = read_times(times_of(tenant));
    TenantRow row{.name = tenant.name, .open_loop = tenant.arrivals.kind != ArrivalKind::closed_loop};
    row.arrivals = static_cast<std::uint64_t>(answer.value().integer_of(row.open_loop ? "arrivals" : "iterations"));
    row.done = row.open_loop ? static_cast<std::uint64_t>(answer.value().integer_of("done")) : row.arrivals;
    row.checksum = answer.value().text_of("checksum");
    if (times.size() != row.done)
      return unavailable(fmt::format("tenant {}: says {} are done and left {} times in {}", tenant.name, row.done, times.size(), times_of(tenant)));
    std::int64_t before = 0;
    for (const auto& [first, second] : times) {
      if (row.open_loop) row.latency_ns.push_back(first);
      row.service_ns.push_back(row.open_loop ? second : first - std::exchange(before, first));
    }
    row.seconds = row.open_loop ? seconds : static_cast<double>(before) * 1e-9;
    return row;
  }

  Stage& stage_;
  const Config& config_;
  const Way& way_;
  const std::vector<std::string>& names_;
  const Demand& demand_;
};

}  // namespace

const TenantRow* Row::of(const std::string& tenant) const {
  for (const TenantRow& row : tenants)
    if (row.name == tenant) return &row;
  return nullptr;
}

Result<std::vector<Nanoseconds>> arrivals_of(const Config& config, const TenantConfig& tenant, double rate, Nanoseconds duration) {
  ArrivalConfig wanted = tenant.arrivals;
  std::vector<Nanoseconds> recorded;
  if (rate > 0) {
    if (wanted.kind == ArrivalKind::file) wanted.kind = ArrivalKind::poisson;
    wanted.rate_per_s = rate;
  }
  if (wanted.kind == ArrivalKind::file) {
    ParsedArrivals parsed = parse_arrivals_file(wanted.path);
    if (!parsed.times) return invalid_argument(to_string(parsed.diagnostics.front()));
    recorded = std::move(*parsed.times);
  }
  Arrivals arrivals(wanted, seed_for(config.run.seed, tenant.name), std::move(recorded));
  std::vector<Nanoseconds> times;
  for (Nanoseconds at = arrivals.next(); at < duration; at = arrivals.next()) times.push_back(at);
  return times;
}

Result<Row> measure(Stage& stage, const Config& config, const Way& way, const std::vector<std::string>& tenants, const Demand& demand) {
  return Measurement(stage, config, way, tenants, demand).run();
}

}  // namespace lithos
