// SPDX-License-Identifier: Apache-2.0
// What a run looked like over time, for people: who had work on which TPC, who might use how many, queues, clock and
// power. Bounded whatever the length of the run.
//
// A span of time is cut into bins and a few instants of each are looked at, one at a random place in each equal part of
// the bin: evenly spaced ones would be in step with a periodic workload. With one instant per bin the map shows single
// launches, with many it shows shares. Times are the run's. Plain values; the sampler: one thread, no allocation after
// construction.
#pragma once

#include <cstdint>
#include <vector>

#include "base/time.hpp"
#include "base/tpc_set.hpp"
#include "sim/arrivals.hpp"

namespace lithos {

struct TimelineSpan {
  Nanoseconds start{0}, end{0};
  std::uint32_t bins = 1;
  std::uint32_t samples_per_bin = 1;
};

// What one tenant did at one instant.
struct TenantSample {
  TpcSet working;                   // a block of it is resident there
  TpcSet own;                       // fixed for the tenant's life
  TpcSet leased;                    // it may use these, own ones included, as far as their owners leave them idle
  std::uint64_t open_requests = 0;  // arrived and not completed
};

struct TenantTimeline {
  std::vector<std::uint16_t> working;  // [tpc * bins + bin]: at how many of the bin's instants it had work there
  std::vector<double> working_tpcs, borrowed_tpcs, leased_tpcs, open_requests;  // [bin], means
};

struct Timeline {
  Nanoseconds start{0}, bin{0};
  std::uint32_t bins = 0;  // those that the run reached
  std::uint32_t samples_per_bin = 0, tpcs = 0;
  std::vector<TenantTimeline> tenants;     // in the order of the run's
  std::vector<double> clock_mhz, power_w;  // [bin], means
};

class TimelineSampler {
 public:
  TimelineSampler(const TimelineSpan& span, std::uint32_t tpcs, std::size_t tenants, std::uint64_t seed);

  Nanoseconds next() const { return next_; }  // when to look; kNever: the span is over
  // At next(): one sample per tenant, in order.
  void look(const std::vector<TenantSample>& tenants, double clock_mhz, double power_w);
  Timeline finish() const;  // the bins that were looked at to the end

 private:
  void choose_next();

  const TimelineSpan span_;
  const std::uint32_t tpcs_;
  Random random_;
  std::uint64_t sample_ = 0;  // the next one's number
  Nanoseconds next_{0};
  Timeline sums_;
};

}  // namespace lithos
