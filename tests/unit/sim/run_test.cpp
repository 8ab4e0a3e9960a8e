// SPDX-License-Identifier: Apache-2.0
// run_set as a whole, on small runs: what the report says, limits, and messages for input that is wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "sim/simulation.hpp"
#include "test_paths.hpp"

namespace lithos {
namespace {

using ::testing::HasSubstr;

Config small_config() {
  Config config;
  config.file = "small.toml";
  config.kernel_rules = LITHOS_SOURCE_DIR "/configs/kernels.toml";
  config.run.duration = Nanoseconds{600'000'000};
  config.run.warmup = Nanoseconds{100'000'000};
  TenantConfig hp;
  hp.name = "hp";
  hp.tenant_class = TenantClass::latency_critical;
  hp.quota_tpcs = 42;
  hp.slo = Nanoseconds{10'000'000};
  hp.trace = LITHOS_SOURCE_DIR "/configs/traces/resnet50_infer_b1.csv";
  hp.mode = LaunchMode::graph;
  hp.arrivals.kind = ArrivalKind::poisson;
  hp.arrivals.rate_per_s = 200;
  TenantConfig be;
  be.name = "be";
  be.quota_tpcs = 24;
  be.trace = LITHOS_SOURCE_DIR "/configs/traces/dlrm_infer_b2048.csv";
  config.tenants = {hp, be};
  return config;
}

PolicySetConfig named(const std::string& scheduler) {
  PolicySetConfig set;
  set.name = scheduler;
  set.scheduler.id = scheduler;
  return set;
}

Result<std::unique_ptr<PolicySet>> built_in(const lithos_gpu_info& gpu) { return PolicySet::from_tables({}, gpu); }

TEST(Run, ReportsWhatHappened) {
  int calls = 0;
  double last = 0;
  SimOptions options;
  options.progress = [&](double fraction) {
    ++calls;
    EXPECT_GE(fraction, last);
    last = fraction;
  };
  const Result<SetReport> result = run_set(small_config(), named("static_partition"), built_in, options);
  ASSERT_TRUE(result.ok()) << result.status().message();
  const SetReport& report = result.value();
  EXPECT_GT(calls, 50);
  EXPECT_NEAR(report.simulated_s, 0.5, 1e-6);
  ASSERT_EQ(report.tenants.size(), 2u);
  const TenantReport& hp = report.tenants[0];
  EXPECT_TRUE(hp.open_loop);
  EXPECT_NEAR(static_cast<double>(hp.requests), 100, 40);
  EXPECT_GT(hp.latency_p50.count(), 700'000);
  EXPECT_LE(hp.latency_p50, hp.latency_p99);
  EXPECT_LE(hp.latency_p99, hp.latency_max);
  EXPECT_GT(hp.slo_attainment, 0.99);
  EXPECT_EQ(hp.work_on_borrowed_share, 0);
  const TenantReport& be = report.tenants[1];
  EXPECT_GT(be.share_of_solo, 0.2);
  EXPECT_LT(be.share_of_solo, 0.95);
  EXPECT_GT(report.tpc_utilisation, 0.05);
  EXPECT_LT(report.tpc_utilisation, 1);
  EXPECT_GT(report.mean_power_w, 100);
  EXPECT_DOUBLE_EQ(report.mean_clock_mhz, 1980);
  EXPECT_EQ(report.policies.size(), 4u);
}

TEST(Run, StopsAfterEnoughRequests) {
  Config config = small_config();
  config.run.duration = Nanoseconds{20'000'000'000};
  config.run.max_requests = 50;
  SimOptions options;
  options.solo_rates = false;
  const Result<SetReport> result = run_set(config, named("shared"), built_in, options);
  ASSERT_TRUE(result.ok());
  EXPECT_GE(result.value().tenants[0].requests, 50u);
  EXPECT_LT(result.value().simulated_s, 1.0);
}

TEST(Run, EverySetSeesTheSameArrivals) {
  SimOptions options;
  options.solo_rates = false;
  const auto a = run_set(small_config(), named("shared"), built_in, options);
  const auto b = run_set(small_config(), named("static_partition"), built_in, options);
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_EQ(a.value().tenants[0].arrivals, b.value().tenants[0].arrivals);
}

TEST(Run, SaysEverythingThatIsWrongWithItsInput) {
  Config config = small_config();
  config.tenants[0].trace = "/no/such.csv";
  const std::string broken = ::testing::TempDir() + "broken.csv";
  std::ofstream(broken) << "seq,kernel\n";
  config.tenants[1].trace = broken;
  const Result<SetReport> result = run_set(config, named("shared"), built_in, {});
  ASSERT_FALSE(result.ok());
  EXPECT_THAT(result.status().message(), HasSubstr("/no/such.csv"));
  EXPECT_THAT(result.status().message(), HasSubstr("broken.csv:1:1: the header has no column"));
  EXPECT_GE(check_inputs(config).size(), 2u);
  config.gpu = "h9000";
  EXPECT_THAT(run_set(config, named("shared"), built_in, {}).status().message(), HasSubstr("unknown gpu \"h9000\""));
}

TEST(Run, TenantsThatDoNotFit) {
  Config config = small_config();
  config.tenants[1].quota_tpcs = 30;
  const Result<SetReport> result = run_set(config, named("static_partition"), built_in, {});
  ASSERT_FALSE(result.ok());
  EXPECT_THAT(result.status().message(), HasSubstr("tenant \"be\""));
}

TEST(Run, EagerBurstsAndPipelines) {
  Config config = small_config();
  config.tenants[0].mode = LaunchMode::eager;
  config.tenants[0].arrivals.kind = ArrivalKind::bursts;
  config.tenants[0].arrivals.burst_length = Nanoseconds{50'000'000};
  config.tenants[0].arrivals.burst_gap = Nanoseconds{50'000'000};
  config.tenants[1].pipeline_depth = 3;
  SimOptions options;
  options.solo_rates = false;
  const Result<SetReport> result = run_set(config, named("static_partition"), built_in, options);
  ASSERT_TRUE(result.ok()) << result.status().message();
  EXPECT_GT(result.value().tenants[0].requests, 20u);
  // 280 launches of 20 us of CPU each: eager inference is bound by the CPU (GPU.md §9).
  EXPECT_GT(result.value().tenants[0].latency_p50.count(), 5'000'000);
  EXPECT_GT(result.value().tenants[1].requests, 100u);
}

}  // namespace
}  // namespace lithos
