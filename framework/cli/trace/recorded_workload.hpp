// SPDX-License-Identifier: Apache-2.0
// A recorded timeline as a workload that `lithos sim` runs again: per tenant the kernels of one request with the times
// they took on as many TPCs as they were seen on, when requests came, and a configuration that names both. Pure but for
// write_workload(); any thread.
//
// What a request is: a graph launch, or what ran between the ends of two requests. Of several the one of median
// length is taken. A latency-critical tenant's requests come again when they came; others run in a closed loop.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/status.hpp"
#include "cli/trace/perfetto_reader.hpp"

namespace lithos {

struct RecordedKernel {
  std::string name;
  std::uint32_t blocks = 1, threads_per_block = 1, registers_per_thread = 0, shared_bytes = 0, cluster_blocks = 1;
  std::map<std::uint32_t, double> us_on;  // TPCs → median of whole launches, microseconds
};

struct RecordedTenant {
  std::string name;
  bool critical = false, graph = false;
  std::uint32_t quota_tpcs = 0;
  std::uint64_t slo_ns = 0;
  std::vector<RecordedKernel> kernels;  // of one request, in launch order
  std::vector<double> arrivals_us;      // from the first on
};

// not_found: no tenant of the trace has a kernel that can be run again; says why.
Result<std::vector<RecordedTenant>> workload_of(const PerfettoTrace& trace);

// folder/NAME.csv, folder/NAME.arrivals.txt and folder/workload.toml; makes the folder.
Status write_workload(const std::vector<RecordedTenant>& tenants, const std::string& folder);

}  // namespace lithos
