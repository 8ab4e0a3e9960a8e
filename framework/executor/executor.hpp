// SPDX-License-Identifier: Apache-2.0
// The executor: one per tenant, in the tenant. It turns launches into atoms under the lease, in order, within limits, by the safety
// rules of DESIGN.md §5, and says what it did. Pure: time, device and transport come in from outside; no locks, no clock, no
// allocation in the steady state. One thread at a time.
//
// Two paths (DESIGN.md §4). Inline: launches and graphs go to the device at once, on what the lease gives now (latency-critical).
// Queued: launches wait in a bounded FIFO per queue and are submitted atom by atom as the lease, the outstanding limit and the lenders'
// pressure allow; the lease is read again before each atom. A launch of the inline path that must not run yet (no lease so far, or no
// right to spin where it would) waits in the same FIFO: correct by default, fast by exception.
//
// The caller: calls on_completed for every completion of the device; pokes when a lease has arrived, when a lender's pressure word has
// changed, and at next_poke(), which it asks for again after every call. The executor makes all records, `completed` ones included.
//
// Pressure. A launch on an inline queue makes the tenant `pressed` if another launch of it is unfinished, or if it comes within
// `back_to_back` of the last completion; else `active`. Launches on queued queues make it at least `active`. It stays at its level
// until nothing is queued or in flight: then `idle`.
#pragma once

#include <cstdint>
#include <memory>

#include "base/ids.hpp"
#include "base/status.hpp"
#include "base/time.hpp"
#include "engine/lease.hpp"
#include "engine/operator.hpp"
#include "engine/record.hpp"
#include "executor/device.hpp"

namespace lithos {

// The tenant's end of the transport.
class TenantPort {
 public:
  virtual ~TenantPort() = default;
  virtual const Lease& lease() = 0;                                    // the newest that has arrived
  virtual const OperatorDecision* decision(OperatorId op) = 0;         // nullptr: not decided yet
  virtual PressureWord pressure_of(TenantId lender) = 0;               // as far as it is visible here
  virtual void publish_pressure(const PressureWord& word) = 0;         // this tenant's own
  virtual void push(const Record& record) = 0;                         // to the engine; never blocks
};

enum class LaunchPath : std::uint8_t { inline_path, queued_path };

struct ExecutorConfig {
  TenantId tenant{};
  std::uint32_t queue_capacity = 4096;          // launches waiting per queue; beyond: launch() says `exhausted`
  std::uint32_t max_atoms_in_flight = 64;       // per queue
  Nanoseconds back_to_back{50'000};             // a launch so soon after the last completion belongs to the same busy period
  Nanoseconds default_prediction{100'000};      // operators nobody has predicted yet
  Nanoseconds submit_ahead{20'000};             // keep at least so much predicted work in flight on the queued path
};

class Executor {
 public:
  Executor(const GpuShape& gpu, const ExecutorConfig& config, Device& device, TenantPort& port);
  ~Executor();

  void add_queue(QueueId queue, LaunchPath path);
  void remove_queue(QueueId queue, Nanoseconds now);  // its waiting launches are submitted first

  // One kernel launch, or one graph launch, in the queue's order. The infos must outlive the executor.
  Result<LaunchId> launch(QueueId queue, const KernelInfo& kernel, Nanoseconds now);
  Result<LaunchId> launch_graph(QueueId queue, const GraphInfo& graph, Nanoseconds now);
  void synchronised(QueueId queue, Nanoseconds now);  // the program waited for the queue: ordinals restart
  // Everything queued on `queue` is submitted now, ignoring limits and hold (an unclassified call follows; DESIGN.md §4). Only a launch
  // that may spin and has no right to is left, and goes as soon as it has: see waiting_launches().
  void flush(QueueId queue, Nanoseconds now);

  // A completion became visible. Returns true if it ended its launch (last atom, or the graph's last node).
  bool on_completed(const Completion& completion, Nanoseconds now);
  // Looks again at every waiting queue: a new lease, a lender's pressure, or time itself may let something run.
  void poke(Nanoseconds now);
  Nanoseconds next_poke() const;  // when to poke if nothing else happens before; kNever: no need

  std::uint32_t waiting_launches() const;
  std::uint32_t atoms_in_flight() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace lithos
