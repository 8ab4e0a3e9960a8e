// SPDX-License-Identifier: Apache-2.0
// A re-creation of Orion's idea (Strati et al., EuroSys'24): while latency-critical work runs, a best-effort operator is admitted only beside
// a complementary one (memory-bound beside compute-bound or the reverse), only if it is short, and only while little best-effort work is
// outstanding. Nobody is confined to TPCs: Orion shares SMs through stream priorities.
//
// Give the latency-critical tenant all TPCs as its quota and the others none. Then what is not admitted waits for the owner's pressure to
// fall, without a decision; and what is admitted runs on others' TPCs, where the limit on outstanding work and the low priority hold.
// With only what Orion has (mechanisms = "published", nobody owns TPCs) nothing is masked, and a hold comes by decision.
#include <algorithm>

#include <lithos/policy.hpp>

using namespace std::chrono_literals;

class Orion {
 public:
  static constexpr const char* id = "org.lithos.scheduler.orion";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "Best-effort operators only beside complementary ones, if short.";
  static constexpr const char* license = "Apache-2.0";

  enum class Mechanisms : std::uint8_t { lithos, published };
  struct Params {
    double budget;
    std::chrono::nanoseconds budget_without_slo, longest, look_again;
    Mechanisms mechanisms;
  };
  static constexpr std::tuple params{
      lithos::param<&Params::budget>(1, "budget", 0.025).range(0.0, 1.0).live()
          .doc("Best-effort work outstanding, as a share of the tightest SLO."),
      lithos::param<&Params::budget_without_slo>(2, "budget_without_slo", 250us).range(0us, 100ms).live()
          .doc("The same where no latency-critical tenant has an SLO."),
      lithos::param<&Params::longest>(3, "longest", 500us).range(0us, 100ms).live()
          .doc("Operators predicted to take longer are not admitted beside latency-critical work."),
      lithos::param<&Params::look_again>(4, "look_again", 100us).range(20us, 10ms).live()
          .doc("Time between looks at what runs and what waits while latency-critical work runs."),
      lithos::param<&Params::mechanisms>(5, "mechanisms", Mechanisms::lithos).choices("lithos", "published")
          .doc("published: no masks and no owners; best effort is held by decision, not by its owner's word.")};

  explicit Orion(const Params& values) : params_(values) {}
  void set_params(const Params& values) { params_ = values; }

  void decide(const lithos::SchedView& view, lithos::SchedAnswer& answer) {
    const Critical critical = look_at_critical(view);
    const bool published = params_.mechanisms == Mechanisms::published;
    for (const lithos::Tenant tenant : view.tenants()) {
      lithos_lease& lease = answer.lease(tenant);
      for (auto& usable : lease.usable) usable |= view.unowned();
      lease.usable[LITHOS_PRESSURE_IDLE] = view.all();
      if (published) lease.flags = LITHOS_LEASE_UNMASKED;
      if (tenant.latency_critical()) continue;
      lease.outstanding_limit_ns = critical.budget_ns;
      lease.uncuttable_limit_ns = lithos::ns(kNoLimit);
      lease.flags |= LITHOS_LEASE_LOW_PRIORITY;
      if (critical.works && admitted(tenant.head(), critical.bound)) {
        for (auto& usable : lease.usable) usable = view.all();
      } else if (critical.works && published) {
        lease.flags |= LITHOS_LEASE_HOLD;
      } else if (critical.works) {
        for (auto& usable : lease.usable) usable = usable - view.unowned();
      }
    }
    if (critical.works) answer.wake_by(view.now_ns() + lithos::ns(params_.look_again));
  }

 private:
  static constexpr std::chrono::nanoseconds kNoLimit = 1h;
  struct Critical {
    bool works = false;
    std::uint32_t bound = LITHOS_BOUND_UNKNOWN;  // of what runs; of a graph: of its kernel that runs
    std::uint64_t budget_ns = 0;
  };

  Critical look_at_critical(const lithos::SchedView& view) const {
    Critical critical;
    for (const lithos::Tenant tenant : view.tenants()) {
      if (!tenant.latency_critical()) continue;
      if (tenant->slo_ns != 0) {
        const auto share_ns = static_cast<std::uint64_t>(params_.budget * static_cast<double>(tenant->slo_ns));
        critical.budget_ns = critical.budget_ns == 0 ? share_ns : std::min(critical.budget_ns, share_ns);
      }
      if (tenant.idle()) continue;
      critical.works = true;
      if (tenant.running() != nullptr) critical.bound = tenant.running()->op.bound;
    }
    if (critical.budget_ns == 0) critical.budget_ns = lithos::ns(params_.budget_without_slo);
    return critical;
  }

  bool admitted(const lithos_launch* head, std::uint32_t running_bound) const {
    if (head == nullptr || head->predicted_ns > lithos::ns(params_.longest)) return false;
    return head->op.bound != LITHOS_BOUND_UNKNOWN && running_bound != LITHOS_BOUND_UNKNOWN && head->op.bound != running_bound;
  }

  Params params_;
};
LITHOS_EXPORT_SCHEDULER(Orion)
