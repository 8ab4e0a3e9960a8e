// SPDX-License-Identifier: Apache-2.0
// What an executor says of itself: its pressure word, and records stamped with its state (engine/record.hpp).
// Not for more than one thread.
#pragma once

#include "base/time.hpp"
#include "engine/record.hpp"
#include "executor/executor.hpp"
#include "executor/launch_queue.hpp"

namespace lithos {

class Reporter {
 public:
  Reporter(const ExecutorConfig& config, TenantPort& port) : config_(config), port_(port) {}

  void queued(QueueId queue, const WaitingLaunch& launch, Nanoseconds now);
  void submitted(QueueId queue, const InFlight& atom, Nanoseconds now);
  void completed(QueueId queue, const InFlight& atom, const Completion& completion, bool last);
  void waiting(QueueId queue, const WaitingLaunch& head, Nanoseconds now);
  void synchronised(QueueId queue, Nanoseconds now);
  void alive(Nanoseconds now);  // a pressure record that says nothing new but the state

  // One more launch of the tenant (executor.hpp says what makes which level): true if it comes before, or right after, the end of
  // another one. And: nothing is queued or in flight any more.
  bool launching(LaunchPath path, bool others_unfinished, Nanoseconds now);
  void idle(Nanoseconds now);
  void completion_seen(Nanoseconds now) { last_completed_at_ = now; }

  // Where the tenant's launches that may spin are in flight; kept by the executor.
  TpcSet& spinning() { return spinning_; }
  Nanoseconds last_push() const { return last_push_; }
  std::uint64_t last_generation() const { return last_generation_; }

 private:
  void set_pressure(Pressure level, Nanoseconds now);
  void push(Record& record, Nanoseconds now);

  const ExecutorConfig& config_;
  TenantPort& port_;
  Pressure level_ = Pressure::idle;
  Nanoseconds last_completed_at_ = kNever;
  Nanoseconds last_push_{0};
  std::uint64_t sequence_ = 0;
  std::uint64_t last_generation_ = 0;
  TpcSet spinning_;
};

}  // namespace lithos
