// SPDX-License-Identifier: Apache-2.0
// Strict priority by class: latency-critical before throughput before best effort. While anybody of a higher class has work, the classes
// below submit nothing; what they have already submitted runs to its end. Within a class everybody uses everything.
#include <algorithm>

#include <lithos/policy.hpp>

class Priority {
 public:
  static constexpr const char* id = "org.lithos.scheduler.priority";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "Strict priority by class, at launch boundaries.";
  static constexpr const char* license = "Apache-2.0";

  struct Params { std::chrono::nanoseconds outstanding; };
  static constexpr std::tuple params{
      lithos::param<&Params::outstanding>(1, "outstanding_limit", std::chrono::microseconds(100))
          .range(std::chrono::nanoseconds(0), std::chrono::milliseconds(20)).live()
          .doc("Predicted work that a lower class may have submitted beyond the launch that runs, on TPCs of others.")};

  explicit Priority(const Params& values) : params_(values) {}
  void set_params(const Params& values) { params_ = values; }

  void decide(const lithos::SchedView& view, lithos::SchedAnswer& answer) {
    std::uint32_t highest = LITHOS_CLASS_BEST_EFFORT;  // smaller numbers come first
    for (const lithos::Tenant tenant : view.tenants())
      if (!tenant.idle()) highest = std::min(highest, tenant->tenant_class);
    for (const lithos::Tenant tenant : view.tenants()) {
      lithos_lease& lease = answer.lease(tenant);
      lease.usable[LITHOS_PRESSURE_IDLE] |= view.all();
      for (auto& usable : lease.usable) usable |= view.unowned();
      lease.outstanding_limit_ns = lithos::ns(params_.outstanding);
      if (tenant->tenant_class > highest) lease.flags |= LITHOS_LEASE_HOLD;
    }
  }

 private:
  Params params_;
};
LITHOS_EXPORT_SCHEDULER(Priority)
