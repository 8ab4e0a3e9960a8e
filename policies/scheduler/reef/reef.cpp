// SPDX-License-Identifier: Apache-2.0
// What can be had of REEF's idea (Han et al., OSDI'22) without killing kernels: when latency-critical work arrives, everything of best effort
// that has not been submitted is held at once, and best effort only pads what the critical launch leaves free. REEF also resets running
// best-effort kernels in microseconds; here they run to their end.
#include <lithos/policy.hpp>

class Reef {
 public:
  static constexpr const char* id = "org.lithos.scheduler.reef";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "Best effort only pads what latency-critical launches leave free.";
  static constexpr const char* license = "Apache-2.0";

  struct Params { std::chrono::nanoseconds outstanding; };
  static constexpr std::tuple params{
      lithos::param<&Params::outstanding>(1, "outstanding_limit", std::chrono::microseconds(50))
          .range(std::chrono::nanoseconds(0), std::chrono::milliseconds(20)).live()
          .doc("Best-effort work that may be on the device beyond the launch that runs: what a reset would throw away.")};

  explicit Reef(const Params& values) : params_(values) {}
  void set_params(const Params& values) { params_ = values; }

  void decide(const lithos::SchedView& view, lithos::SchedAnswer& answer) {
    lithos::TpcSet left = view.unowned();
    bool critical_works = false;
    for (const lithos::Tenant tenant : view.tenants()) {
      if (!tenant.latency_critical() || tenant.idle()) continue;
      critical_works = true;
      const lithos_launch* launch = tenant.running() != nullptr ? tenant.running() : tenant.head();
      const unsigned wanted = launch == nullptr || launch->wanted_tpcs == 0 ? view->tpcs : launch->wanted_tpcs;
      left = left - left.lowest(wanted);
    }
    for (const lithos::Tenant tenant : view.tenants()) {
      lithos_lease& lease = answer.lease(tenant);
      if (tenant.latency_critical()) {
        for (auto& usable : lease.usable) usable |= view.unowned();
        continue;
      }
      for (auto& usable : lease.usable) usable = tenant.own() | left;
      lease.usable[LITHOS_PRESSURE_IDLE] |= view.all() - view.unowned();
      lease.outstanding_limit_ns = lithos::ns(params_.outstanding);
      if (critical_works && left.empty()) lease.flags |= LITHOS_LEASE_HOLD;
    }
  }

 private:
  Params params_;
};
LITHOS_EXPORT_SCHEDULER(Reef)
