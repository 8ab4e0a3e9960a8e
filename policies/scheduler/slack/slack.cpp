// SPDX-License-Identifier: Apache-2.0
// Lends by slack: what an owner with an SLO may lose without missing it is lent while it works, and all that it does not use while it is
// idle. TPC borrowing (beside this folder) lends nothing of a working owner, which keeps its tail that of an empty GPU; most SLOs leave
// room for several service times.
//
// The rule rests on what a scheduler can know of a server that queues its requests by itself: only the request that runs. But no request of
// a busy period arrived before it began. So while the busy period is younger than a share of the SLO, nobody in it can have waited longer,
// and others may run beside; after that the owner has its TPCs to itself until its queue is empty.
//   1. Idle owner: all TPCs are lent. Borrowers see its pressure before each atom.
//   2. Young busy period: short launches may use most TPCs, at low priority, so that the owner gets every TPC that a block frees; long
//      ones a part, so that the owner's small kernels find the others free.
//   3. Old busy period, or an owner without SLO: nothing is lent while it works.
// Borrowers share what is lent: the hardware packs their blocks better than a border between them would. Not where one of them launches
// long kernels that cannot be cut: whoever shares TPCs with those waits for them at every kernel, so then each gets a slice.
// A borrower whose next launch needs at least so many TPCs (its blocks wait for each other) is lent all of an idle owner's.
#include <algorithm>
#include <unordered_map>

#include <lithos/policy.hpp>

using namespace std::chrono_literals;

class Slack {
 public:
  static constexpr const char* id = "org.lithos.scheduler.slack";
  static constexpr const char* version = "1.1.0";
  static constexpr const char* summary = "Lends a working owner's TPCs while its busy period is young against its SLO.";
  static constexpr const char* license = "Apache-2.0";

  struct Params {
    double slack, lend_idle, lend_short, lend_long;
    std::chrono::nanoseconds short_launch, idle_grace, outstanding, atom;
  };
  static constexpr std::tuple params{
      lithos::param<&Params::slack>(1, "slack", 0.75).range(0.0, 1.0).live()
          .doc("Share of an owner's SLO for which others may run beside it in a busy period."),
      lithos::param<&Params::lend_idle>(2, "lend_idle", 1.0).range(0.0, 1.0).live()
          .doc("Share of an owner's TPCs that others may use while it has no work."),
      lithos::param<&Params::lend_short>(3, "lend_short", 0.85).range(0.0, 1.0).live()
          .doc("Share of them that short launches may use while it works and has slack."),
      lithos::param<&Params::lend_long>(4, "lend_long", 0.5).range(0.0, 1.0).live()
          .doc("The same for long launches."),
      lithos::param<&Params::short_launch>(5, "short_launch", 300us).range(0us, 100ms).live()
          .doc("Launches predicted to take no longer are short."),
      lithos::param<&Params::idle_grace>(6, "idle_grace", 20us).range(0us, 10ms).live()
          .doc("An owner counts as idle only after this long without work."),
      lithos::param<&Params::outstanding>(7, "outstanding_limit", 150us).range(0us, 20ms).live()
          .doc("Predicted work a borrower may have submitted beyond the launch that runs."),
      lithos::param<&Params::atom>(8, "atom", 400us).range(0us, 20ms).live()
          .doc("Length of the atoms that launches on borrowed TPCs are cut into; 0 never cuts.")};

  Slack(const lithos::Host&, const lithos::Gpu& gpu, const Params& values) : gpu_(gpu), params_(values) {
    busy_since_.reserve(256), long_seen_.reserve(256);
  }
  void set_params(const Params& values) { params_ = values; }
  void tenant_left(std::uint64_t tenant) { busy_since_.erase(tenant), long_seen_.erase(tenant); }

  void decide(const lithos::SchedView& view, lithos::SchedAnswer& answer) {
    Share share = shares(view);
    for (const lithos::Tenant tenant : view.tenants()) {
      lithos_lease& lease = answer.lease(tenant);
      set_bounds(lease);
      if (!borrows(tenant)) continue;
      lease.usable[LITHOS_PRESSURE_IDLE] |= view.unowned();
      for (const lithos::Tenant owner : view.tenants())
        if (owner.id() != tenant.id() && owner->quota_tpcs > 0) lend(view, owner, tenant, share, lease);
      if (share.of > 1) ++share.rank;
    }
    wake_when_slack_ends(view, answer);
  }

 private:
  // Requests that follow each other this closely are one busy period: the server sees a completion and launches the next.
  static constexpr std::uint64_t kSameBusyPeriodNs = 30'000;
  static constexpr std::uint64_t kForgetLongNs = 50'000'000;

  struct Share { std::uint32_t rank, of; };  // the rank-th of so many slices

  // Brings what is remembered up to date; one slice for all, or one for each borrower if long launches were seen of late.
  Share shares(const lithos::SchedView& view) {
    std::uint32_t borrowers = 0;
    bool any_long = false;
    for (const lithos::Tenant tenant : view.tenants()) {
      follow(tenant, view.now_ns());
      if (!borrows(tenant)) continue;
      ++borrowers;
      std::uint64_t& seen = long_seen_[tenant.id()];
      if (is_long(tenant.head()) || is_long(tenant.running())) seen = view.now_ns();
      any_long |= seen != 0 && view.now_ns() - seen < kForgetLongNs;
    }
    return {0, any_long ? borrowers : 1};
  }

  bool is_long(const lithos_launch* launch) const {
    return launch != nullptr && launch->predicted_ns > lithos::ns(params_.short_launch) &&
           !(params_.atom > 0ns && lithos::has_flag(launch->op, LITHOS_OP_CUTTABLE));
  }

  void follow(const lithos::Tenant& tenant, std::uint64_t now) {
    std::uint64_t& since = busy_since_[tenant.id()];
    if (tenant.idle()) {
      if (now >= tenant->idle_since_ns + kSameBusyPeriodNs) since = 0;
    } else if (since == 0 || !tenant.pressed()) {
      since = tenant->active_since_ns != 0 ? tenant->active_since_ns : now;
    }
  }

  static bool borrows(const lithos::Tenant& tenant) {
    const lithos_launch* running = tenant.running();
    return !tenant.latency_critical() && !tenant.idle() && !(running != nullptr && lithos::has_flag(running->op, LITHOS_OP_GRAPH));
  }

  // Until when others may run beside the owner.
  std::uint64_t slack_ends_ns(const lithos::Tenant& owner) const {
    const std::uint64_t since = busy_since_.at(owner.id());
    return since + static_cast<std::uint64_t>(params_.slack * static_cast<double>(std::min(owner->slo_ns, lithos::ns(1h))));
  }

  void lend(const lithos::SchedView& view, const lithos::Tenant& owner, const lithos::Tenant& borrower, Share share,
            lithos_lease& lease) const {
    const lithos_launch* head = borrower.head();
    const unsigned needs = head == nullptr ? 0 : gpu_.tpcs_that_hold(head->op);
    const unsigned idle = std::max(portion(owner, params_.lend_idle), std::min(needs, owner->quota_tpcs));
    lease.usable[LITHOS_PRESSURE_IDLE] |= slice(owner.own().highest(idle), share, needs);
    if (!owner.latency_critical() || view.now_ns() >= slack_ends_ns(owner)) return;
    const unsigned beside = portion(owner, is_long(head) ? params_.lend_long : params_.lend_short);
    const lithos::TpcSet set = slice(owner.own().highest(beside), share, needs);
    lease.usable[LITHOS_PRESSURE_ACTIVE] |= set;
    lease.usable[LITHOS_PRESSURE_PRESSED] |= set;
  }

  // Neighbours, so that clusters find room; all of the pool where a slice would be too small.
  static lithos::TpcSet slice(const lithos::TpcSet& pool, Share share, unsigned needs) {
    const unsigned count = pool.count();
    if (count / share.of < needs) return pool;
    return pool.lowest(count * (share.rank + 1) / share.of) - pool.lowest(count * share.rank / share.of);
  }

  void wake_when_slack_ends(const lithos::SchedView& view, lithos::SchedAnswer& answer) const {
    for (const lithos::Tenant owner : view.tenants()) {
      if (!owner.latency_critical() || owner.idle() || owner->slo_ns == 0) continue;
      if (const std::uint64_t at = slack_ends_ns(owner); at > view.now_ns()) answer.wake_by(at);
    }
  }

  void set_bounds(lithos_lease& lease) const {
    lease.idle_grace_ns = lithos::ns(params_.idle_grace);
    lease.outstanding_limit_ns = lithos::ns(params_.outstanding);
    lease.uncuttable_limit_ns = lithos::ns(1h);  // what the owners tolerate holds
    lease.atom_ns = lithos::ns(params_.atom);
    lease.flags = LITHOS_LEASE_LOW_PRIORITY;
  }

  static unsigned portion(const lithos::Tenant& owner, double share) {
    return static_cast<unsigned>(static_cast<double>(owner->quota_tpcs) * share + 0.5);
  }
  lithos::Gpu gpu_;
  Params params_;
  std::unordered_map<std::uint64_t, std::uint64_t> busy_since_, long_seen_;  // by tenant; 0: idle, never
};
LITHOS_EXPORT_SCHEDULER(Slack)
