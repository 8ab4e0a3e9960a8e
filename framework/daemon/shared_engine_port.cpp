// SPDX-License-Identifier: Apache-2.0
#include "daemon/shared_engine_port.hpp"

#include <cassert>

namespace lithos {

std::uint32_t SharedEnginePort::incarnation_of(TenantId tenant) const {
  const std::uint32_t slot = value_of(tenant);
  if (slot >= slots_.size()) return 0;
  return slots_[slot].incarnation != 0 ? slots_[slot].incarnation : expected_;
}

void SharedEnginePort::add(ipc::TenantPeer& peer) {
  Slot& slot = slots_[value_of(peer.slot())];
  assert(slot.peer == nullptr);
  slot.peer = &peer;
  slot.incarnation = peer.incarnation();
  if (slot.lease.generation != 0) publish_lease(peer.slot(), slot.lease);
  for (const auto& [op, decision] : slot.early) peer.publish_operator(op, decision);
  slot.early.clear();
}

void SharedEnginePort::remove(TenantId tenant) {
  Slot& slot = slots_[value_of(tenant)];
  slot.peer = nullptr;
  slot.incarnation = 0;
  slot.early.clear();
  slot.lease = {};
}

void SharedEnginePort::publish_lease(TenantId tenant, const Lease& lease) {
  Slot& slot = slots_[value_of(tenant)];
  if (&lease != &slot.lease) {
    slot.lease = lease;
    if (on_lease) on_lease(tenant, lease);
  }
  if (slot.peer == nullptr) return;
  slot.peer->publish_lease(lease, [this](TenantId lender) { return incarnation_of(lender); });
  slot.touched = any_touched_ = true;
}

void SharedEnginePort::publish_operator(TenantId tenant, OperatorId op, const OperatorDecision& decision) {
  Slot& slot = slots_[value_of(tenant)];
  if (slot.peer != nullptr) slot.peer->publish_operator(op, decision);
  else slot.early.emplace_back(op, decision);
}

}  // namespace lithos
