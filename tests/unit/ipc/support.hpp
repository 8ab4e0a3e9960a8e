// SPDX-License-Identifier: Apache-2.0
// Sample values, and an area without a daemon.
#pragma once

#include <cstring>
#include <memory>
#include <new>
#include <random>

#include "engine/lease.hpp"
#include "engine/record.hpp"
#include "ipc/layout.hpp"

namespace lithos::testing {

// An area in private memory, zeroed as a fresh memfd is.
struct PrivateArea {
  PrivateArea() : at(::operator new (sizeof(ipc::Area), std::align_val_t{ipc::kPage})) {
    std::memset(at, 0, sizeof(ipc::Area));
  }
  ~PrivateArea() { ::operator delete (at, std::align_val_t{ipc::kPage}); }
  ipc::Area& operator*() const { return *static_cast<ipc::Area*>(at); }
  ipc::Area* operator->() const { return static_cast<ipc::Area*>(at); }
  void* at;
};

// A lease all of whose numbers follow from `generation`: a torn one is recognised.
inline Lease lease_number(std::uint64_t generation, std::uint32_t lenders = Lease::kMaxLenders) {
  Lease lease;
  lease.generation = generation;
  lease.own = TpcSet::of(static_cast<unsigned>(generation % 66));
  lease.borrowed[2] = TpcSet::first(static_cast<unsigned>(generation % 60));
  lease.lenders = lenders;
  for (std::uint32_t i = 0; i < lenders; ++i)
    lease.lender[i] = {TenantId{i}, TpcSet::of(static_cast<unsigned>((generation + i) % 66)),
                       Nanoseconds{static_cast<std::int64_t>(generation)}};
  lease.atom_length = lease.outstanding_limit = Nanoseconds{static_cast<std::int64_t>(generation)};
  lease.launches_per_s = static_cast<double>(generation);
  return lease;
}

inline bool is_whole(const Lease& lease) {
  const Lease expected = lease_number(lease.generation, lease.lenders);
  bool same = lease.own == expected.own && lease.borrowed == expected.borrowed &&
              lease.atom_length == expected.atom_length && lease.outstanding_limit == expected.outstanding_limit &&
              lease.launches_per_s == expected.launches_per_s;
  for (std::uint32_t i = 0; i < lease.lenders; ++i)
    same = same && lease.lender[i].owned == expected.lender[i].owned &&
           lease.lender[i].tolerates == expected.lender[i].tolerates;
  return same;
}

inline Record record_number(std::uint64_t sequence) {
  Record record;
  record.kind = RecordKind::submitted;
  record.coverage = Coverage::cut;
  record.pressure = Pressure::pressed;
  record.queue = QueueId{7};
  record.op = OperatorId{sequence * 3 + 1};
  record.launch = LaunchId{sequence};
  record.block_count = static_cast<std::uint32_t>(sequence);
  record.node = 100;
  record.context = static_cast<LaunchContext>(sequence + 40'000);
  record.tpcs = TpcSet::first(static_cast<unsigned>(sequence % 66));
  record.at = Nanoseconds{static_cast<std::int64_t>(sequence)};
  record.sequence = sequence;
  return record;
}

}  // namespace lithos::testing
