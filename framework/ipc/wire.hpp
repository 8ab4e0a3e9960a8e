// SPDX-License-Identifier: Apache-2.0
// Between the values that engine and executor work with and their bytes in shared memory.
//
// Encoding cannot fail. Decoding what the daemon wrote (lease, decision) bounds every count, so that a damaged area
// costs a tenant its own sense and nothing else. Decoding what a tenant wrote (record, submission) checks everything
// that can be checked without the tenant's history and refuses the whole thing otherwise: the engine never sees an
// enumerator or a TPC that does not exist, a time in the future, or a lease that was never published. The caller has
// copied the bytes before: nobody changes them meanwhile. Pure functions; any thread.
#pragma once

#include "base/time.hpp"
#include "engine/lease.hpp"
#include "engine/operator.hpp"
#include "engine/record.hpp"
#include "ipc/layout.hpp"

namespace lithos::ipc {

inline WireTpcs to_wire(const TpcSet& set) {
  return {{set.words()[0], set.words()[1], set.words()[2], set.words()[3]}};
}
inline TpcSet from_wire(const WireTpcs& wire) { return TpcSet::from_words(wire.words); }

constexpr std::uint64_t to_wire(const PressureWord& word) {
  return to_u64(word.since) << 2 | static_cast<std::uint64_t>(word.level);
}
// A level that does not exist counts as pressed: nobody gains TPCs by writing nonsense.
constexpr PressureWord pressure_from_wire(std::uint64_t wire) {
  const auto level = static_cast<std::uint32_t>(wire & 3);
  return {level < kPressureLevels ? static_cast<Pressure>(level) : Pressure::pressed, from_u64(wire >> 2)};
}

constexpr std::uint64_t tenant_key(TenantId slot, std::uint32_t incarnation) {
  return std::uint64_t{incarnation} << 32 | value_of(slot);
}

// Bytes of a WireLease that carry something: those up to the last lender that counts.
std::size_t used_bytes(const WireLease& wire);

// `incarnation_of(slot)` names the tenancy behind a lender's slot.
template <class IncarnationOf>
void to_wire(const Lease& lease, WireLease& wire, IncarnationOf&& incarnation_of);
// Fills everything but Lease::lender[].tenant's incarnation, which goes to `lender_key[i]`.
void from_wire(const WireLease& wire, Lease& lease, std::uint64_t (&lender_key)[Lease::kMaxLenders]);

WireDecision to_wire(const OperatorDecision& decision);
OperatorDecision from_wire(const WireDecision& wire);

WireRecord to_wire(const Record& record);

// What the daemon knows that bounds a record.
struct RecordLimits {
  TenantId tenant{};
  TpcSet device;
  Nanoseconds now{0};
  std::uint64_t lease_generation = 0;  // newest published to this tenant
};
// False: not a record of a sound tenant.
bool from_wire(const WireRecord& wire, const RecordLimits& limits, Record& record);

// Ranges and flags within the area; whether operator and masks mean something is the device's to say.
bool is_sound(const WireSubmission& wire);

// ---- implementation of the template ----------------------------------------------------------------------

void to_wire_head(const Lease& lease, WireLease& wire);

template <class IncarnationOf>
void to_wire(const Lease& lease, WireLease& wire, IncarnationOf&& incarnation_of) {
  to_wire_head(lease, wire);
  for (std::uint64_t i = 0; i < wire.lenders; ++i) {
    const Lease::Lender& lender = lease.lender[i];
    wire.lender[i] = {tenant_key(lender.tenant, incarnation_of(lender.tenant)), to_u64(lender.tolerates),
                      to_wire(lender.owned)};
  }
}

}  // namespace lithos::ipc
