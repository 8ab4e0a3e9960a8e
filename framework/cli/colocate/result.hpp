// SPDX-License-Identifier: Apache-2.0
// What `lithos bench colocate` found: as JSON for machines, with units in the names, and as a table for a person. Pure; any thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/colocate/measure.hpp"
#include "daemon/json.hpp"

namespace lithos {

// Of two figures of the same requests, b − a in milliseconds, and its 95 % interval.
struct Difference {
  double mean = 0, low = 0, high = 0;
  bool has_interval = false;  // false: too few requests for one
};

// With and without exchanges of the scheduler while the tenants served, the same arrivals.
struct SwapResult {
  std::string set;
  double rate = 0;
  unsigned done = 0;
  std::vector<std::string> failures;
  std::vector<double> pause_us, whole_ms;  // of each: what the next decision waited for; until lithosd had answered
  Row without, with;
  bool same_processes = false;
  Difference p99;                          // with − without
};

struct ColocateResult {
  std::string command, date, gpu, driver, config, device;
  std::string case_name;                       // of the configuration; empty: it has none
  Nanoseconds duration{0};
  std::uint64_t seed = 0;
  std::string leader;                          // whose latency counts
  Nanoseconds slo{0};                          // of the leader; 0: three times its p50 alone, at each rate
  std::map<std::string, std::string> models;   // by tenant
  std::vector<Row> rows;
  std::optional<SwapResult> swaps;
  Json counters = Json::array();
};

// Alone, in this very command. Null: not measured (yet).
const TenantRow* leader_alone(const ColocateResult& result, double rate);
const TenantRow* solo(const ColocateResult& result, const std::string& tenant);  // a closed loop by itself
double slo_ms(const ColocateResult& result, double rate);                        // 0: not known yet

double percentile_ms(std::vector<std::int64_t> values_ns, double share);

std::string to_json(const ColocateResult& result);
std::string render(const ColocateResult& result, bool colour);

}  // namespace lithos
