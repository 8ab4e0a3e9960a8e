// SPDX-License-Identifier: Apache-2.0
// The in-process transport: what lies between executors and engine, with the imperfections of a real one injected
// (TransportConfig).
//
//   executor → engine    records: visible after delay and jitter, in order; some are lost, some overtaken by the next
//   engine → executor    leases and decisions: visible after decision_delay, delay and jitter, in order
//   executor → executor  pressure words: visible after reclaim_delay; the newest counts, and each change wakes borrowers
//   device → executor    completions: seen after completion_delay and jitter, in order, never lost: they are memory
// The tenant's clock may be off by clock_offset: the caller hands executors tenant_time(), everything here is in the
// engine's time.
//
// The caller sets the time first (set_now), asks next() when something becomes visible, and takes it. Steady state does
// not allocate. Deterministic for a seed. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "config/config.hpp"
#include "engine/engine.hpp"
#include "engine/flat_map.hpp"
#include "executor/executor.hpp"
#include "sim/arrivals.hpp"
#include "sim/fifo.hpp"

namespace lithos {

class Transport;

// One tenant's end.
class TenantChannel final : public TenantPort {
 public:
  TenantChannel(Transport& transport, std::uint64_t seed);

  // For the executor.
  const Lease& lease() override;
  const OperatorDecision* decision(OperatorId op) override;
  PressureWord pressure_of(TenantId lender) override;
  void publish_pressure(const PressureWord& word) override;
  void push(const Record& record) override;

  // For the simulation: when something becomes visible next, and what is visible now.
  Nanoseconds next() const { return next_; }
  bool take_record(Record& out);          // for the engine
  bool take_completion(Completion& out);  // for the executor
  bool take_lease();                      // a new lease is in force; the executor should look again
  bool take_pressure();                   // this tenant's word has changed for the others

  void completed(const Completion& completion);  // the device finished something, now

 private:
  friend class Transport;
  template <class T>
  struct Timed {
    Nanoseconds at{0};
    T value;
  };
  template <class T>
  static Nanoseconds head(const Fifo<Timed<T>>& fifo) {
    return fifo.empty() ? kNever : fifo.front().at;
  }
  template <class T>
  T& send(Fifo<Timed<T>>& fifo, Nanoseconds after);
  template <class T>
  bool due(const Fifo<Timed<T>>& fifo) const;
  void update_next();
  void deliver(const Lease& lease);
  void deliver(OperatorId op, const OperatorDecision& decision);

  Transport& transport_;
  Random random_;
  Fifo<Timed<Record>> records_;
  Fifo<Timed<Completion>> completions_;
  Fifo<Timed<Lease>> leases_;
  Fifo<Timed<PressureWord>> pressures_;
  Fifo<Timed<std::pair<OperatorId, OperatorDecision>>> decisions_;
  bool holding_ = false;  // a record that the next will overtake
  Record held_;
  Lease lease_;
  PressureWord pressure_;
  FlatMap decision_index_;  // operator → position in decision_
  std::vector<OperatorDecision> decision_;
  Nanoseconds next_ = kNever;
};

class Transport final : public EnginePort {
 public:
  Transport(const TransportConfig& config, std::uint64_t seed);
  ~Transport() override;

  // Channels are found by the tenant's slot; to be added before the engine publishes to it.
  TenantChannel& add_tenant(TenantId tenant);
  TenantChannel& channel(TenantId tenant) { return *channels_[value_of(tenant)]; }

  void set_now(Nanoseconds now) { now_ = now; }
  Nanoseconds now() const { return now_; }
  Nanoseconds tenant_time(Nanoseconds now) const { return now + config_.clock_offset; }
  Nanoseconds from_tenant_time(Nanoseconds at) const { return at == kNever ? kNever : at - config_.clock_offset; }

  void publish_lease(TenantId tenant, const Lease& lease) override;
  void publish_operator(TenantId tenant, OperatorId op, const OperatorDecision& decision) override;
  void request_clock(std::uint32_t mhz) override { clock_request_mhz_ = mhz; }

  std::uint32_t take_clock_request() { return std::exchange(clock_request_mhz_, 0); }  // 0: none
  std::uint64_t records_lost() const { return lost_; }

 private:
  friend class TenantChannel;
  TransportConfig config_;
  std::uint64_t seed_;
  Nanoseconds now_{0};
  std::uint32_t clock_request_mhz_ = 0;
  std::uint64_t lost_ = 0;
  std::vector<std::unique_ptr<TenantChannel>> channels_;  // by tenant slot; may have holes
};

}  // namespace lithos
