// SPDX-License-Identifier: Apache-2.0
// The service thread of a tenancy: takes launch reports from all threads, watches completion slots, tells the daemon,
// gives slots back, lowers the pressure, and names kernels that do not end.
//
// One thread for each process, started when the process becomes active; asleep while nothing is in flight (DESIGN.md §4:
// only the launch that finds it asleep pays a system call). It blocks all signals and never calls the CUDA driver.
#pragma once

#include <cstdio>
#include <deque>
#include <vector>

#include "cuda/shim/clock_offset.hpp"
#include "cuda/shim/tenancy.hpp"
#include "cuda/shim/thread_state.hpp"
#include "executor/reporter.hpp"

namespace lithos::cuda::shim {

class Service final : private TenantPort {
 public:
  static void start(Tenancy& tenancy);

 private:
  explicit Service(Tenancy& tenancy);

  struct Flying {
    InFlight atom;
    std::uint32_t slot = kNoSlot;
    std::uint64_t generation = 0;
    GraphExec* graph = nullptr;
    std::uint64_t graph_before_ns = 0;  // the leaves' newest time before it was launched, or when another of its replays ended
    Nanoseconds unsure_since = kNever;  // then that other one ended, and perhaps this one, too
    ThreadState* thread = nullptr;
    std::uint8_t borrowed = 0;
    bool named = false;  // said to hang
  };
  struct Queue {
    std::deque<Flying> flying;
    Nanoseconds last_completed{0};
    std::uint32_t ordinal = 0;
    std::uint64_t newest = 0;  // launch that was submitted
  };

  void run();
  bool step(Nanoseconds now);
  void register_fresh();
  bool take_reports(Nanoseconds now);
  void take(ThreadState& thread, const LaunchReport& report, Nanoseconds now);
  void submitted(ThreadState& thread, const LaunchReport& report, Nanoseconds now);
  void synchronised(ThreadState& thread, std::uint32_t queue, Nanoseconds now);
  bool watch_completions(Nanoseconds now);
  bool has_completed(const Flying& flying, Nanoseconds& at_gpu) const;
  static bool ended_unseen(const Flying& flying, Nanoseconds now);
  void finish(Queue& queue, QueueId id, Nanoseconds completed, Nanoseconds now);
  Nanoseconds running_borrowed() const;
  void give_up_untimed(Nanoseconds now);
  void watch_for_hangs(Nanoseconds now);
  void settle(Nanoseconds now);
  void acknowledge(Nanoseconds now);
  void sleep(Nanoseconds now);
  Queue& queue_at(std::uint64_t index);

  // TenantPort, for the reporter
  const Lease& lease() override;
  const OperatorDecision* decision(OperatorId) override { return nullptr; }
  PressureWord pressure_of(TenantId) override { return {}; }
  void publish_pressure(const PressureWord& word) override;
  void push(const Record& record) override;

  Tenancy& tenancy_;
  Reporter reporter_;
  ClockOffset clock_;
  std::vector<Queue> queues_;
  std::size_t in_flight_ = 0;
  Nanoseconds next_hang_look_{0}, next_link_look_{0}, last_found_{0};
  bool idle_said_ = true;
  std::FILE* times_ = nullptr;  // of settings().times_file; never closed, its lines are written whole
};

}  // namespace lithos::cuda::shim
