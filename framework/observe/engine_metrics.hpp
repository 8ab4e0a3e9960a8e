// SPDX-License-Identifier: Apache-2.0
// The engine's metrics over a process's life. Tenants come and go and their counters with them; here they are added up
// by name, so that counters never fall. Names are bounded: strangers may attach under any name they like.
// Not for more than one thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "engine/engine_snapshot.hpp"
#include "observe/metric_page.hpp"

namespace lithos {

class EngineMetrics {
 public:
  static constexpr std::size_t kNamesMax = 64;
  static constexpr const char* kOther = "_other";  // the tenant label of all further names

  // Adds what was counted since the snapshot before to the totals, and puts everything on the page.
  void take(const EngineSnapshot& now, MetricPage& page);

 private:
  struct Totals {
    TenantCounters counters;
    TenantStatistics statistics;
    std::uint64_t busy_tpc_ns = 0;
  };
  struct Seen {  // of a tenant, at the snapshot before
    Totals totals;
    std::string label;
  };
  const std::string& label_for(const TenantSnapshot& tenant);
  void add_up(const TenantSnapshot& tenant, const std::string& label);
  void put_tenants(const EngineSnapshot& now, double seconds, MetricPage& page);
  static void put_engine(const EngineSnapshot& now, MetricPage& page);

  std::map<std::uint64_t, Seen> seen_;               // by serial: those of the snapshot before
  std::map<std::string, Totals> totals_;             // by label
  std::map<std::string, std::uint64_t> busy_since_;  // TPC·ns since the snapshot before, by label
  std::uint64_t merged_ = 0;
  Nanoseconds last_at_{0};
};

}  // namespace lithos
