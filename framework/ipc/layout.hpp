// SPDX-License-Identifier: Apache-2.0
// What lies where in the memory that lithosd and one tenant share. Plain structs of fixed size; every offset is a
// constant that the handshake compares, so two builds either agree on every byte or part at once (handshake.hpp).
//
// A tenant has two memfds, both sealed against resizing, so that nobody can make the other side fault by truncating
// them:
//   area      mapped read-write by the daemon and by this tenant, by nobody else
//   pressure  one page with the tenant's pressure word; the owner maps it read-write, then the daemon seals it against
//             further writable mappings and hands it to every other tenant: they read it at each submission
//
//   who writes           what                                                               protocol
//   daemon               lease, two buffers and a counter                                    LeaseBuffer
//   daemon               operator table                                                      OperatorTable
//   daemon (the device)  completion slots                                                    CompletionArea
//   tenant               records ring, submissions ring (virtual device), graph masks        SpscRing
//   both                 sleep flags and positions, one cache line each                      wake.hpp, SpscRing
// The daemon reads nothing back that it wrote itself, and believes nothing that a tenant wrote (wire.hpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "base/tpc_set.hpp"
#include "engine/lease.hpp"

namespace lithos::ipc {

inline constexpr std::uint64_t kMagic = 0x31'30'53'4f'48'54'49'4cu;  // "LITHOS01" as bytes in memory
inline constexpr std::uint32_t kMajor = 5;                           // another major: other bytes
inline constexpr std::uint32_t kMinor = 0;  // newer minors only use bytes that older ones leave 0

inline constexpr std::size_t kCacheLine = 64;
inline constexpr std::size_t kPage = 4096;
inline constexpr unsigned kTenantsMax = 64;
static_assert(kTenantsMax == Lease::kMaxLenders);

struct WireTpcs {
  std::uint64_t words[TpcSet::kWords];
};

// ---- lease -----------------------------------------------------------------------------------------------
struct WireLender {
  std::uint64_t tenant;  // slot, and in the upper half its incarnation: whose pressure page is meant
  std::uint64_t tolerates_ns;
  WireTpcs owned;
};
struct WireLease {
  std::uint64_t generation;
  WireTpcs own, unowned, borrowed[3], co_resident;
  std::uint64_t idle_grace_ns, outstanding_limit_ns, uncuttable_limit_ns, atom_length_ns, expires_at_ns,
      starvation_limit_ns;
  std::uint64_t launches_per_s;  // bits of a double
  std::uint32_t max_tpcs;
  std::uint32_t flags;    // kLease*
  std::uint64_t lenders;  // entries of lender that count
  WireLender lender[Lease::kMaxLenders];
};
inline constexpr std::uint32_t kLeaseHold = 1, kLeaseLowPriority = 2, kLeaseMasked = 4;
static_assert(sizeof(WireLender) == 48 && offsetof(WireLease, lender) == 272 && sizeof(WireLease) == 3344);

// ---- operator table --------------------------------------------------------------------------------------
struct WireDecision {
  std::uint64_t predicted_ns[4];
  std::uint32_t confidence;  // bits of a float
  std::uint16_t rush_after;
  std::uint16_t flags;  // kDecision*
  std::uint32_t tpcs, span_tpcs;
};
inline constexpr std::uint16_t kDecisionMixed = 1;
struct OperatorEntry {
  std::uint64_t op;       // 0: free. Written once
  std::uint64_t version;  // odd while it is being written; 0: nothing decided yet
  WireDecision decision;
};
static_assert(sizeof(OperatorEntry) == kCacheLine);
inline constexpr std::size_t kOperators = 4096;

// ---- records and submissions -----------------------------------------------------------------------------
struct WireRecord {
  std::uint8_t kind, coverage, pressure, last;
  std::uint32_t queue;
  std::uint64_t op, launch;
  std::uint32_t first_block, block_count, ordinal;
  std::uint16_t node, context;
  std::uint64_t at_ns, started_ns, predicted_ns, sequence, lease_generation;
  WireTpcs tpcs, spinning;
};
static_assert(sizeof(WireRecord) == 144);
inline constexpr std::size_t kRecords = 8192;

// The virtual device's launch: what the driver's ring and doorbell are to a real GPU.
struct WireSubmission {
  std::uint64_t op, launch, generation;  // generation: the payload of its completion slots
  std::uint32_t queue, flags;            // kSubmit*
  std::uint32_t first_block, block_count;
  std::uint32_t first_slot, slots;  // one completion slot; for a graph one per node
  std::uint32_t first_mask, masks;  // graph: its nodes' masks in the mask area
  WireTpcs tpcs;
  std::uint64_t reserved[5];
};
inline constexpr std::uint32_t kSubmitGraph = 1, kSubmitCut = 2, kSubmitMasked = 4, kSubmitLowPriority = 8;
inline constexpr std::uint32_t kSubmitFlags = 15;
static_assert(sizeof(WireSubmission) == 128);
inline constexpr std::size_t kSubmissions = 2048;
inline constexpr std::size_t kMasks = 32768;  // TPC sets

// ---- completions -----------------------------------------------------------------------------------------
// The first 16 bytes are what a GPU writes at the end of a kernel: payload, then its clock (GPU.md §6).
struct CompletionSlot {
  std::uint64_t payload;  // the generation that has completed
  std::uint64_t completed_ns;
  std::uint64_t started_ns;  // 0: not known, as on a real GPU
  std::uint64_t failed;      // not 0: the device refused the launch
};
static_assert(sizeof(CompletionSlot) == 32);
inline constexpr std::size_t kSlots = 8192;

// ---- the area --------------------------------------------------------------------------------------------
template <class T>
struct alignas(kCacheLine) Line {
  T value;
};

struct AreaHeader {
  std::uint64_t magic;
  std::uint32_t major, minor;
  std::uint64_t bytes;
  std::uint64_t incarnation;          // of this tenancy: never used twice by one daemon
  Line<std::uint32_t> daemon_asleep;  // 1: a push must wake the daemon; exchanged for 0 by who does
  Line<std::uint32_t> tenant_asleep;  // likewise the other way
  Line<std::uint64_t> lease_counter;  // LeaseBuffer
  Line<std::uint64_t> record_tail, record_head;
  Line<std::uint64_t> submit_tail, submit_head;
  Line<std::uint64_t> records_dropped;  // by the tenant, at a full ring
};

struct Area {
  alignas(kPage) AreaHeader header;
  alignas(kPage) WireLease lease[2];
  alignas(kPage) OperatorEntry operators[kOperators];
  alignas(kPage) WireRecord records[kRecords];
  alignas(kPage) WireSubmission submissions[kSubmissions];
  alignas(kPage) CompletionSlot slots[kSlots];
  alignas(kPage) WireTpcs masks[kMasks];
};
static_assert(std::is_standard_layout_v<Area> && std::is_trivially_copyable_v<Area>);
static_assert(offsetof(Area, lease) == 0x1000 && offsetof(Area, operators) == 0x3000 &&
              offsetof(Area, records) == 0x43000);
static_assert(offsetof(Area, submissions) == 0x163000 && offsetof(Area, slots) == 0x1a3000 &&
              offsetof(Area, masks) == 0x1e3000);
static_assert(sizeof(Area) == 0x2e3000);

struct PressurePage {
  Line<std::uint64_t> word;  // since_ns << 2 | level
};
static_assert(sizeof(PressurePage) <= kPage);

}  // namespace lithos::ipc
