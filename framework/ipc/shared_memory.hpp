// SPDX-License-Identifier: Apache-2.0
// The memory of one tenancy, made by the daemon: two sealed memfds and two eventfds. Any thread.
#pragma once

#include "base/status.hpp"
#include "ipc/fd.hpp"
#include "ipc/layout.hpp"

namespace lithos::ipc {

struct SharedMemory {
  Fd area, pressure;               // the memfds
  Mapping area_map, pressure_map;  // the daemon's: read-write, read-only
  Fd daemon_event, tenant_event;   // who is woken by it

  Area& area_at() const { return *static_cast<Area*>(area_map.get()); }
  const PressurePage& pressure_at() const { return *static_cast<const PressurePage*>(pressure_map.get()); }

  // `daemon_event` is shared by all tenants and duplicated here. Sizes cannot change from the start.
  static Result<SharedMemory> make(int daemon_event, std::uint32_t incarnation);
  // The owner has mapped its page: nobody can map it writable any more, so it may be handed around.
  Status seal_pressure() const;
};

}  // namespace lithos::ipc
