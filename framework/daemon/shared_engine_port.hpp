// SPDX-License-Identifier: Apache-2.0
// The engine's output into shared memory: leases and operator decisions to the tenants' areas, clock requests to
// whoever asks.
//
// The engine publishes to a tenant from inside join(), before anybody knows its slot. So the newest lease and the
// operator decisions of a slot without a peer are kept and handed over when the peer comes. A slot's incarnation
// names the tenancy: leases carry it beside each lender, so that nobody reads the pressure page of whoever had the
// slot before. One thread (the engine's).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "engine/engine.hpp"
#include "ipc/tenant_peer.hpp"

namespace lithos {

class SharedEnginePort final : public EnginePort {
 public:
  // Called with every lease that the engine publishes: for the record of last decisions.
  std::function<void(TenantId, const Lease&)> on_lease;

  // Before Engine::join(): the incarnation that the slot it returns will have.
  void expect(std::uint32_t incarnation) { expected_ = incarnation; }
  // After it. The peer must be removed before it goes.
  void add(ipc::TenantPeer& peer);
  void remove(TenantId slot);

  void publish_lease(TenantId tenant, const Lease& lease) override;
  void publish_operator(TenantId tenant, OperatorId op, const OperatorDecision& decision) override;
  void request_clock(std::uint32_t mhz) override { clock_mhz_ = mhz; }
  std::uint32_t take_clock_request() { return std::exchange(clock_mhz_, 0); }

  // Calls visit(peer) for each tenant that something was published to since the last time.
  template <class Visit>
  void for_each_touched(Visit&& visit) {
    if (!any_touched_) return;
    any_touched_ = false;
    for (Slot& slot : slots_)
      if (std::exchange(slot.touched, false) && slot.peer != nullptr) visit(*slot.peer);
  }
  const Lease& lease_of(TenantId tenant) const { return slots_[value_of(tenant)].lease; }

 private:
  struct Slot {
    ipc::TenantPeer* peer = nullptr;
    std::uint32_t incarnation = 0;
    bool touched = false;
    Lease lease;
    std::vector<std::pair<OperatorId, OperatorDecision>> early;  // before there was a peer
  };
  std::uint32_t incarnation_of(TenantId tenant) const;

  std::array<Slot, ipc::kTenantsMax> slots_;
  std::uint32_t expected_ = 0;
  std::uint32_t clock_mhz_ = 0;
  bool any_touched_ = false;
};

}  // namespace lithos
