// SPDX-License-Identifier: Apache-2.0
// A re-creation of TGS's idea (Wu et al., NSDI'23): best effort is limited in launches per second, and the limit is controlled by the
// latency-critical (there: production) tenants' own progress. As long as they launch as fast as ever, the limit grows; when they slow down,
// it is cut. No kernel is looked at and no TPC assigned.
#include <algorithm>
#include <unordered_map>

#include <lithos/policy.hpp>

using namespace std::chrono_literals;

class Tgs {
 public:
  static constexpr const char* id = "org.lithos.scheduler.tgs";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "Best-effort launch rate controlled by the others' progress.";
  static constexpr const char* license = "Apache-2.0";

  struct Params {
    lithos::PerSecond start, growth, floor, ceiling;
    double tolerated, cut;
    std::chrono::nanoseconds period;
  };
  static constexpr std::tuple params{
      lithos::param<&Params::start>(1, "start", lithos::PerSecond{200}).range(lithos::PerSecond{1}, lithos::PerSecond{1e6})
          .doc("Launch rate of best effort to begin with."),
      lithos::param<&Params::growth>(2, "growth", lithos::PerSecond{50}).range(lithos::PerSecond{0}, lithos::PerSecond{1e6}).live()
          .doc("Added each period while the others keep their pace."),
      lithos::param<&Params::floor>(3, "floor", lithos::PerSecond{20}).range(lithos::PerSecond{1}, lithos::PerSecond{1e6}).live()
          .doc("Best effort always gets this much."),
      lithos::param<&Params::ceiling>(4, "ceiling", lithos::PerSecond{100000}).range(lithos::PerSecond{1}, lithos::PerSecond{1e9}).live()
          .doc("Limit of the limit."),
      lithos::param<&Params::tolerated>(5, "tolerated", 0.05).range(0.0, 1.0).live()
          .doc("Loss of progress of the others that is put down to chance."),
      lithos::param<&Params::cut>(6, "cut", 0.5).range(0.01, 0.99).live().doc("The limit is multiplied by this when they slow down."),
      lithos::param<&Params::period>(7, "period", 50ms).range(1ms, 10s).live().doc("Time between adjustments.")};

  explicit Tgs(const Params& values) : params_(values), limit_per_s_(values.start.value) { progress_.reserve(256); }
  void set_params(const Params& values) { params_ = values; }
  void tenant_left(std::uint64_t tenant) { progress_.erase(tenant); }

  void decide(const lithos::SchedView& view, lithos::SchedAnswer& answer) {
    if (view.now_ns() >= adjust_at_ns_) adjust(view);
    for (const lithos::Tenant tenant : view.tenants()) {
      lithos_lease& lease = answer.lease(tenant);
      for (auto& usable : lease.usable) usable = view.all();  // nobody is confined
      lease.outstanding_limit_ns = lease.uncuttable_limit_ns = lithos::ns(1h);
      if (!tenant.latency_critical()) lease.launches_per_s = limit_per_s_;
    }
    answer.wake_by(adjust_at_ns_);
  }

 private:
  struct Progress {
    std::uint64_t busy_launches = 0;
    double usual_per_s = 0;  // slowly forgotten highest pace
  };

  void adjust(const lithos::SchedView& view) {
    const double elapsed_s = static_cast<double>(view.now_ns() - adjusted_ns_) * 1e-9;
    bool slowed = false;
    for (const lithos::Tenant tenant : view.tenants()) {
      if (!tenant.latency_critical()) continue;
      Progress& progress = progress_[tenant.id()];
      const double pace = static_cast<double>(tenant->completed_launches - progress.busy_launches) / std::max(1e-6, elapsed_s);
      progress.busy_launches = tenant->completed_launches;
      // A tenant with nothing waiting goes at the pace it wants; only one with work queued can be slow.
      slowed |= tenant.pressed() && pace < (1 - params_.tolerated) * progress.usual_per_s;
      progress.usual_per_s = std::max(pace, 0.999 * progress.usual_per_s);
    }
    limit_per_s_ = slowed ? limit_per_s_ * params_.cut : limit_per_s_ + params_.growth.value;
    limit_per_s_ = std::clamp(limit_per_s_, params_.floor.value, std::max(params_.floor.value, params_.ceiling.value));
    adjusted_ns_ = view.now_ns();
    adjust_at_ns_ = adjusted_ns_ + lithos::ns(params_.period);
  }

  Params params_;
  double limit_per_s_;
  std::uint64_t adjusted_ns_ = 0, adjust_at_ns_ = 0;
  std::unordered_map<std::uint64_t, Progress> progress_;
};
LITHOS_EXPORT_SCHEDULER(Tgs)
