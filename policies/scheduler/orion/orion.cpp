// SPDX-License-Identifier: Apache-2.0
// A re-creation of Orion's idea (Strati et al., EuroSys'24): while latency-critical work runs, a best-effort operator is admitted only beside
// a complementary one (memory-bound beside compute-bound or the reverse), only if it is short, and only while little best-effort work is
// outstanding. Nobody is confined to TPCs: Orion shares SMs through stream priorities.
#include <lithos/policy.hpp>

using namespace std::chrono_literals;

class Orion {
 public:
  static constexpr const char* id = "org.lithos.scheduler.orion";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "Best-effort operators only beside complementary ones, if short.";
  static constexpr const char* license = "Apache-2.0";

  struct Params {
    double budget;
    std::chrono::nanoseconds budget_without_slo, longest;
  };
  static constexpr std::tuple params{
      lithos::param<&Params::budget>(1, "budget", 0.025).range(0.0, 1.0).live()
          .doc("Best-effort work outstanding beside latency-critical work, as a share of the tightest SLO."),
      lithos::param<&Params::budget_without_slo>(2, "budget_without_slo", 250us).range(0us, 100ms).live()
          .doc("The same where no latency-critical tenant has an SLO."),
      lithos::param<&Params::longest>(3, "longest", 500us).range(0us, 100ms).live()
          .doc("Operators predicted to take longer are not admitted beside latency-critical work.")};

  explicit Orion(const Params& values) : params_(values) {}
  void set_params(const Params& values) { params_ = values; }

  void decide(const lithos::SchedView& view, lithos::SchedAnswer& answer) {
    std::uint64_t budget_ns = 0;
    std::uint32_t running_bound = LITHOS_BOUND_UNKNOWN;
    bool critical_works = false;
    for (const lithos::Tenant tenant : view.tenants()) {
      if (!tenant.latency_critical()) continue;
      if (tenant->slo_ns != 0) {
        const auto share_ns = static_cast<std::uint64_t>(params_.budget * static_cast<double>(tenant->slo_ns));
        if (budget_ns == 0 || share_ns < budget_ns) budget_ns = share_ns;
      }
      if (tenant.idle()) continue;
      critical_works = true;
      if (tenant.running() != nullptr) running_bound = tenant.running()->op.bound;
    }
    if (budget_ns == 0) budget_ns = lithos::ns(params_.budget_without_slo);
    for (const lithos::Tenant tenant : view.tenants()) {
      lithos_lease& lease = answer.lease(tenant);
      lease.usable[LITHOS_PRESSURE_IDLE] |= view.all();
      for (auto& usable : lease.usable) usable |= view.unowned();
      if (tenant.latency_critical() || !critical_works) continue;
      lease.outstanding_limit_ns = budget_ns;
      if (!admitted(tenant.head(), running_bound)) lease.flags |= LITHOS_LEASE_HOLD;
    }
  }

 private:
  bool admitted(const lithos_launch* head, std::uint32_t running_bound) const {
    if (head == nullptr || head->predicted_ns > lithos::ns(params_.longest)) return false;
    return head->op.bound != LITHOS_BOUND_UNKNOWN && running_bound != LITHOS_BOUND_UNKNOWN && head->op.bound != running_bound;
  }

  Params params_;
};
LITHOS_EXPORT_SCHEDULER(Orion)
