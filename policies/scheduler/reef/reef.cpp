// SPDX-License-Identifier: Apache-2.0
// What can be had of REEF's idea (Han et al., OSDI'22) without killing kernels: when latency-critical work arrives, everything of best effort
// that has not been submitted is held at once, and best effort only pads what the critical launch leaves free. REEF also resets running
// best-effort kernels in microseconds; here they run to their end.
//
// Give the latency-critical tenant all TPCs as its quota: then the hold is the owner's pressure word and needs no decision.
// As others have run it on NVIDIA GPUs without resets ("REEF-N"; mechanisms = "published", nobody owns TPCs), nothing is masked, the hold
// comes by decision, and what may be on the device is a number of launches, however long they are.
#include <algorithm>

#include <lithos/policy.hpp>

using namespace std::chrono_literals;

class Reef {
 public:
  static constexpr const char* id = "org.lithos.scheduler.reef";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "Best effort only pads what latency-critical launches leave free.";
  static constexpr const char* license = "Apache-2.0";

  enum class Mechanisms : std::uint8_t { lithos, published };
  struct Params {
    std::chrono::nanoseconds outstanding;
    bool pad;
    Mechanisms mechanisms;
    std::int64_t queue_depth;
  };
  static constexpr std::tuple params{
      lithos::param<&Params::outstanding>(1, "outstanding_limit", 50us).range(0us, 20ms).live()
          .doc("Best-effort work that may be on the device beyond the launch that runs: what a reset would throw away."),
      lithos::param<&Params::pad>(2, "pad", true).live()
          .doc("Best effort runs beside latency-critical launches on the TPCs that they leave free; false: it waits for their end."),
      lithos::param<&Params::mechanisms>(3, "mechanisms", Mechanisms::lithos).choices("lithos", "published")
          .doc("published: no masks, no owners, a hold by decision, and queue_depth in place of outstanding_limit."),
      lithos::param<&Params::queue_depth>(4, "queue_depth", 4).range(1, 1024).live()
          .doc("Best-effort launches beyond the one that runs that the device may hold, with mechanisms = published.")};

  explicit Reef(const Params& values) : params_(values) {}
  void set_params(const Params& values) { params_ = values; }

  void decide(const lithos::SchedView& view, lithos::SchedAnswer& answer) {
    if (params_.mechanisms == Mechanisms::published) return decide_as_published(view, answer);
    const lithos::TpcSet padding = params_.pad ? view.all() - critical_tpcs(view) : lithos::TpcSet{};
    for (const lithos::Tenant tenant : view.tenants()) {
      lithos_lease& lease = answer.lease(tenant);
      if (tenant.latency_critical()) {
        for (auto& usable : lease.usable) usable |= view.unowned();
        continue;
      }
      for (auto& usable : lease.usable) usable |= padding;
      lease.usable[LITHOS_PRESSURE_IDLE] |= view.all() - view.unowned();
      lease.outstanding_limit_ns = lithos::ns(params_.outstanding);
      lease.uncuttable_limit_ns = lithos::ns(1h);
      lease.flags = LITHOS_LEASE_LOW_PRIORITY;
    }
  }

 private:
  void decide_as_published(const lithos::SchedView& view, lithos::SchedAnswer& answer) const {
    bool critical_works = false;
    for (const lithos::Tenant tenant : view.tenants()) critical_works |= tenant.latency_critical() && !tenant.idle();
    for (const lithos::Tenant tenant : view.tenants()) {
      lithos_lease& lease = answer.lease(tenant);
      for (auto& usable : lease.usable) usable = view.all();
      lease.flags = LITHOS_LEASE_UNMASKED;
      if (tenant.latency_critical()) continue;
      lease.flags |= LITHOS_LEASE_LOW_PRIORITY | (critical_works ? LITHOS_LEASE_HOLD : 0u);
      lease.uncuttable_limit_ns = lithos::ns(1h);
      const std::uint64_t one_ns = tenant.head() == nullptr ? 0 : std::min(tenant.head()->predicted_ns, lithos::ns(kLongestLaunch));
      lease.outstanding_limit_ns = std::max(static_cast<std::uint64_t>(params_.queue_depth) * one_ns, lithos::ns(params_.outstanding));
    }
  }
  static constexpr std::chrono::nanoseconds kLongestLaunch = 1s;

  // TPCs that latency-critical launches keep busy or, where none runs, will want.
  static lithos::TpcSet critical_tpcs(const lithos::SchedView& view) {
    lithos::TpcSet busy;
    for (const lithos::Tenant tenant : view.tenants()) {
      if (!tenant.latency_critical() || tenant.idle()) continue;
      const lithos_launch* running = tenant.running();
      if (running != nullptr && running->wanted_tpcs == 0) busy |= running->tpcs;
      else if (running != nullptr) busy |= lithos::TpcSet(running->tpcs).lowest(running->wanted_tpcs);
      else busy |= tenant->quota_tpcs > 0 ? tenant.own() : view.all();
    }
    return busy;
  }

  Params params_;
};
LITHOS_EXPORT_SCHEDULER(Reef)
