// SPDX-License-Identifier: Apache-2.0
// What the scheduler policy is shown: fills the ABI's view from the tenants' books. The arrays live as long as the builder and are
// filled anew for each decision: O(1) per tenant and queue, what is in flight in runs of equal masks, and the TPCs once.
// Not for more than one thread. Source: sdk/include/lithos/policy_abi.h.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "engine/ledger.hpp"
#include "engine/tenant.hpp"

namespace lithos {

class ViewBuilder {
 public:
  explicit ViewBuilder(unsigned tpcs) : tpc_(tpcs) {}

  // `tenants` by slot. Valid until the next call.
  const lithos_sched_view& build(std::vector<Tenant>& tenants, const Ledger& ledger, std::uint32_t why, Nanoseconds budget,
                                 Nanoseconds now);
  // Of the last view.
  std::uint32_t slot_of(std::uint32_t index) const { return slot_of_index_[index]; }
  std::uint32_t index_of(std::uint32_t slot) const { return index_of_slot_[slot]; }

 private:
  void fill_tenant(Tenant& tenant, std::uint32_t index, Nanoseconds now);
  static void fill_head(const Tenant& tenant, const QueuedLaunch& launch, lithos_launch& head);
  void fill_queue(const Tenant& tenant, const QueueBook& queue, std::uint32_t index, Nanoseconds now);
  void fill_timers(const QueueBook& queue, std::uint32_t index, Nanoseconds now);

  std::vector<lithos_tenant_view> tenant_;
  std::vector<lithos_tpc_view> tpc_;
  std::vector<std::uint32_t> slot_of_index_;
  std::array<std::uint32_t, 64> index_of_slot_{};
  lithos_sched_view view_{};
};

}  // namespace lithos
