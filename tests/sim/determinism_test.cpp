// SPDX-License-Identifier: Apache-2.0
// The same configuration and seed give the same report, whatever else ran in the process, also on another thread.
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <thread>

#include "sim/simulation.hpp"
#include "test_paths.hpp"

namespace lithos {
namespace {

Config demo_config() {
  Config config;
  config.file = "determinism";
  config.kernel_rules = LITHOS_SOURCE_DIR "/configs/kernels.toml";
  config.run.duration = Nanoseconds{800'000'000};
  config.run.warmup = Nanoseconds{100'000'000};
  TenantConfig hp;
  hp.name = "hp";
  hp.tenant_class = TenantClass::latency_critical;
  hp.quota_tpcs = 42;
  hp.trace = LITHOS_SOURCE_DIR "/configs/traces/resnet50_infer_b16.csv";
  hp.mode = LaunchMode::graph;
  hp.arrivals.kind = ArrivalKind::poisson;
  hp.arrivals.rate_per_s = 300;
  TenantConfig be;
  be.name = "be";
  be.quota_tpcs = 24;
  be.trace = LITHOS_SOURCE_DIR "/configs/traces/dlrm_train_b8192.csv";
  config.tenants = {hp, be};
  return config;
}

PolicySetConfig static_set() {
  PolicySetConfig set;
  set.name = "static";
  set.scheduler.id = "static_partition";
  return set;
}

std::string text_of(const SetReport& report) {
  std::ostringstream text;
  text.precision(17);
  text << report.tpc_utilisation << ' ' << report.energy_j << ' ' << report.events << ' ' << report.atoms << ' '
       << report.engine.decisions << '\n';
  for (const TenantReport& t : report.tenants) {
    text << t.name << ' ' << t.requests << ' ' << t.latency_p50.count() << ' ' << t.latency_p99.count() << ' '
         << t.latency_max.count() << ' ' << t.service_mean.count() << ' ' << t.atoms << ' ' << t.solo_rate_per_s;
    for (const std::uint64_t launches : t.launches) text << ' ' << launches;
    text << '\n';
  }
  return text.str();
}

std::string run(const Config& config, const PolicySetConfig& set, std::uint64_t seed) {
  SimOptions options;
  options.seed = seed;
  const auto built_in = [](const lithos_gpu_info& gpu) { return PolicySet::from_tables({}, gpu); };
  const Result<SetReport> report = run_set(config, set, built_in, options);
  return report.ok() ? text_of(report.value()) : report.status().message();
}

TEST(Determinism, SameSeedSameReport) {
  const std::string first = run(demo_config(), static_set(), 7);
  PolicySetConfig other = static_set();
  other.scheduler.id = "shared";
  other.sharing = Sharing::time_slicing;
  run(demo_config(), other, 3);
  EXPECT_EQ(first, run(demo_config(), static_set(), 7));
  EXPECT_NE(first, run(demo_config(), static_set(), 8));
}

TEST(Determinism, ThreadsDoNotMatter) {
  const std::string alone = run(demo_config(), static_set(), 7);
  std::string here, there;
  std::thread thread([&] { there = run(demo_config(), static_set(), 7); });
  here = run(demo_config(), static_set(), 7);
  thread.join();
  EXPECT_EQ(alone, here);
  EXPECT_EQ(alone, there);
}

// Losses, jitter, reordering and a clock that is off: the run must still be a function of its seed, and must still
// complete.
TEST(Determinism, AlsoOverABadTransport) {
  Config config = demo_config();
  config.transport.loss = 0.05;
  config.transport.reorder = 0.1;
  config.transport.jitter = Nanoseconds{5'000};
  config.transport.clock_offset = Nanoseconds{3'000};
  const std::string first = run(config, static_set(), 11);
  EXPECT_EQ(first, run(config, static_set(), 11));
  EXPECT_NE(first, run(demo_config(), static_set(), 11));
}

}  // namespace
}  // namespace lithos
