// SPDX-License-Identifier: Apache-2.0
#include "observe/engine_metrics.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace lithos {
namespace {

// "name{a,b}" → value, of a page.
std::map<std::string, double> values_of(const MetricPage& page) {
  std::map<std::string, double> out;
  const lithos_metrics& view = page.view();
  for (std::uint32_t f = 0; f < view.n_families; ++f) {
    const lithos_metric_family& family = view.families[f];
    for (std::uint32_t s = 0; s < family.n_series; ++s) {
      std::string key = family.name;
      for (std::uint32_t l = 0; l < family.n_labels; ++l)
        key += (l == 0 ? "{" : ",") + std::string(family.series[s].labels[l]) + (l + 1 == family.n_labels ? "}" : "");
      out[key] =
          family.type == LITHOS_SERIES_HISTOGRAM ? static_cast<double>(family.series[s].count) : family.series[s].value;
    }
  }
  return out;
}

TenantSnapshot tenant(std::uint64_t serial, const std::string& name, std::uint64_t atoms) {
  TenantSnapshot out;
  out.present = true;
  out.serial = serial;
  out.name = name;
  out.tenant_class = TenantClass::best_effort;
  out.counters.atoms_completed = atoms;
  for (std::uint64_t i = 0; i < atoms; ++i) out.statistics.queue_wait.add(Nanoseconds{1'000});
  out.busy_tpc_ns = atoms * 1'000'000'000;
  return out;
}

EngineSnapshot at(std::int64_t seconds, std::vector<TenantSnapshot> tenants) {
  EngineSnapshot out;
  out.at = Nanoseconds{seconds * 1'000'000'000};
  out.gpu_tpcs = 66;
  out.tenants = std::move(tenants);
  return out;
}

std::map<std::string, double> take(EngineMetrics& metrics, const EngineSnapshot& snapshot) {
  MetricPage page;
  metrics.take(snapshot, page);
  page.close(snapshot.at, 0);
  return values_of(page);
}

TEST(EngineMetrics, CountersOfANameNeverFallThoughTenantsComeAndGo) {
  EngineMetrics metrics;
  auto page = take(metrics, at(1, {tenant(1, "a", 10)}));
  EXPECT_EQ(page["lithos_tenant_atoms_completed_total{a}"], 10);
  EXPECT_EQ(page["lithos_tenant_queue_wait_seconds{a}"], 10);
  page = take(metrics, at(2, {tenant(1, "a", 15)}));
  EXPECT_EQ(page["lithos_tenant_atoms_completed_total{a}"], 15);
  EXPECT_DOUBLE_EQ(page["lithos_tenant_tpc_busy_ratio{a}"], 5.0 / 66);
  // It leaves; the next of that name starts at 0.
  page = take(metrics, at(3, {tenant(2, "a", 4)}));
  EXPECT_EQ(page["lithos_tenant_atoms_completed_total{a}"], 19);
  EXPECT_EQ(page["lithos_tenants{best_effort}"], 1);
  page = take(metrics, at(4, {}));
  EXPECT_EQ(page["lithos_tenant_atoms_completed_total{a}"], 19);
  EXPECT_EQ(page.count("lithos_tenant_busy_tpcs{a}"), 0u) << "nobody is there whose gauge this would be";
}

TEST(EngineMetrics, NamesAreBoundedAndTheRestIsCountedTogether) {
  EngineMetrics metrics;
  std::map<std::string, double> page;
  for (std::uint64_t i = 0; i < 100; ++i)
    page = take(metrics, at(static_cast<std::int64_t>(i) + 1, {tenant(i + 1, "t" + std::to_string(i), 3)}));
  EXPECT_EQ(page["lithos_tenant_names_merged_total"], 100 - EngineMetrics::kNamesMax);
  EXPECT_EQ(page["lithos_tenant_atoms_completed_total{_other}"], 3.0 * (100 - EngineMetrics::kNamesMax));
  std::size_t names = 0;
  for (const auto& [key, value] : page) names += key.starts_with("lithos_tenant_atoms_completed_total{");
  EXPECT_EQ(names, EngineMetrics::kNamesMax + 1);
}

TEST(EngineMetrics, FaultsAndRejectedAnswersAreToldApart) {
  EngineSnapshot snapshot = at(1, {});
  PolicyTotals::Kind& scheduler = snapshot.policies.of(PolicyKind::scheduler);
  scheduler.faults[static_cast<std::size_t>(FaultReason::too_late)] = 2;
  scheduler.faults[static_cast<std::size_t>(FaultReason::bad_rate)] = 3;
  EngineMetrics metrics;
  auto page = take(metrics, snapshot);
  EXPECT_EQ(page["lithos_policy_faults_total{scheduler,too_late}"], 2);
  EXPECT_EQ(page["lithos_policy_rejected_answers_total{scheduler,bad_rate}"], 3);
  EXPECT_EQ(page.count("lithos_policy_faults_total{scheduler,bad_rate}"), 0u);
}

TEST(MetricPage, BucketsAreCumulativeAndEndWithTheCount) {
  MetricPage page;
  LogHistogram values;
  for (const std::int64_t ns : {1, 1024, 1025, 1'000'000}) values.add(Nanoseconds{ns});
  page.add(Metric::tenant_queue_wait, {"a"}, values);
  page.add(Metric::gpu_power, {}, std::numeric_limits<double>::quiet_NaN());
  page.close(Nanoseconds{5}, 0);
  ASSERT_EQ(page.view().n_families, 1u) << "what is not known is not there";
  const lithos_metric_family& family = page.view().families[0];
  EXPECT_EQ(family.series[0].buckets[0], 2u);  // at most 1.024 µs
  EXPECT_EQ(family.series[0].buckets[1], 3u);
  EXPECT_EQ(family.series[0].buckets[family.n_bounds - 1], 4u);
  EXPECT_EQ(family.series[0].count, 4u);
}

}  // namespace
}  // namespace lithos
