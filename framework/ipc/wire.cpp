// SPDX-License-Identifier: Apache-2.0
#include "ipc/wire.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace lithos::ipc {
namespace {

// Device and daemon may read their clocks a moment apart.
constexpr Nanoseconds kClockSlack{10'000'000};
constexpr std::uint64_t kLongestNs = 86'400'000'000'000;  // a day

}  // namespace

std::size_t used_bytes(const WireLease& wire) {
  const std::uint64_t lenders = std::min<std::uint64_t>(wire.lenders, Lease::kMaxLenders);
  return offsetof(WireLease, lender) + lenders * sizeof(WireLender);
}

void to_wire_head(const Lease& lease, WireLease& wire) {
  wire.generation = lease.generation;
  wire.own = to_wire(lease.own);
  wire.unowned = to_wire(lease.unowned);
  for (unsigned level = 0; level < kPressureLevels; ++level) wire.borrowed[level] = to_wire(lease.borrowed[level]);
  wire.co_resident = to_wire(lease.co_resident);
  wire.idle_grace_ns = to_u64(lease.idle_grace);
  wire.outstanding_limit_ns = to_u64(lease.outstanding_limit);
  wire.uncuttable_limit_ns = to_u64(lease.uncuttable_limit);
  wire.atom_length_ns = to_u64(lease.atom_length);
  wire.expires_at_ns = to_u64(lease.expires_at);
  wire.starvation_limit_ns = to_u64(lease.starvation_limit);
  wire.launches_per_s = std::bit_cast<std::uint64_t>(lease.launches_per_s);
  wire.max_tpcs = lease.max_tpcs;
  wire.flags =
      (lease.hold ? kLeaseHold : 0) | (lease.low_priority ? kLeaseLowPriority : 0) | (lease.masked ? kLeaseMasked : 0);
  wire.lenders = std::min(lease.lenders, Lease::kMaxLenders);
}

void from_wire(const WireLease& wire, Lease& lease, std::uint64_t (&lender_key)[Lease::kMaxLenders]) {
  lease.generation = wire.generation;
  lease.own = from_wire(wire.own);
  lease.unowned = from_wire(wire.unowned);
  for (unsigned level = 0; level < kPressureLevels; ++level) lease.borrowed[level] = from_wire(wire.borrowed[level]);
  lease.co_resident = from_wire(wire.co_resident);
  lease.idle_grace = from_u64(wire.idle_grace_ns);
  lease.outstanding_limit = from_u64(wire.outstanding_limit_ns);
  lease.uncuttable_limit = from_u64(wire.uncuttable_limit_ns);
  lease.atom_length = from_u64(wire.atom_length_ns);
  lease.expires_at = from_u64(wire.expires_at_ns);
  lease.starvation_limit = from_u64(wire.starvation_limit_ns);
  const double rate = std::bit_cast<double>(wire.launches_per_s);
  lease.launches_per_s = std::isfinite(rate) && rate > 0 ? rate : 0;
  lease.max_tpcs = wire.max_tpcs;
  lease.hold = (wire.flags & kLeaseHold) != 0;
  lease.low_priority = (wire.flags & kLeaseLowPriority) != 0;
  lease.masked = (wire.flags & kLeaseMasked) != 0;
  lease.lenders = static_cast<std::uint32_t>(std::min<std::uint64_t>(wire.lenders, Lease::kMaxLenders));
  for (std::uint32_t i = 0; i < lease.lenders; ++i) {
    const WireLender& lender = wire.lender[i];
    lender_key[i] = lender.tenant;
    lease.lender[i] = {TenantId{static_cast<std::uint32_t>(lender.tenant)}, from_wire(lender.owned),
                       from_u64(lender.tolerates_ns)};
  }
}

WireDecision to_wire(const OperatorDecision& decision) {
  WireDecision wire{};
  for (unsigned i = 0; i < OperatorDecision::kPoints; ++i) wire.predicted_ns[i] = to_u64(decision.predicted_at[i]);
  wire.confidence = std::bit_cast<std::uint32_t>(static_cast<float>(decision.confidence));
  wire.tpcs = decision.tpcs;
  wire.span_tpcs = decision.span_tpcs;
  wire.rush_after = static_cast<std::uint16_t>(std::min<std::uint32_t>(decision.rush_after, 0xffff));
  wire.flags = decision.mixed ? kDecisionMixed : std::uint16_t{0};
  return wire;
}

OperatorDecision from_wire(const WireDecision& wire) {
  OperatorDecision decision;
  for (unsigned i = 0; i < OperatorDecision::kPoints; ++i) decision.predicted_at[i] = from_u64(wire.predicted_ns[i]);
  decision.confidence = std::bit_cast<float>(wire.confidence);
  decision.tpcs = wire.tpcs;
  decision.rush_after = wire.rush_after;
  decision.span_tpcs = wire.span_tpcs;
  decision.mixed = (wire.flags & kDecisionMixed) != 0;
  return decision;
}

WireRecord to_wire(const Record& record) {
  WireRecord wire{};
  wire.kind = static_cast<std::uint8_t>(record.kind);
  wire.coverage = static_cast<std::uint8_t>(record.coverage);
  wire.pressure = static_cast<std::uint8_t>(record.pressure);
  wire.last = record.last ? 1 : 0;
  wire.queue = value_of(record.queue);
  wire.op = value_of(record.op);
  wire.launch = value_of(record.launch);
  wire.first_block = record.first_block;
  wire.block_count = record.block_count;
  wire.ordinal = record.ordinal;
  wire.node = static_cast<std::uint16_t>(record.node);  // a graph has no more (kGraphNodesMax)
  wire.context = record.context;
  wire.at_ns = to_u64(record.at);
  wire.started_ns = to_u64(record.started);
  wire.predicted_ns = to_u64(record.predicted);
  wire.sequence = record.sequence;
  wire.lease_generation = record.lease_generation;
  wire.tpcs = to_wire(record.tpcs);
  wire.spinning = to_wire(record.spinning);
  return wire;
}

bool from_wire(const WireRecord& wire, const RecordLimits& limits, Record& record) {
  const std::uint64_t latest = to_u64(limits.now + kClockSlack);
  const bool enumerators = wire.kind <= static_cast<std::uint8_t>(RecordKind::synchronised) &&
                           wire.coverage < kCoverageKinds && wire.pressure < kPressureLevels && wire.last <= 1;
  const bool times = wire.at_ns <= latest && wire.started_ns <= latest && wire.predicted_ns <= kLongestNs &&
                     (wire.kind != static_cast<std::uint8_t>(RecordKind::completed) || wire.started_ns <= wire.at_ns);
  const bool state = wire.sequence != 0 && wire.lease_generation <= limits.lease_generation;
  const TpcSet tpcs = from_wire(wire.tpcs), spinning = from_wire(wire.spinning);
  if (!enumerators || !times || !state || !limits.device.contains(tpcs | spinning)) return false;

  record.kind = static_cast<RecordKind>(wire.kind);
  record.coverage = static_cast<Coverage>(wire.coverage);
  record.pressure = static_cast<Pressure>(wire.pressure);
  record.last = wire.last != 0;
  record.tenant = limits.tenant;
  record.queue = QueueId{wire.queue};
  record.op = OperatorId{wire.op};
  record.launch = LaunchId{wire.launch};
  record.first_block = wire.first_block;
  record.block_count = wire.block_count;
  record.ordinal = wire.ordinal;
  record.node = wire.node;
  record.context = wire.context;
  record.at = from_u64(wire.at_ns);
  record.started = from_u64(wire.started_ns);
  record.predicted = from_u64(wire.predicted_ns);
  record.sequence = wire.sequence;
  record.lease_generation = wire.lease_generation;
  record.tpcs = tpcs;
  record.spinning = spinning;
  return true;
}

bool is_sound(const WireSubmission& wire) {
  const bool slots = wire.slots >= 1 && wire.slots <= kSlots && wire.first_slot <= kSlots - wire.slots;
  const bool masks = wire.masks <= kMasks && wire.first_mask <= kMasks - wire.masks;
  const bool graph = (wire.flags & kSubmitGraph) != 0;
  return slots && masks && (wire.flags & ~kSubmitFlags) == 0 && wire.generation != 0 && (graph || wire.slots == 1) &&
         (!graph || (wire.flags & kSubmitMasked) == 0 || wire.masks == wire.slots);
}

}  // namespace lithos::ipc
