// SPDX-License-Identifier: Apache-2.0
// What executors tell the engine: one fixed-size record per event, pushed to the tenant's ring. A full ring drops and counts; the
// engine must therefore stay right when any record is missing, late, doubled or out of order (DESIGN.md §4).
//
// Every record of a tenant is made by its Executor (also `completed`, from Executor::on_completed), so the transport only carries
// them. Besides its event, each carries the executor's state just after it (`sequence` … `spinning`): what a lost record said is
// repeated by the next one. The daemon trusts none of it further than the tenant's own leases.
#pragma once

#include <cstdint>

#include "base/ids.hpp"
#include "base/time.hpp"
#include "base/tpc_set.hpp"
#include "engine/kinds.hpp"

namespace lithos {

enum class RecordKind : std::uint8_t {
  queued,     // a launch entered a launch queue
  submitted,  // an atom (or whole launch, or graph) was given to the device
  completed,  // the device finished one; started/completed are device times
  waiting,    // the head of a queue cannot run under the lease (block_count: its minimum in TPCs)
  pressure,   // the tenant's pressure changed, or: a sign of life that carries the state below
  synchronised,  // the program waited for the queue: the launches since the last time were one request
};

// Why a launch went the way it did; counted per tenant, never lost (DESIGN.md §5.7).
enum class Coverage : std::uint8_t {
  masked,            // confined to chosen TPCs, whole, as policy wished
  cut,               // run as several atoms
  whole_small,       // all its blocks are resident at once
  whole_persistent,  // pulls tiles, cutting buys nothing
  whole_co_resident, // its blocks may wait for each other
  whole_special,     // cooperative, cluster or launch attribute that forbids cutting
  graph,             // inside a graph: masks fixed at its first launch
  unmasked,          // masks are turned off
  starved,           // ran at its minimum after the starvation limit
  bypassed,          // stood aside, with a reason elsewhere
  driver_internal,   // not the tenant's own launch
  whole_dear,        // cutting would cost more than it spares
};
inline constexpr unsigned kCoverageKinds = 12;
const char* name_of(Coverage coverage);

struct Record {
  RecordKind kind{};
  Coverage coverage{};
  bool last = true;             // the launch's last atom, or the graph's last node
  Pressure pressure{};          // the tenant's, in every record
  TenantId tenant{};
  QueueId queue{};
  LaunchContext context = 0;    // kernels: what the queue's launch before was
  OperatorId op{};
  LaunchId launch{};
  std::uint32_t first_block = 0;
  std::uint32_t block_count = 0;
  std::uint32_t ordinal = 0;    // since the queue's last synchronisation
  std::uint32_t node = 0;       // completed nodes of a graph: 1 + index; 0: the launch itself
  TpcSet tpcs;                  // where it was allowed to run
  Nanoseconds at{0};            // event's time (completed: the completion's)
  Nanoseconds started{0};       // completed only
  Nanoseconds predicted{0};     // submitted only
  std::uint64_t sequence = 0;          // counts the executor's records from 1
  std::uint64_t lease_generation = 0;  // newest lease the executor has read: older ones will not be used any more
  TpcSet spinning;                     // where its launches that may spin are in flight (DESIGN.md §5.1)
};

}  // namespace lithos
