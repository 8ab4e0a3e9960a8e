// SPDX-License-Identifier: Apache-2.0
#include "cli/savings.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "sim/power_model.hpp"

namespace lithos {
namespace {

const TenantReport* subject_of(const SetReport& run) {
  for (const TenantReport& tenant : run.tenants)
    if (tenant.tenant_class == TenantClass::latency_critical) return &tenant;
  return run.tenants.empty() ? nullptr : &run.tenants.front();
}

struct TpcUse {
  double ns = 0, tpc_ns = 0;
};
TpcUse use_of(const TenantReport& tenant) {
  TpcUse use;
  for (const OperatorReport& op : tenant.operators) {
    if (op.graph) continue;
    use.ns += static_cast<double>(op.totals.ns);
    use.tpc_ns += static_cast<double>(op.totals.tpc_ns);
  }
  return use;
}

double change(double now, double before) { return before > 0 ? now / before - 1 : 0; }

// One run against the baseline's with the same seed.
struct Change {
  double capacity_saved = 0, tpc_time_saved = 0, p50 = 0, p99 = 0, service = 0, throughput = 0, energy_saved = 0;
  double clock_mhz = 0, slip_10s = 1;
};
Change compare(const SetReport& run, const SetReport& base) {
  Change out;
  const TenantReport *now = subject_of(run), *before = subject_of(base);
  if (now == nullptr || before == nullptr) return out;
  const TpcUse use = use_of(*now), use_before = use_of(*before);
  const auto requests = [](const TenantReport& tenant) {
    return static_cast<double>(std::max<std::uint64_t>(tenant.requests, 1));
  };
  if (use.ns > 0 && use_before.ns > 0) {
    out.capacity_saved = -change(use.tpc_ns / use.ns, use_before.tpc_ns / use_before.ns);
    out.tpc_time_saved = -change(use.tpc_ns / requests(*now), use_before.tpc_ns / requests(*before));
  }
  out.p50 = change(to_seconds(now->latency_p50), to_seconds(before->latency_p50));
  out.p99 = change(to_seconds(now->latency_p99), to_seconds(before->latency_p99));
  out.service = change(to_seconds(now->service_mean), to_seconds(before->service_mean));
  out.throughput = change(now->throughput_per_s, before->throughput_per_s);
  out.energy_saved = -change(run.energy_j, base.energy_j);
  out.clock_mhz = run.mean_clock_mhz;
  out.slip_10s = run.worst_slip_10s;
  return out;
}

Savings summarise(const std::string& case_name, const std::string& set, const std::vector<Change>& changes) {
  Savings out;
  out.case_name = case_name;
  out.set = set;
  const auto over = [&](auto&& of) {
    std::vector<double> values;
    for (const Change& one : changes) values.push_back(of(one));
    return estimate(values);
  };
  out.capacity_saved = over([](const Change& c) { return c.capacity_saved; });
  out.tpc_time_saved = over([](const Change& c) { return c.tpc_time_saved; });
  out.p50_change = over([](const Change& c) { return c.p50; });
  out.p99_change = over([](const Change& c) { return c.p99; });
  out.service_change = over([](const Change& c) { return c.service; });
  out.throughput_change = over([](const Change& c) { return c.throughput; });
  out.energy_saved = over([](const Change& c) { return c.energy_saved; });
  out.mean_clock_mhz = over([](const Change& c) { return c.clock_mhz; });
  out.worst_slip_10s = over([](const Change& c) { return c.slip_10s; });
  return out;
}

// Mean over the cases, seed by seed.
std::vector<Change> mean_by_seed(const std::vector<std::vector<Change>>& by_case) {
  std::vector<Change> means(by_case.front().size());
  const auto n = static_cast<double>(by_case.size());
  for (std::size_t seed = 0; seed < means.size(); ++seed) {
    Change& mean = means[seed];
    mean.slip_10s = 0;
    for (const auto& changes : by_case) {
      const Change& one = changes[std::min(seed, changes.size() - 1)];
      mean.capacity_saved += one.capacity_saved / n, mean.tpc_time_saved += one.tpc_time_saved / n;
      mean.p50 += one.p50 / n, mean.p99 += one.p99 / n, mean.service += one.service / n;
      mean.throughput += one.throughput / n, mean.energy_saved += one.energy_saved / n;
      mean.clock_mhz += one.clock_mhz / n;
      mean.slip_10s = std::max(mean.slip_10s, one.slip_10s);  // the worst of them
    }
  }
  return means;
}

const RunGroup* find(const Experiment& experiment, const std::string& set, const std::string& case_name) {
  for (const RunGroup& group : experiment.groups)
    if (group.set == set && group.case_name == case_name) return &group;
  return nullptr;
}

struct Constant {
  const char* name;
  double DeviceModel::*value;
};
constexpr std::array kConstants{Constant{"floor_power_w", &DeviceModel::floor_power_w},
                                Constant{"idle_clock_power_w", &DeviceModel::idle_clock_power_w},
                                Constant{"compute_power_w", &DeviceModel::compute_power_w},
                                Constant{"stalled_power_w", &DeviceModel::stalled_power_w},
                                Constant{"memory_power_w", &DeviceModel::memory_power_w},
                                Constant{"voltage_floor", &DeviceModel::voltage_floor},
                                Constant{"voltage_ridge", &DeviceModel::voltage_ridge}};

}  // namespace

std::vector<Savings> savings_against(const Experiment& experiment, const std::string& baseline) {
  std::vector<Savings> rows;
  std::vector<std::string> order;
  std::map<std::string, std::vector<std::vector<Change>>> by_set;
  for (const RunGroup& group : experiment.groups) {
    const RunGroup* base = find(experiment, baseline, group.case_name);
    if (group.set == baseline || base == nullptr) continue;
    std::vector<Change> changes;
    for (std::size_t seed = 0; seed < group.runs.size() && seed < base->runs.size(); ++seed)
      changes.push_back(compare(group.runs[seed], base->runs[seed]));
    if (changes.empty()) continue;
    rows.push_back(summarise(group.case_name, group.label, changes));
    auto& cases = by_set[group.label];
    if (cases.empty()) order.push_back(group.label);
    cases.push_back(std::move(changes));
  }
  for (const std::string& set : order) rows.push_back(summarise("", set, mean_by_seed(by_set[set])));
  return rows;
}

std::vector<ConstantChange> energy_by_constants(const Experiment& experiment, const std::string& baseline,
                                                const std::string& set, const GpuShape& gpu) {
  const std::uint32_t highest = gpu.clocks_mhz.empty() ? 0 : gpu.clocks_mhz.front();
  std::vector<ConstantChange> out;
  for (const Constant& constant : kConstants) {
    for (const double factor : {0.7, 1.3}) {
      DeviceModel model;
      model.*constant.value *= factor;
      double saved = 0, runs = 0;
      for (const RunGroup& group : experiment.groups) {
        const RunGroup* base = find(experiment, baseline, group.case_name);
        if (group.set != set || base == nullptr) continue;
        for (std::size_t seed = 0; seed < group.runs.size() && seed < base->runs.size(); ++seed, ++runs)
          saved += 1 - energy_j(model, group.runs[seed].clock_use, highest, gpu.tpcs) /
                           energy_j(model, base->runs[seed].clock_use, highest, gpu.tpcs);
      }
      out.push_back({constant.name, factor, runs > 0 ? saved / runs : 0});
    }
  }
  return out;
}

}  // namespace lithos
