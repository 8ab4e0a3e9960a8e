// SPDX-License-Identifier: Apache-2.0
#include "sim/workload.hpp"

#include <algorithm>
#include <cassert>

namespace lithos {

Workload::Workload(const TenantConfig& config, WorkloadProgram program, Arrivals arrivals, Executor& executor,
                   QueueId queue, Nanoseconds clock_offset)
    : config_(config),
      program_(std::move(program)),
      arrivals_(std::move(arrivals)),
      executor_(executor),
      queue_(queue),
      clock_offset_(clock_offset) {
  assert(!program_.kernels.empty());
  next_arrival_ = arrivals_.next();
  update_next();
}

Status Workload::run(Nanoseconds now) {
  take_arrivals(now);
  for (;;) {
    if (to_launch_ > 0 && !queue_full_ && !in_call_ && cpu_free_at_ <= now) {
      if (Status status = launch_next(now); !status.ok()) return status;
    } else if (may_begin(now)) {
      if (Status status = begin_request(now); !status.ok()) return status;
    } else {
      break;
    }
  }
  update_next();
  return {};
}

void Workload::take_arrivals(Nanoseconds now) {
  while (next_arrival_ <= now) {
    waiting_.push() = next_arrival_;
    ++arrived_;
    next_arrival_ = arrivals_.next();
  }
}

bool Workload::may_begin(Nanoseconds now) const {
  return to_launch_ == 0 && !in_call_ && cpu_free_at_ <= now && in_flight_.size() < config_.pipeline_depth &&
         (!open_loop() || !waiting_.empty());
}

Status Workload::begin_request(Nanoseconds now) {
  Request& request = in_flight_.push();
  request.arrival = request.handed_over = now;
  if (open_loop()) {
    request.arrival = waiting_.front();
    waiting_.pop();
  } else {
    ++arrived_;
  }
  request.launches_left = program_.graph != nullptr ? 1 : static_cast<std::uint32_t>(program_.kernels.size());
  to_launch_ = request.launches_left;
  return launch_next(now);
}

Status Workload::launch_next(Nanoseconds now) {
  const Nanoseconds there = now + clock_offset_;
  const Result<LaunchId> launched =
      program_.graph != nullptr
          ? executor_.launch_graph(queue_, *program_.graph, there)
          : executor_.launch(queue_, *program_.kernels[program_.kernels.size() - to_launch_], there);
  if (!launched.ok()) {
    if (launched.status().code() != StatusCode::exhausted) return launched.status();
    queue_full_ = true;
    return {};
  }
  --to_launch_;
  cpu_free_at_ = program_.graph != nullptr ? now : now + program_.launch_gap;
  in_call_ = program_.calls_wait && executor_.waiting_launches() > 0;
  return {};
}

void Workload::launches_went(Nanoseconds now) {
  if (!in_call_ || executor_.waiting_launches() > 0) return;
  in_call_ = false;
  cpu_free_at_ = std::max(cpu_free_at_, now);
  update_next();
}

Status Workload::launch_ended(Nanoseconds now) {
  queue_full_ = false;
  assert(!in_flight_.empty());
  Request& oldest = in_flight_.front();
  if (--oldest.launches_left == 0) {
    request_done(oldest, now);
    in_flight_.pop();
    if (in_flight_.empty()) executor_.synchronised(queue_, now + clock_offset_);
    cpu_free_at_ = std::max(cpu_free_at_, now + config_.host_gap);
  }
  return run(now);
}

void Workload::request_done(const Request& request, Nanoseconds now) {
  const Nanoseconds latency = now - request.arrival;
  latency_.add(latency);
  service_.add(now - std::max(request.handed_over, last_done_));
  if (config_.slo.count() == 0 || latency <= config_.slo) ++within_slo_;
  last_done_ = now;
}

void Workload::start_measuring(Nanoseconds) {
  latency_.clear();
  service_.clear();
  arrived_ = within_slo_ = 0;
}

void Workload::update_next() {
  next_ = next_arrival_;
  if (in_call_) return;
  const bool wants_cpu =
      to_launch_ > 0 ? !queue_full_ : in_flight_.size() < config_.pipeline_depth && (!open_loop() || !waiting_.empty());
  if (wants_cpu) next_ = std::min(next_, cpu_free_at_);
}

}  // namespace lithos
