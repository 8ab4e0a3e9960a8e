// SPDX-License-Identifier: Apache-2.0
// A tenant's end of the transport: the executor's TenantPort over shared memory, and the virtual device's Device. It
// lives inside other people's programs, so it needs nothing but libc and the C++ runtime.
//
// Per launch it makes no system call and takes no lock: the lease is looked at with one load, a record is one copy
// into the ring, and only the first push after the daemon fell asleep pays a wake. What is rare goes over the socket,
// in service().
//
// The daemon may go and come back at any time. Meanwhile the last lease stays in force, without its borrowed TPCs;
// records are dropped and counted; what is in flight on the virtual device is handed to the next daemon's, which
// starts with an empty device. After fork() the child's link is dead (attached() is false, everything is a no-op):
// the memory is the parent's.
//
// One thread at a time, as for the executor. Times are CLOCK_MONOTONIC's.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/status.hpp"
#include "base/time.hpp"
#include "engine/gpu_shape.hpp"
#include "executor/device.hpp"
#include "executor/executor.hpp"
#include "ipc/messages.hpp"

namespace lithos::ipc {

class Attachment;

struct TenantOptions {
  std::string socket;                       // where lithosd listens
  std::string name;                         // as in the daemon's configuration
  Nanoseconds answer_limit{2'000'000'000};  // how long the daemon may take for an answer
  Nanoseconds retry_every{5'000'000};       // while there is no daemon
  bool read_by_others = false;  // other threads read attachment(): keep those of before mapped, as long as the link lives
};

struct LinkCounters {
  std::uint64_t records_dropped = 0;  // full ring, or no daemon
  std::uint64_t wakes_paid = 0;
  std::uint64_t attached = 0;     // how often
  std::uint64_t resubmitted = 0;  // handed to the next daemon's device
  std::uint64_t refused_by_device = 0;
};

class TenantLink final : public TenantPort, public Device {
 public:
  // Errors: unavailable (no daemon, or it did not answer), incompatible (another layout), exhausted (no room for a
  // tenant), invalid_argument (the daemon refuses this tenant, with its reason).
  static Result<std::unique_ptr<TenantLink>> connect(const TenantOptions& options);
  ~TenantLink() override;

  const GpuShape& gpu() const;
  Nanoseconds submit_ahead() const;  // for ExecutorConfig: what the daemon's set of policies said when we attached
  TenantId slot() const;             // may be another one after the daemon has come back
  bool attached() const;
  const TenantTerms& terms() const;
  // The memory of the newest attachment. Other threads may read it if `read_by_others` was asked for.
  Attachment& attachment();
  const LinkCounters& counters() const;

  // ---- what records will name; repeated to every new daemon. Infos must outlive the link. ----------------
  Status add_queue(QueueId queue);
  Status remove_queue(QueueId queue);
  // `curve`: time on so many TPCs; only the virtual device needs it.
  Status add_kernel(const KernelInfo& kernel, std::span<const CurvePoint> curve = {});
  Status add_graph(const GraphInfo& graph);
  // Waits until the daemon has registered all that; its reason if it refused something.
  Status checkpoint();

  // ---- TenantPort ----------------------------------------------------------------------------------------
  const Lease& lease() override;
  const OperatorDecision* decision(OperatorId op) override;
  PressureWord pressure_of(TenantId lender) override;
  void publish_pressure(const PressureWord& word) override;
  void push(const Record& record) override;

  // ---- Device: the virtual one. exhausted: no room for more in flight, try again after a completion. -----
  Status submit(const AtomSubmission& atom) override;
  Status submit_graph(const GraphSubmission& graph) override;
  // Hands what has completed to `seen`, oldest first within a queue. `seen` may submit. Returns how many.
  std::size_t take_completions(const std::function<void(const Completion&)>& seen);
  std::uint32_t in_flight() const;  // submissions

  // ---- the rare things -----------------------------------------------------------------------------------
  // Reads what the daemon said, notices that it has gone, tries to find it again. Never waits for long (a handshake
  // at most). True: the lease may be another now, so the executor should be poked.
  bool service(Nanoseconds now);
  // Whether a lease has arrived that lease() has not returned yet.
  bool lease_changed() const;
  // For a thread that sleeps in a poll of its own: from listen() to stop_listening() the daemon rings this event when a lease has come. Look
  // at lease_changed() in between, before the poll. -1: no daemon.
  int listen();
  void stop_listening();
  // Sleeps until the daemon rings (lease, completion, a lender's pressure), or `until`.
  void wait(Nanoseconds now, Nanoseconds until);

 private:
  struct Impl;
  explicit TenantLink(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace lithos::ipc
