// SPDX-License-Identifier: Apache-2.0
// Earliest deadline first: the tenant whose oldest request is due soonest takes the TPCs its work can use, the next one takes what is left,
// and so on; tenants without an SLO come last, by class. Work already on the GPU is not taken back.
#include <algorithm>
#include <limits>
#include <vector>

#include <lithos/policy.hpp>

class Edf {
 public:
  static constexpr const char* id = "org.lithos.scheduler.edf";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "Earliest deadline takes the TPCs it can use, then the next.";
  static constexpr const char* license = "Apache-2.0";

  struct Params { std::chrono::nanoseconds outstanding; };
  static constexpr std::tuple params{
      lithos::param<&Params::outstanding>(1, "outstanding_limit", std::chrono::microseconds(100))
          .range(std::chrono::nanoseconds(0), std::chrono::milliseconds(20)).live()
          .doc("Predicted work that a tenant may have submitted beyond the launch that runs, on TPCs of others.")};

  explicit Edf(const Params& values) : params_(values) { order_.reserve(256); }
  void set_params(const Params& values) { params_ = values; }

  void decide(const lithos::SchedView& view, lithos::SchedAnswer& answer) {
    order_.clear();
    for (const lithos::Tenant tenant : view.tenants()) order_.push_back({due_ns(tenant), tenant->tenant_class, tenant.index()});
    std::sort(order_.begin(), order_.end());
    lithos::TpcSet free = view.unowned();
    for (const Entry& entry : order_) {
      const lithos::Tenant tenant = view.tenant(entry.index);
      lithos_lease& lease = answer.lease(tenant);
      lease.outstanding_limit_ns = lithos::ns(params_.outstanding);
      lease.uncuttable_limit_ns = lithos::ns(std::chrono::hours(1));
      for (auto& usable : lease.usable) usable = tenant.own() | free;
      lease.usable[LITHOS_PRESSURE_IDLE] |= view.all() - view.unowned();
      if (tenant.idle()) continue;
      free = free - free.lowest(usable_tpcs(view, tenant));
    }
  }

 private:
  struct Entry {
    std::uint64_t due_ns;
    std::uint32_t tenant_class, index;
    auto operator<=>(const Entry&) const = default;
  };
  static std::uint64_t due_ns(const lithos::Tenant& tenant) {
    if (tenant.idle()) return std::numeric_limits<std::uint64_t>::max();
    return tenant->deadline_ns != 0 ? tenant->deadline_ns : std::numeric_limits<std::uint64_t>::max() - 1;
  }
  static unsigned usable_tpcs(const lithos::SchedView& view, const lithos::Tenant& tenant) {
    const lithos_launch* launch = tenant.running() != nullptr ? tenant.running() : tenant.head();
    return launch == nullptr || launch->wanted_tpcs == 0 ? view->tpcs : launch->wanted_tpcs;
  }

  Params params_;
  std::vector<Entry> order_;
};
LITHOS_EXPORT_SCHEDULER(Edf)
