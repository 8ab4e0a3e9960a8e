// SPDX-License-Identifier: Apache-2.0
// Fair shares of TPC time: the unowned TPCs are split among the tenants with work by weight, and whoever has had less than its due of
// late gets more. Service is counted in TPCs × time, as the engine measures it.
#include <algorithm>
#include <unordered_map>

#include <lithos/policy.hpp>

using namespace std::chrono_literals;

class FairShare {
 public:
  static constexpr const char* id = "org.lithos.scheduler.fair_share";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "TPC time by weight among the tenants with work, with memory.";
  static constexpr const char* license = "Apache-2.0";

  struct Params {
    double critical, throughput, best_effort, correction;
    std::chrono::nanoseconds period;
  };
  static constexpr std::tuple params{
      lithos::param<&Params::critical>(1, "weight_latency_critical", 4.0).range(0.01, 1000.0).live().doc("Weight of a latency-critical tenant."),
      lithos::param<&Params::throughput>(2, "weight_throughput", 2.0).range(0.01, 1000.0).live().doc("Weight of a throughput tenant."),
      lithos::param<&Params::best_effort>(3, "weight_best_effort", 1.0).range(0.01, 1000.0).live().doc("Weight of a best-effort tenant."),
      lithos::param<&Params::correction>(4, "correction", 1.0).range(0.0, 10.0).live()
          .doc("How strongly a tenant that is behind is favoured; 0 splits by weight alone."),
      lithos::param<&Params::period>(5, "period", 1ms).range(50us, 1s).live().doc("Time between re-divisions.")};

  explicit FairShare(const Params& values) : params_(values) { debt_.reserve(256); }
  void set_params(const Params& values) { params_ = values; }
  void tenant_left(std::uint64_t tenant) { debt_.erase(tenant); }

  void decide(const lithos::SchedView& view, lithos::SchedAnswer& answer) {
    const double weights = settle(view);
    const unsigned pool = view.unowned().count();
    double position = 0;
    for (const lithos::Tenant tenant : view.tenants()) {
      if (tenant.idle() || weights <= 0) continue;
      const double end = position + favoured_weight(tenant) / favoured_;
      const auto from = static_cast<unsigned>(position * pool + 0.5), to = static_cast<unsigned>(end * pool + 0.5);
      position = end;
      lithos_lease& lease = answer.lease(tenant);
      for (auto& usable : lease.usable) usable = tenant.own() | (view.unowned().lowest(to) - view.unowned().lowest(from));
    }
    if (weights > 0) answer.wake_by(view.now_ns() + lithos::ns(params_.period));
  }

 private:
  struct Account {
    std::uint64_t service_tpc_ns = 0;
    double behind_tpc_ns = 0;  // due minus received, fading
  };

  double weight(const lithos::Tenant& tenant) const {
    return tenant.latency_critical() ? params_.critical : tenant.throughput() ? params_.throughput : params_.best_effort;
  }

  // Brings the accounts up to date and returns the weights of all tenants with work.
  double settle(const lithos::SchedView& view) {
    double weights = 0, received = 0;
    for (const lithos::Tenant tenant : view.tenants()) {
      Account& account = debt_[tenant.id()];
      if (tenant.idle()) continue;
      weights += weight(tenant);
      received += static_cast<double>(tenant->service_tpc_ns - account.service_tpc_ns);
    }
    scale_tpc_ns_ = static_cast<double>(view->tpcs) * static_cast<double>(lithos::ns(params_.period));
    favoured_ = 0;
    for (const lithos::Tenant tenant : view.tenants()) {
      Account& account = debt_[tenant.id()];
      const auto got = static_cast<double>(tenant->service_tpc_ns - account.service_tpc_ns);
      account.service_tpc_ns = tenant->service_tpc_ns;
      if (tenant.idle()) {
        account.behind_tpc_ns = 0;  // idle time earns nothing
        continue;
      }
      account.behind_tpc_ns = 0.9 * account.behind_tpc_ns + received * weight(tenant) / weights - got;
      favoured_ += favoured_weight(tenant);
    }
    return weights;
  }

  double favoured_weight(const lithos::Tenant& tenant) const {
    const double lag = debt_.at(tenant.id()).behind_tpc_ns / scale_tpc_ns_;
    return weight(tenant) * std::clamp(1 + params_.correction * lag, 0.1, 10.0);
  }

  Params params_;
  double scale_tpc_ns_ = 1, favoured_ = 0;
  std::unordered_map<std::uint64_t, Account> debt_;
};
LITHOS_EXPORT_SCHEDULER(FairShare)
