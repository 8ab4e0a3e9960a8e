// SPDX-License-Identifier: Apache-2.0
#include "cli/savings.hpp"

#include <gtest/gtest.h>

#include "sim/h200.hpp"
#include "sim/power_model.hpp"

namespace lithos {
namespace {

// One run of a service: what its kernels were confined to, its latency, and the clocks it ran at.
SetReport run_of(std::uint64_t tpcs, std::int64_t p99_us, std::uint32_t mhz) {
  TenantReport hp;
  hp.name = "hp";
  hp.tenant_class = TenantClass::latency_critical;
  hp.requests = 1000;
  hp.throughput_per_s = 100;
  hp.latency_p99 = Nanoseconds{p99_us * 1000};
  hp.latency_p50 = hp.service_mean = Nanoseconds{1'000'000};
  OperatorReport kernel, graph;
  kernel.totals.ns = 1'000'000;
  kernel.totals.tpc_ns = 1'000'000 * tpcs;
  graph.graph = true;
  graph.totals.ns = graph.totals.tpc_ns = 1'000'000'000;  // its kernels count, not itself
  hp.operators = {kernel, graph};
  TenantReport be;
  be.name = "be";
  SetReport run;
  run.tenants = {be, hp};
  run.clock_use = {{mhz, 1e9, 33e9, 33e9}};
  run.energy_j = energy_j({}, run.clock_use, 1980, 66);
  run.mean_clock_mhz = mhz;
  run.worst_slip_10s = mhz == 1980 ? 1 : 1.05;
  return run;
}

RunGroup group_of(const std::string& set, const std::string& case_name, std::vector<SetReport> runs) {
  RunGroup group;
  group.set = group.label = set;
  group.case_name = case_name;
  group.runs = std::move(runs);
  return group;
}

Experiment experiment() {
  Experiment out;
  out.groups = {group_of("all", "a", {run_of(66, 1000, 1980), run_of(66, 2000, 1980)}),
                group_of("sized", "a", {run_of(33, 1100, 1410), run_of(33, 2200, 1410)}),
                group_of("all", "b", {run_of(60, 1000, 1980), run_of(60, 1000, 1980)}),
                group_of("sized", "b", {run_of(60, 1000, 1980), run_of(60, 1000, 1980)})};
  return out;
}

TEST(Savings, AreAgainstTheSameCaseAndSeed) {
  const std::vector<Savings> rows = savings_against(experiment(), "all");
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].case_name, "a");
  EXPECT_DOUBLE_EQ(rows[0].capacity_saved.mean, 0.5);
  EXPECT_DOUBLE_EQ(rows[0].tpc_time_saved.mean, 0.5);
  EXPECT_NEAR(rows[0].p99_change.mean, 0.1, 1e-12);
  EXPECT_NEAR(rows[0].p99_change.half_width, 0, 1e-9);
  EXPECT_GT(rows[0].energy_saved.mean, 0.2);
  EXPECT_DOUBLE_EQ(rows[1].capacity_saved.mean, 0);
}

TEST(Savings, TheLastRowsAreMeansOverTheCasesAndTheWorstSlip) {
  const std::vector<Savings> rows = savings_against(experiment(), "all");
  const Savings& mean = rows.back();
  EXPECT_EQ(mean.case_name, "");
  EXPECT_DOUBLE_EQ(mean.capacity_saved.mean, 0.25);
  EXPECT_NEAR(mean.p99_change.mean, 0.05, 1e-12);
  EXPECT_DOUBLE_EQ(mean.worst_slip_10s.mean, 1.05);
}

TEST(Savings, NothingWithoutTheBaseline) { EXPECT_TRUE(savings_against(experiment(), "nobody").empty()); }

// What idles more dilutes the saving, what computes more adds to it.
TEST(Savings, ConstantsMoveTheEnergyTheRightWay) {
  const Experiment all = experiment();
  const double saved = savings_against(all, "all").back().energy_saved.mean;
  for (const ConstantChange& change : energy_by_constants(all, "all", "sized", h200_shape())) {
    if (change.constant == "floor_power_w" || change.constant == "memory_power_w") {
      EXPECT_EQ(change.energy_saved < saved, change.factor > 1) << change.constant;
    }
    if (change.constant == "compute_power_w") {
      EXPECT_EQ(change.energy_saved > saved, change.factor > 1);
    }
  }
}

}  // namespace
}  // namespace lithos
