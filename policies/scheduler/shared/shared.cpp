// SPDX-License-Identifier: Apache-2.0
// Shared, like MPS without any limit: no launch is confined, the hardware places blocks as it does without us. The floor of every comparison.
// Its set says masks = false; where masks are on, tenants keep what they own and the rest is everybody's.
#include <lithos/policy.hpp>

class Shared {
 public:
  static constexpr const char* id = "org.lithos.scheduler.shared";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "Nobody is confined: the hardware shares as it does under MPS.";
  static constexpr const char* license = "Apache-2.0";

  void decide(const lithos::SchedView& view, lithos::SchedAnswer& answer) {
    for (const lithos::Tenant tenant : view.tenants()) {
      lithos_lease& lease = answer.lease(tenant);
      for (auto& usable : lease.usable) usable |= view.unowned();
      lease.flags = LITHOS_LEASE_UNMASKED;
    }
  }
};
LITHOS_EXPORT_SCHEDULER(Shared)
