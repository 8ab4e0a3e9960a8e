// SPDX-License-Identifier: Apache-2.0
#include "ipc/tenant_peer.hpp"

namespace lithos::ipc {

TenantPeer::TenantPeer(SharedMemory memory, TenantId slot, std::uint32_t incarnation)
    : memory_(std::move(memory)),
      slot_(slot),
      incarnation_(incarnation),
      leases_(area()),
      operators_(area()),
      records_(area().records, &header().record_tail.value, &header().record_head.value),
      submissions_(area().submissions, &header().submit_tail.value, &header().submit_head.value) {}

bool TenantPeer::take_record(const TpcSet& device, Nanoseconds now, Record& record) {
  const RecordLimits limits{slot_, device, now, generation_};
  WireRecord wire;
  for (unsigned skipped = 0; skipped < kSkipMax && records_.pop(wire); ++skipped) {
    if (from_wire(wire, limits, record)) {
      ++counters_.records;
      return true;
    }
    ++counters_.bad_records;
  }
  return false;
}

bool TenantPeer::take_submission(WireSubmission& submission) {
  for (unsigned skipped = 0; skipped < kSkipMax && submissions_.pop(submission); ++skipped) {
    if (is_sound(submission)) {
      ++counters_.submissions;
      return true;
    }
    ++counters_.bad_submissions;
  }
  return false;
}

TpcSet TenantPeer::mask(std::uint32_t index) const {
  WireTpcs wire;
  load_words(wire, &area().masks[index]);
  return from_wire(wire);
}

}  // namespace lithos::ipc
