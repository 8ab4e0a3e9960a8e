// SPDX-License-Identifier: Apache-2.0
// A tenant that replays a trace through the tenant library, as an application would run it: requests arrive (or
// follow each other), each is one graph launch or one launch per kernel. For trying a daemon out and for its tests;
// it counts every block. Launches queue unless it is latency-critical, whatever its key `queued` says: one thread cannot wait in a call.
//
// It survives its daemon: while there is none it goes on launching on its own TPCs and re-attaches. One thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "base/status.hpp"
#include "base/time.hpp"
#include "config/config.hpp"

namespace lithos {

struct ReplayOptions {
  std::string socket;
  std::string name;
  Nanoseconds duration{10'000'000'000};
  Nanoseconds finish_limit{10'000'000'000};  // for what is in flight when time is up
  std::uint64_t requests_max = 0;            // 0: by duration only
  std::uint32_t kernels_max = 0;             // of a request; 0: the whole trace
  const std::atomic<bool>* stop = nullptr;   // set: finish now
};

struct ReplayReport {
  std::uint64_t requests = 0;
  std::uint64_t blocks_launched = 0, blocks_completed = 0;  // equal at a good end
  std::uint64_t launches = 0, launches_ended = 0;
  std::uint64_t attached = 0, resubmitted = 0, records_dropped = 0, refused_by_device = 0, wakes_paid = 0;
  Nanoseconds latency_p50{0}, latency_p99{0};
  bool finished = false;  // nothing was left in flight
};

// Errors: the configuration's (no such tenant, an unreadable trace), the daemon's (not there, refuses), the executor's.
Result<ReplayReport> replay(const Config& config, const ReplayOptions& options);

}  // namespace lithos
