// SPDX-License-Identifier: Apache-2.0
// The ways of sharing a GPU that `lithos bench colocate` compares: what the hardware has, and every [[set]] of a configuration under
// lithosd. Pure; any thread.
#pragma once

#include <string>
#include <vector>

#include "base/status.hpp"
#include "cli/up/child_process.hpp"
#include "config/config.hpp"

namespace lithos {

enum class WayKind { plain, mps, lithosd };

struct Way {
  std::string name;
  WayKind kind = WayKind::plain;
  std::vector<std::string> tenants = {};  // that take part, in the configuration's order
  EnvironmentChanges best_effort = {};    // what MPS is told of best-effort tenants
  EnvironmentChanges others = {};         // what MPS is told of all that are not latency-critical
  std::string set = {};                   // lithosd
};

// Words, besides the sets' names:
//   alone         the first open-loop tenant, without MPS; always measured, and first: what the others are compared with
//   alone_mps     the same under MPS
//   time_slicing  all, without MPS
//   mps           all under MPS; mps_priority: best effort below normal; mps_threads_N: all but latency-critical tenants on N % of the SMs each
//   mps_threads   mps_threads_25, _50 and _75
//   static        every set whose scheduler is static_partition
// Empty: alone, time_slicing, mps, mps_priority, mps_threads, and every set that is for MPS and has no name of these.
// invalid_argument: a word that is none, with one that is near.
Result<std::vector<Way>> ways_named(const std::vector<std::string>& words, const Config& config);

// The tenant whose latency counts: the first that has arrivals of its own. Null: there is none.
const TenantConfig* leader_of(const Config& config);

// Whether lithosd can go from one set to the other while tenants stay attached: what a tenant is given when it joins is the same.
bool can_exchange_live(const PolicySetConfig& from, const PolicySetConfig& to, const std::vector<TenantConfig>& tenants);

}  // namespace lithos
