// SPDX-License-Identifier: Apache-2.0
// A daemon's and a tenant's end of the transport in one process, over a real memfd.
#pragma once

#include <benchmark/benchmark.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "ipc/shared_memory.hpp"
#include "ipc/tenant_peer.hpp"

namespace lithos::ipc {

struct Ends {
  Ends() : event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    Result<SharedMemory> memory = SharedMemory::make(event.get(), 1);
    tenant = Mapping(memory->area.get(), sizeof(Area), true);
    page = Mapping(memory->pressure.get(), kPage, true);
    tenant_event = Fd(::dup(memory->tenant_event.get()));
    peer = std::make_unique<TenantPeer>(std::move(memory).value(), TenantId{0}, 1);
  }
  Area& area() { return *static_cast<Area*>(tenant.get()); }

  Fd event, tenant_event;
  Mapping tenant, page;
  std::unique_ptr<TenantPeer> peer;
};

// Counters p50_ns … max_ns of a benchmark: a mean is at the mercy of one interruption.
inline void report_percentiles(benchmark::State& state, std::vector<std::int64_t>& delays_ns,
                               const std::string& prefix = "") {
  if (delays_ns.empty()) return;
  std::sort(delays_ns.begin(), delays_ns.end());
  const auto at = [&](double share) {
    return static_cast<double>(delays_ns[static_cast<std::size_t>(share * static_cast<double>(delays_ns.size() - 1))]);
  };
  state.counters[prefix + "p50_ns"] = at(0.5);
  state.counters[prefix + "p90_ns"] = at(0.9);
  state.counters[prefix + "p99_ns"] = at(0.99);
  state.counters[prefix + "max_ns"] = at(1);
}

inline Lease some_lease(std::uint64_t generation) {
  Lease lease;
  lease.generation = generation;
  lease.own = TpcSet::first(40);
  lease.lenders = 4;
  return lease;
}

inline Record some_record() {
  Record record;
  record.kind = RecordKind::submitted;
  record.sequence = 1;
  record.tpcs = TpcSet::first(40);
  return record;
}

}  // namespace lithos::ipc
