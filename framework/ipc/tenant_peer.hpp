// SPDX-License-Identifier: Apache-2.0
// The daemon's end for one tenant: publishes leases and operator decisions, takes records and submissions out of the
// rings, writes completions, wakes the tenant.
//
// Threat model: the tenant is hostile. It can write anything into the area at any moment, send any message, or stop.
// So whatever it wrote is copied before it is checked, positions and enumerators are bounded, nothing of ours is read
// back, and one call does a bounded amount of work. What is not sound is dropped and counted; a tenant that sends
// many such things harms itself only. One thread (the engine's).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/status.hpp"
#include "engine/lease.hpp"
#include "engine/operator.hpp"
#include "engine/record.hpp"
#include "ipc/channel.hpp"
#include "ipc/completion_slots.hpp"
#include "ipc/lease_buffer.hpp"
#include "ipc/operator_table.hpp"
#include "ipc/shared_memory.hpp"
#include "ipc/spsc_ring.hpp"
#include "ipc/wake.hpp"
#include "ipc/wire.hpp"

namespace lithos::ipc {

struct PeerCounters {
  std::uint64_t records = 0;
  std::uint64_t bad_records = 0;  // not those of a sound tenant
  std::uint64_t submissions = 0;
  std::uint64_t bad_submissions = 0;
  std::uint64_t wakes_paid = 0;
  std::uint64_t operators_refused = 0;  // the table is full
};

class TenantPeer {
 public:
  TenantPeer(SharedMemory memory, TenantId slot, std::uint32_t incarnation);

  TenantId slot() const { return slot_; }
  std::uint32_t incarnation() const { return incarnation_; }
  const SharedMemory& memory() const { return memory_; }
  const PeerCounters& counters() const { return counters_; }
  std::uint64_t records_dropped() const { return load(&header().records_dropped.value); }  // as the tenant says

  // ---- to the tenant -------------------------------------------------------------------------------------
  template <class IncarnationOf>
  void publish_lease(const Lease& lease, IncarnationOf&& incarnation_of) {
    to_wire(lease, wire_lease_, incarnation_of);
    leases_.publish(wire_lease_);
    generation_ = lease.generation > generation_ ? lease.generation : generation_;
  }
  void publish_operator(OperatorId op, const OperatorDecision& decision) {
    if (!operators_.publish(op, decision)) ++counters_.operators_refused;
  }
  // `slot` lies within a submission that take_submission() returned.
  void complete(std::uint32_t slot, std::uint64_t generation, Nanoseconds started, Nanoseconds completed,
                bool failed = false) {
    write_completion(area().slots[slot], generation, started, completed, failed);
  }
  // Wakes the tenant if it sleeps. To be called after one or more of the above.
  void ring_bell() {
    if (wake_if_asleep(&header().tenant_asleep.value, memory_.tenant_event.get())) ++counters_.wakes_paid;
  }

  // ---- from the tenant -----------------------------------------------------------------------------------
  PressureWord pressure() const { return pressure_from_wire(load(&memory_.pressure_at().word.value)); }
  bool take_record(const TpcSet& device, Nanoseconds now,
                   Record& record);  // skips what is not sound, at most kSkipMax at a time
  bool take_submission(WireSubmission& submission);
  TpcSet mask(std::uint32_t index) const;  // of the mask area; index < kMasks
  bool has_input() const { return !records_.empty() || !submissions_.empty(); }
  std::uint64_t nonsense() const { return records_.nonsense() + submissions_.nonsense(); }

  // ---- the daemon's sleep --------------------------------------------------------------------------------
  void daemon_sleeps() { raise_flag(&header().daemon_asleep.value); }
  void daemon_awake() { lower_flag(&header().daemon_asleep.value); }

 private:
  static constexpr unsigned kSkipMax = 16;

  Area& area() const { return memory_.area_at(); }
  AreaHeader& header() const { return area().header; }

  SharedMemory memory_;
  TenantId slot_;
  std::uint32_t incarnation_;
  std::uint64_t generation_ = 0;
  WireLease wire_lease_{};
  LeaseWriter leases_;
  OperatorTableWriter operators_;
  RingReader<WireRecord, kRecords> records_;
  RingReader<WireSubmission, kSubmissions> submissions_;
  PeerCounters counters_;
};

}  // namespace lithos::ipc
