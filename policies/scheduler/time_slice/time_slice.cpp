// SPDX-License-Identifier: Apache-2.0
// Time slicing at launch boundaries: tenants with work take turns on the whole GPU. A turn ends with its quantum or when its tenant has
// nothing left to run; kernels are not preempted, so a turn lasts up to one kernel longer.
#include <lithos/policy.hpp>

using namespace std::chrono_literals;

class TimeSlice {
 public:
  static constexpr const char* id = "org.lithos.scheduler.time_slice";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "Tenants with work take turns on the whole GPU.";
  static constexpr const char* license = "Apache-2.0";

  struct Params { std::chrono::nanoseconds quantum; };
  static constexpr std::tuple params{
      lithos::param<&Params::quantum>(1, "quantum", 2ms).range(100us, 1s).live().doc("Length of a turn.")};

  explicit TimeSlice(const Params& values) : params_(values) {}
  void set_params(const Params& values) { params_ = values; }

  void decide(const lithos::SchedView& view, lithos::SchedAnswer& answer) {
    const std::uint64_t now = view.now_ns();
    const lithos_tenant_view* holder = nullptr;
    const lithos_tenant_view* next = nullptr;   // smallest id above the holder's: the turn goes round by id
    const lithos_tenant_view* first = nullptr;  // smallest id of all
    for (const lithos::Tenant tenant : view.tenants()) {
      if (tenant.idle()) continue;
      if (tenant.id() == holder_) holder = &*tenant;
      if (tenant.id() > holder_ && (next == nullptr || tenant.id() < next->tenant_id)) next = &*tenant;
      if (first == nullptr || tenant.id() < first->tenant_id) first = &*tenant;
    }
    if (holder == nullptr || now >= turn_ends_ns_) {
      const lithos_tenant_view* chosen = next != nullptr ? next : first;
      holder_ = chosen != nullptr ? chosen->tenant_id : 0;
      turn_ends_ns_ = now + lithos::ns(params_.quantum);
    }
    for (const lithos::Tenant tenant : view.tenants()) {
      lithos_lease& lease = answer.lease(tenant);
      for (auto& usable : lease.usable) usable |= view.unowned();
      if (holder_ != 0 && tenant.id() != holder_) lease.flags |= LITHOS_LEASE_HOLD;
    }
    if (holder_ != 0) answer.wake_by(turn_ends_ns_);
  }

 private:
  Params params_;
  std::uint64_t holder_ = 0;  // tenant whose turn it is; 0: nobody's
  std::uint64_t turn_ends_ns_ = 0;
};
LITHOS_EXPORT_SCHEDULER(TimeSlice)
