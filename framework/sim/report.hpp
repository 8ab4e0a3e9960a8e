// SPDX-License-Identifier: Apache-2.0
// What one simulated run found: numbers for the table, the JSON and the tests. Plain values, no behaviour; any thread
// once filled.
//
// All counts and rates cover the measured window only (after warm-up, until the end), latencies the requests that
// completed in it. Times are simulated. Latency of a request: from its arrival until the tenant's program has seen its
// completion.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "base/tpc_set.hpp"
#include "engine/engine.hpp"
#include "engine/record.hpp"
#include "sim/power_model.hpp"
#include "sim/statistics.hpp"
#include "sim/timeline.hpp"

namespace lithos {

// One fault counter of one policy that is not zero, for example {"scheduler", "unknown_tpcs", 3, "…"}.
struct PolicyFaultCount {
  std::string kind;
  std::string reason;
  std::uint64_t count = 0;
  std::string last_message;  // what the policy said last; may be empty
};

struct PolicyMetricValue {
  std::string kind;
  std::string name;
  std::string unit;
  double value = 0;
};

// Which policy took a role in this run.
struct PolicyUsed {
  std::string kind;
  std::string id;
  std::string version;
  std::string hash;  // of the library; empty: compiled in
};

struct TenantReport {
  std::string name;
  TenantClass tenant_class = TenantClass::best_effort;
  std::uint32_t quota_tpcs = 0;
  TpcSet own;  // chosen when it joined; empty where the scheduler confines nobody
  bool open_loop = false;  // arrivals come whether or not earlier requests are done

  std::uint64_t arrivals = 0;
  std::uint64_t requests = 0;    // completed requests or iterations
  std::uint64_t unfinished = 0;  // arrived and not completed when the run ended
  double throughput_per_s = 0;
  double solo_rate_per_s = 0;  // the same tenant alone on the whole GPU, unmasked; 0: not computed
  Nanoseconds solo_p99{0};           // … and its p99 then
  double share_of_solo = 0;    // throughput / solo rate

  Nanoseconds latency_p50{0}, latency_p90{0}, latency_p99{0}, latency_p999{0}, latency_max{0}, latency_mean{0};
  std::vector<DurationBucket> latency_histogram;
  Nanoseconds service_mean{
      0};  // from hand-over to the GPU's queue (or the previous completion, if later) to completion seen
  Nanoseconds service_p50{0};
  Nanoseconds slo{0};         // 0: none
  double slo_attainment = 1;  // share of completed requests within the SLO

  std::array<std::uint64_t, kCoverageKinds> launches{};  // by Coverage
  std::uint64_t atoms = 0;                               // submissions to the device; a graph is one
  std::uint64_t mispredicted = 0;
  double tpc_share = 0;               // of all TPCs times time
  std::vector<OperatorReport> operators;  // only if asked for
  double work_on_borrowed_share = 0;  // share of its TPC time on TPCs that it does not own
};

struct SetReport {
  std::string name;
  std::string sharing;  // "mps" or "time_slicing"
  bool confined = false;  // the scheduler gave out TPCs; else the hardware shared them as it does
  std::vector<PolicyUsed> policies;
  std::vector<TenantReport> tenants;

  double simulated_s = 0;  // measured window
  double wall_s = 0;       // real time the run took, inputs read before it not counted; part of no comparison
  double cpu_s = 0;        // likewise, of the thread that ran it
  std::uint64_t seed = 0;

  double tpc_utilisation = 0;  // 0 … 1: share of TPC time with a block resident
  double energy_j = 0;
  double mean_power_w = 0;
  double mean_clock_mhz = 0;
  std::vector<ClockUse> clock_use;  // clocks that were in force (power_model.hpp)
  double worst_slip_10s = 1;        // by lowered clocks: slowdown of all launches over the worst ten seconds

  EngineCounters engine;
  std::vector<PolicyFaultCount> faults;
  std::vector<PolicyMetricValue> metrics;
  std::uint64_t records_lost = 0;  // by the transport
  std::uint64_t events = 0;        // steps of the simulation
  std::uint64_t atoms = 0;  // kernels and atoms that the device ran, those of graphs one by one; warm-up included
  std::vector<std::string> warnings;  // one sentence each
  std::vector<Timeline> timelines;    // only if asked for: the whole measured window, then a few milliseconds of it
};

}  // namespace lithos
