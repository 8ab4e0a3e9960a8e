// SPDX-License-Identifier: Apache-2.0
// One way of sharing at one rate: the tenants serve at the same time, and what they left behind becomes a row. Errors: unavailable.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cli/colocate/stage.hpp"

namespace lithos {

struct TenantRow {
  std::string name;
  bool open_loop = false;                      // has arrivals of its own
  std::uint64_t arrivals = 0, done = 0;        // of a closed loop: iterations
  double seconds = 0;                          // that it served
  std::vector<std::int64_t> latency_ns = {};   // by arrival; of a closed loop: none
  std::vector<std::int64_t> service_ns = {};   // of each request or iteration
  std::string checksum = {};                   // of its results, if it says one
  double per_s() const { return seconds > 0 ? static_cast<double>(done) / seconds : 0; }
};

struct Row {
  std::string way;
  double rate = 0;          // of the leader; 0: it took no part
  std::string how = {};     // how lithosd came to the set (Stage::how)
  std::string failed = {};  // why there is nothing else
  std::vector<TenantRow> tenants = {};
  Json lithosd = {};        // what was launched meanwhile, by tenant, as lithosd saw it
  const TenantRow* of(const std::string& tenant) const;
};

struct Demand {
  double rate = 0;  // per second, of the leader; 0: as the configuration says
  Nanoseconds duration{0};
  // Called when the tenants have been told, with the moment at which they begin (Unix time, seconds).
  std::function<void(double start_at)> meanwhile = {};
};

// The arrivals of a tenant, as the simulator has them for the same configuration and seed, up to `duration`.
Result<std::vector<Nanoseconds>> arrivals_of(const Config& config, const TenantConfig& tenant, double rate, Nanoseconds duration);

// The stage is prepared, and all of `tenants` are on it.
Result<Row> measure(Stage& stage, const Config& config, const Way& way, const std::vector<std::string>& tenants, const Demand& demand);

}  // namespace lithos
