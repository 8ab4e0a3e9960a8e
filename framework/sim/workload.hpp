// SPDX-License-Identifier: Apache-2.0
// The program of one tenant: requests arrive, each is one graph launch or one launch per kernel of the trace, and ends
// when the program has seen its last launch complete.
//
//   open loop    requests come by themselves and wait their turn; latency counts from the arrival
//   closed loop  the next iteration begins host_gap after the last was seen complete
//   graph        one launch per request
//   eager        one launch per kernel: the CPU needs launch_gap for each, and they queue up on the GPU meanwhile
//   pipeline_depth  requests handed over before the first was seen complete: 1 is a server that synchronises each time
//
// All times are the engine's; the executor is called with the tenant's. One thread.
#pragma once

#include <cstdint>
#include <vector>

#include "base/ids.hpp"
#include "base/status.hpp"
#include "base/time.hpp"
#include "config/config.hpp"
#include "engine/operator.hpp"
#include "executor/executor.hpp"
#include "sim/arrivals.hpp"
#include "sim/fifo.hpp"
#include "sim/statistics.hpp"

namespace lithos {

struct WorkloadProgram {
  std::vector<const KernelInfo*> kernels;  // of one request, in launch order; at least one
  const GraphInfo* graph = nullptr;        // not null: launched as this graph
  Nanoseconds launch_gap{0};               // eager: CPU time per launch
  bool calls_wait = false;                 // a launch call returns once its launch has gone to the device; else it only joins the queue
};

class Workload {
 public:
  Workload(const TenantConfig& config, WorkloadProgram program, Arrivals arrivals, Executor& executor, QueueId queue,
           Nanoseconds clock_offset);

  bool open_loop() const { return config_.arrivals.kind != ArrivalKind::closed_loop; }

  // When the program does something next if nothing happens before.
  Nanoseconds next() const { return next_; }
  // Does everything that is due. Errors are the executor's (a launch that no device could run).
  Status run(Nanoseconds now);
  // Waiting launches may have gone: a call that waited for that returns.
  void launches_went(Nanoseconds now);
  // The executor reported the end of a launch.
  Status launch_ended(Nanoseconds now);

  // From here on things count (end of warm-up).
  void start_measuring(Nanoseconds now);

  std::uint64_t arrived() const { return arrived_; }  // since start_measuring()
  std::uint64_t completed() const { return latency_.count(); }
  std::uint64_t within_slo() const { return within_slo_; }
  std::uint64_t unfinished() const { return waiting_.size() + in_flight_.size(); }
  DurationStatistics& latency() { return latency_; }
  DurationStatistics& service() { return service_; }

 private:
  struct Request {
    Nanoseconds arrival{0};
    Nanoseconds handed_over{0};
    std::uint32_t launches_left = 0;
  };

  void take_arrivals(Nanoseconds now);
  bool may_begin(Nanoseconds now) const;
  Status begin_request(Nanoseconds now);
  Status launch_next(Nanoseconds now);
  void request_done(const Request& request, Nanoseconds now);
  void update_next();

  const TenantConfig config_;
  const WorkloadProgram program_;
  Arrivals arrivals_;
  Executor& executor_;
  const QueueId queue_;
  const Nanoseconds clock_offset_;

  Nanoseconds next_arrival_ = kNever;
  Fifo<Nanoseconds> waiting_;   // arrival times of requests not begun
  Fifo<Request> in_flight_;     // begun; front: the oldest
  std::size_t to_launch_ = 0;   // kernels of the newest request still to be launched (eager)
  bool queue_full_ = false;     // the executor took no more: try again after the next completion
  bool in_call_ = false;        // with `calls_wait`: its launch has not gone
  Nanoseconds cpu_free_at_{0};  // the program's thread is busy until then
  Nanoseconds next_ = kNever;
  Nanoseconds last_done_{0};

  std::uint64_t arrived_ = 0, within_slo_ = 0;
  DurationStatistics latency_, service_;
};

}  // namespace lithos
