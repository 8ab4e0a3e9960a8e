// SPDX-License-Identifier: Apache-2.0
// A re-creation of TGS's idea (Wu et al., NSDI'23): everybody but the latency-critical (there: production) tenants is limited in launches per
// second, and the limit is controlled by the critical tenants' own progress: doubled each period until they first slow down, then raised
// in steps while they keep their pace and cut when they lose it. No kernel is looked at and no TPC assigned: give nobody a quota, then
// nothing is masked either.
//
// TGS watches training jobs, whose pace is steady. A service's pace is that of its arrivals, so here progress counts per time that the
// tenant was at work.
#include <algorithm>
#include <unordered_map>

#include <lithos/policy.hpp>

using namespace std::chrono_literals;

class Tgs {
 public:
  static constexpr const char* id = "org.lithos.scheduler.tgs";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "Launch rate of the others controlled by the critical tenants' progress.";
  static constexpr const char* license = "Apache-2.0";

  struct Params {
    lithos::PerSecond start, growth, floor, ceiling;
    double tolerated, cut;
    std::chrono::nanoseconds period;
  };
  static constexpr std::tuple params{
      lithos::param<&Params::start>(1, "start", lithos::PerSecond{500}).range(lithos::PerSecond{1}, lithos::PerSecond{1e6})
          .doc("Launch rate of the others to begin with."),
      lithos::param<&Params::growth>(2, "growth", lithos::PerSecond{500}).range(lithos::PerSecond{0}, lithos::PerSecond{1e6}).live()
          .doc("Added each period while the critical tenants keep their pace."),
      lithos::param<&Params::floor>(3, "floor", lithos::PerSecond{100}).range(lithos::PerSecond{1}, lithos::PerSecond{1e6}).live()
          .doc("The others always get this much."),
      lithos::param<&Params::ceiling>(4, "ceiling", lithos::PerSecond{500000}).range(lithos::PerSecond{1}, lithos::PerSecond{1e9}).live()
          .doc("Limit of the limit."),
      lithos::param<&Params::tolerated>(5, "tolerated", 0.1).range(0.0, 1.0).live()
          .doc("Loss of pace of the critical tenants that is let pass."),
      lithos::param<&Params::cut>(6, "cut", 0.7).range(0.01, 0.99).live().doc("The limit is multiplied by this when they slow down."),
      lithos::param<&Params::period>(7, "period", 20ms).range(1ms, 10s).live().doc("Time between adjustments.")};

  explicit Tgs(const Params& values) : params_(values), limit_per_s_(values.start.value) { progress_.reserve(256); }
  void set_params(const Params& values) { params_ = values; }
  void tenant_left(std::uint64_t tenant) { progress_.erase(tenant); }

  void decide(const lithos::SchedView& view, lithos::SchedAnswer& answer) {
    for (const lithos::Tenant tenant : view.tenants())
      if (tenant.latency_critical()) work_on(tenant, view.now_ns());
    if (view.now_ns() >= adjust_at_ns_) adjust(view);
    for (const lithos::Tenant tenant : view.tenants()) {
      lithos_lease& lease = answer.lease(tenant);
      for (auto& usable : lease.usable) usable = view.all();  // nobody is confined
      lease.outstanding_limit_ns = lease.uncuttable_limit_ns = lithos::ns(1h);
      lease.flags = LITHOS_LEASE_UNMASKED;
      if (!tenant.latency_critical()) lease.launches_per_s = limit_per_s_;
    }
    answer.wake_by(adjust_at_ns_);
  }

 private:
  static constexpr std::uint64_t kLaunchesToJudge = 8;  // fewer say nothing of a pace
  struct Progress {
    std::uint64_t launches = 0;    // completed when it was last judged
    std::uint64_t active_ns = 0;   // at work since then
    std::uint64_t seen_ns = 0;     // up to when active_ns counts
    bool was_active = false;
    double usual_per_s = 0;        // slowly forgotten highest pace
  };

  void work_on(const lithos::Tenant& tenant, std::uint64_t now) {
    const auto [entry, fresh] = progress_.try_emplace(tenant.id());
    Progress& progress = entry->second;
    if (fresh) progress.launches = tenant->completed_launches;
    if (progress.was_active && now > progress.seen_ns) progress.active_ns += now - progress.seen_ns;
    progress.was_active = !tenant.idle();
    progress.seen_ns = now;
  }

  // True if the tenant has lost pace since it was last judged.
  bool slowed(const lithos::Tenant& tenant) {
    Progress& progress = progress_[tenant.id()];
    const std::uint64_t done = tenant->completed_launches - progress.launches;
    if (done < kLaunchesToJudge || progress.active_ns == 0) return false;
    const double pace = static_cast<double>(done) / (static_cast<double>(progress.active_ns) * 1e-9);
    progress.launches = tenant->completed_launches;
    progress.active_ns = 0;
    progress.usual_per_s = std::max(pace, 0.999 * progress.usual_per_s);
    return pace < (1 - params_.tolerated) * progress.usual_per_s;
  }

  void adjust(const lithos::SchedView& view) {
    bool lost_pace = false;
    for (const lithos::Tenant tenant : view.tenants())
      if (tenant.latency_critical()) lost_pace |= slowed(tenant);
    slow_start_ = slow_start_ && !lost_pace;
    if (lost_pace) limit_per_s_ *= params_.cut;
    else if (slow_start_) limit_per_s_ *= 2;
    else limit_per_s_ += params_.growth.value;
    limit_per_s_ = std::clamp(limit_per_s_, params_.floor.value, std::max(params_.floor.value, params_.ceiling.value));
    adjust_at_ns_ = view.now_ns() + lithos::ns(params_.period);
  }

  Params params_;
  double limit_per_s_;
  bool slow_start_ = true;
  std::uint64_t adjust_at_ns_ = 0;
  std::unordered_map<std::uint64_t, Progress> progress_;
};
LITHOS_EXPORT_SCHEDULER(Tgs)
