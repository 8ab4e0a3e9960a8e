// SPDX-License-Identifier: Apache-2.0
// Static partition, like MIG but TPC by TPC: every tenant runs on its own TPCs, always and only. Nothing is lent, whether used or not.
#include <lithos/policy.hpp>

class StaticPartition {
 public:
  static constexpr const char* id = "org.lithos.scheduler.static_partition";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "Every tenant on its own TPCs, always and only.";
  static constexpr const char* license = "Apache-2.0";

  // A lease is preset to the tenant's own TPCs, plus the unowned ones for tenants without a quota: that is the policy.
  void decide(const lithos::SchedView&, lithos::SchedAnswer&) {}
};
LITHOS_EXPORT_SCHEDULER(StaticPartition)
