// SPDX-License-Identifier: Apache-2.0
// The engine's state as of one moment, for metrics, reports and `lithos top`: plain values, copied on the engine's
// thread and read on any other. Taking it costs some microseconds and, once the struct has been used, no allocation to
// speak of; it is the only thing that whoever looks takes from the engine's thread.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "base/tpc_set.hpp"
#include "engine/engine.hpp"
#include "policy_host/policy_totals.hpp"

namespace lithos {

struct TenantSnapshot {
  bool present = false;  // false: it has left, and its slot has nobody new
  std::uint32_t slot = 0;
  std::uint64_t serial = 0;  // names the tenant in events; never used twice
  std::string name;
  TenantClass tenant_class{};
  std::uint32_t quota_tpcs = 0;
  Nanoseconds slo{0};
  double attainment = 1;  // share of its last 256 requests that met the SLO
  TpcSet own, usable;     // usable: all that its lease names, at any level
  Pressure pressure{};
  std::uint64_t queued = 0;       // launches that wait in its queues
  std::uint64_t in_flight = 0;    // atoms that were submitted and not completed
  std::uint32_t busy_tpcs = 0;    // on which its work runs now, as far as records say
  std::uint64_t busy_tpc_ns = 0;  // … times time
  TenantCounters counters;
  TenantStatistics statistics;  // empty if they are not kept
};

struct EngineSnapshot {
  Nanoseconds at{0};
  std::uint32_t gpu_tpcs = 0;
  std::uint64_t policy_generation = 0;
  EngineCounters counters;
  PolicyTotals policies;  // of all sets so far
  std::array<LogHistogram, kPolicyKinds> policy_call_times;  // PolicySet::call_times()
  std::uint32_t clock_mhz = 0;
  double power_w = std::numeric_limits<double>::quiet_NaN();
  std::vector<TenantSnapshot> tenants;  // by slot
};

}  // namespace lithos
