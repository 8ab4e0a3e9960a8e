// SPDX-License-Identifier: Apache-2.0
// A configuration and reports as a small run would give them.
#pragma once

#include <vector>

#include "config/config.hpp"
#include "sim/report.hpp"

namespace lithos::testing {

inline Config two_tenants() {
  Config config;
  config.file = "demo.toml";
  config.baseline = "alone";
  TenantConfig hp;
  hp.name = "hp";
  hp.tenant_class = TenantClass::latency_critical;
  hp.trace = "traces/resnet50_infer_b16.csv";
  hp.mode = LaunchMode::graph;
  hp.slo = Nanoseconds{10'000'000};
  hp.arrivals.kind = ArrivalKind::poisson;
  hp.arrivals.rate_per_s = 300;
  TenantConfig be;
  be.name = "be";
  be.trace = "traces/llama8l_prefill_b8_s2048.csv";
  config.tenants = {hp, be};
  return config;
}

inline TenantReport hp_report(std::int64_t p50_us, std::int64_t p99_us) {
  TenantReport hp;
  hp.name = "hp";
  hp.tenant_class = TenantClass::latency_critical;
  hp.open_loop = true;
  hp.arrivals = 3000;
  hp.requests = 3000;
  hp.throughput_per_s = 300;
  hp.solo_rate_per_s = 300;
  hp.share_of_solo = 1;
  hp.latency_p50 = Nanoseconds{p50_us * 1000};
  hp.latency_p99 = Nanoseconds{p99_us * 1000};
  hp.latency_max = Nanoseconds{p99_us * 2000};
  hp.slo = Nanoseconds{10'000'000};
  hp.slo_attainment = 0.9987;
  hp.launches[static_cast<std::size_t>(Coverage::graph)] = 3000;
  hp.atoms = 852'000;
  return hp;
}

inline TenantReport be_report(double rate) {
  TenantReport be;
  be.name = "be";
  be.requests = 50;
  be.throughput_per_s = rate;
  be.solo_rate_per_s = 8.4;
  be.share_of_solo = rate / 8.4;
  be.launches[static_cast<std::size_t>(Coverage::cut)] = 3000;
  be.launches[static_cast<std::size_t>(Coverage::unmasked)] = 1000;
  be.atoms = 20'000;
  return be;
}

inline std::vector<SetReport> two_sets() {
  SetReport alone;
  alone.name = "alone";
  alone.tenants = {hp_report(1650, 6230)};
  alone.simulated_s = 9.5;
  alone.seed = 1;
  alone.tpc_utilisation = 0.391;
  alone.energy_j = 3456;
  SetReport lithos = alone;
  lithos.name = "lithos";
  lithos.tenants = {hp_report(2410, 7650), be_report(4.75)};
  lithos.tpc_utilisation = 0.921;
  lithos.energy_j = 5812;
  return {alone, lithos};
}

}  // namespace lithos::testing
