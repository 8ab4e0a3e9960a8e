// SPDX-License-Identifier: Apache-2.0
// One attachment of a tenant to one daemon: the mappings, the cursors into them, the socket. Lives until the daemon
// goes; TenantLink makes the next one. Internal to the tenant's side. One thread.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <vector>

#include "engine/gpu_shape.hpp"
#include "ipc/channel.hpp"
#include "ipc/lease_buffer.hpp"
#include "ipc/operator_table.hpp"
#include "ipc/spsc_ring.hpp"
#include "ipc/tenant_link.hpp"

namespace lithos::ipc {

class Attachment {
 public:
  // Connects, shakes hands, maps. Errors as TenantLink::connect().
  static Result<std::unique_ptr<Attachment>> make(const TenantOptions& options);

  Area& area() { return *static_cast<Area*>(area_map.get()); }
  AreaHeader& header() { return area().header; }
  // Another tenant's page has come, or is replaced.
  void take_board(const Board& board, Fd page);
  // pressed, unless the page of exactly this tenancy is here.
  PressureWord pressure_of(std::uint64_t lender_key) const;
  bool wake_daemon();  // if it sleeps
  void detach_after_fork();

  struct OtherPage {
    std::uint32_t incarnation = 0;
    Mapping map;
  };

  Channel channel{Fd{}};
  GpuShape gpu;
  TenantTerms terms;  // within what this side believes
  TenantId slot{};
  std::uint32_t incarnation = 0;
  Mapping area_map, pressure_map;
  Fd daemon_event, tenant_event;
  std::array<OtherPage, kTenantsMax> others;
  std::vector<Mapping> replaced_pages;  // stay mapped: other threads may be reading them
  std::unique_ptr<LeaseReader> leases;
  std::unique_ptr<OperatorTableReader> operators;
  std::unique_ptr<RingWriter<WireRecord, kRecords>> records;
  std::unique_ptr<RingWriter<WireSubmission, kSubmissions>> submissions;

 private:
  Status greet(const TenantOptions& options);
  Status map(const Welcome& welcome, std::vector<Fd>& fds);
};

WireGpu to_wire(const GpuShape& gpu);
Result<GpuShape> from_wire(const WireGpu& wire);

}  // namespace lithos::ipc
