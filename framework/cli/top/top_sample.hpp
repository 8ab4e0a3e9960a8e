// SPDX-License-Identifier: Apache-2.0
// What lithosd does at one moment, for `lithos top`: two answers to "status" become levels and rates. Pure values; any
// thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/tpc_set.hpp"
#include "daemon/json.hpp"

namespace lithos {

struct TopKernel {
  std::string tenant, name;
  double share = 0;  // of the TPC time of all kernels since the sample before
  double per_s = 0;  // whole launches and atoms
  double mean_us = 0;
  double mean_tpcs = 0;
  std::uint32_t wanted_tpcs = 0;  // 0: as many as there are
};

struct TopTenant {
  std::string name, tenant_class;
  std::uint32_t quota_tpcs = 0;
  TpcSet own, leased, working;
  std::int64_t queued = -1;  // launches that wait; -1: not known
  std::uint64_t in_flight = 0;
  double requests_per_s = 0, atoms_per_s = 0;
  double p50_ms = 0, p99_ms = 0;  // of recent requests; 0: none
  double slo_ms = 0;              // 0: none
  double slo_attainment = -1;     // of recent requests; -1: not known
};

struct TopPolicy {
  std::string kind, id, version;
  std::int64_t fallbacks = 0, faults = 0;
};

struct TopSample {
  std::string gpu, device, set;
  unsigned tpcs = 0;
  double uptime_s = 0;
  double seconds = 0;  // since the sample before; 0: there was none, and rates are over the daemon's life
  std::int64_t generation = 0, swaps = 0;
  bool in_probation = false;
  double clock_mhz = 0, power_w = 0;  // 0: not known
  double decisions_per_s = 0, atoms_per_s = 0;
  std::vector<TopPolicy> policies;
  std::vector<TopTenant> tenants;
  std::vector<TopKernel> kernels;  // the costliest first
};

// `before`: an earlier answer of the same daemon, or null.
TopSample sample_of(const Json& status, const Json& before);
// One object, units in the names of its members: a line of `lithos top --json`.
Json to_json(const TopSample& sample);

}  // namespace lithos
