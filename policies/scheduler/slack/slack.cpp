// SPDX-License-Identifier: Apache-2.0
// Lends by slack: what an owner with an SLO may lose without missing it is lent while it works, and all that it does not use while it is
// idle. TPC borrowing (beside this folder) lends nothing of a working owner, which keeps its tail that of an empty GPU; most SLOs leave
// room for several service times.
//
// Two facts make it safe and worth while. A scheduler cannot see the requests that a server queues by itself, but no request of a busy
// period arrived before it began: while the busy period is younger than a share of the SLO, nobody in it has waited longer. And kernels
// use TPCs better the fewer they have (docs/design/GPU.md §10): an owner that works on half of its TPCs is far from half as fast.
//   1. Idle owner: nearly all of its TPCs are lent. Borrowers see its pressure before each atom.
//   2. Young busy period: the owner works on as few of its TPCs as its service time allows, and the others are lent. How few is measured:
//      so many that a request's service takes a set share of the SLO, whatever the neighbours do.
//   3. Old busy period, or an owner without SLO: it works on all of them and nothing is lent.
// Borrowers get a share each, in slices of neighbours: so their kernels too are on fewer TPCs, and out of each other's way.
#include <algorithm>
#include <cmath>
#include <unordered_map>

#include <lithos/policy.hpp>

using namespace std::chrono_literals;

class Slack {
 public:
  static constexpr const char* id = "org.lithos.scheduler.slack";
  static constexpr const char* version = "1.1.0";
  static constexpr const char* summary = "Lends what a working owner's SLO leaves room for while its busy period is young.";
  static constexpr const char* license = "Apache-2.0";

  struct Params {
    double slack, lend_idle, service, least;
    std::chrono::nanoseconds idle_grace, outstanding, atom, adjust;
  };
  static constexpr std::tuple params{
      lithos::param<&Params::slack>(1, "slack", 0.5).range(0.0, 1.0).live()
          .doc("Share of an owner's SLO for which others may run beside it in a busy period."),
      lithos::param<&Params::lend_idle>(2, "lend_idle", 0.92).range(0.0, 1.0).live()
          .doc("Share of an owner's TPCs that others may use while it has no work."),
      lithos::param<&Params::idle_grace>(6, "idle_grace", 20us).range(0us, 10ms).live()
          .doc("An owner counts as idle only after this long without work."),
      lithos::param<&Params::outstanding>(7, "outstanding_limit", 150us).range(0us, 20ms).live()
          .doc("Predicted work a borrower may have submitted beyond the launch that runs."),
      lithos::param<&Params::atom>(8, "atom", 400us).range(0us, 20ms).live()
          .doc("Length of the atoms that launches on borrowed TPCs are cut into; 0 never cuts."),
      lithos::param<&Params::service>(9, "service", 0.25).range(0.0, 1.0).live()
          .doc("Share of its SLO that the service of one request may take on the TPCs an owner works on while it has slack."),
      lithos::param<&Params::least>(10, "least", 0.3).range(0.0, 1.0).live().doc("Least share of its TPCs that an owner works on."),
      lithos::param<&Params::adjust>(11, "adjust_every", 40ms).range(1ms, 10s).live()
          .doc("Time between changes of how many TPCs an owner works on.")};

  explicit Slack(const Params& values) : params_(values) { owners_.reserve(256); }
  void set_params(const Params& values) { params_ = values; }
  void tenant_left(std::uint64_t tenant) { owners_.erase(tenant); }

  void decide(const lithos::SchedView& view, lithos::SchedAnswer& answer) {
    std::uint32_t borrowers = 0, rank = 0;
    for (const lithos::Tenant tenant : view.tenants()) {
      follow(tenant, view.now_ns());
      borrowers += borrows(tenant) ? 1 : 0;
    }
    for (const lithos::Tenant tenant : view.tenants()) {
      lithos_lease& lease = answer.lease(tenant);
      set_bounds(lease);
      if (tenant.latency_critical() && has_slack(tenant, view.now_ns())) lease.max_tpcs = owners_[tenant.id()].works_on;
      if (!borrows(tenant)) continue;
      lease.usable[LITHOS_PRESSURE_IDLE] |= view.unowned();
      for (const lithos::Tenant owner : view.tenants())
        if (owner.id() != tenant.id() && owner->quota_tpcs > 0) lend(view, owner, tenant, {rank, borrowers}, lease);
      ++rank;
    }
    wake_when_slack_ends(view, answer);
  }

 private:
  // Requests that follow each other this closely are one busy period: the server sees a completion and launches the next.
  static constexpr std::uint64_t kSameBusyPeriodNs = 30'000;
  static constexpr std::uint64_t kRequestsToJudge = 4;
  static constexpr std::uint32_t kStepTpcs = 2;
  static constexpr std::uint64_t kForgetNs = 2'000'000'000;

  struct Owner {
    std::uint64_t busy_since_ns = 0;   // 0: idle
    std::uint32_t works_on = 0;        // TPCs, while it has slack
    std::uint32_t too_few = 0;         // on so many its service took too long, until `forget_ns`
    std::uint64_t forget_ns = 0, adjust_ns = 0, requests = 0;
  };
  struct Share { std::uint32_t rank, of; };

  void follow(const lithos::Tenant& tenant, std::uint64_t now) {
    Owner& owner = owners_[tenant.id()];
    if (owner.works_on == 0 || owner.works_on > tenant->quota_tpcs) owner.works_on = tenant->quota_tpcs;
    if (tenant.idle()) {
      if (now >= tenant->idle_since_ns + kSameBusyPeriodNs) owner.busy_since_ns = 0;
    } else if (owner.busy_since_ns == 0 || !tenant.pressed()) {
      owner.busy_since_ns = tenant->active_since_ns != 0 ? tenant->active_since_ns : now;
    }
    if (tenant.latency_critical() && tenant->slo_ns != 0 && tenant.running() != nullptr) adjust(tenant, owner, now);
  }

  // On n' TPCs a service takes at most n / n' times what it takes on n: so this never goes too low at once, and comes close in a few steps.
  void adjust(const lithos::Tenant& tenant, Owner& owner, std::uint64_t now) const {
    if (now < owner.adjust_ns || tenant->requests_completed - owner.requests < kRequestsToJudge) return;
    owner.adjust_ns = now + lithos::ns(params_.adjust);
    owner.requests = tenant->requests_completed;
    if (now >= owner.forget_ns) owner.too_few = 0;
    const double allowed_ns = std::max(1.0, params_.service * static_cast<double>(tenant->slo_ns));
    const double ratio = static_cast<double>(tenant.running()->predicted_ns) / allowed_ns;
    if (ratio > 1) {
      owner.too_few = owner.works_on;
      owner.forget_ns = now + kForgetNs;
    }
    const double quota = tenant->quota_tpcs;
    const double least = std::max(params_.least * quota, static_cast<double>(owner.too_few + (owner.too_few > 0 ? kStepTpcs : 0)));
    const double wanted = std::max(least, std::ceil(static_cast<double>(owner.works_on) * ratio));
    const auto tpcs = static_cast<std::uint32_t>(std::min(wanted, quota));
    // Each change means new masks for the owner's graphs.
    if (tpcs + kStepTpcs <= owner.works_on || tpcs > owner.works_on) owner.works_on = tpcs;
  }

  static bool borrows(const lithos::Tenant& tenant) {
    const lithos_launch* running = tenant.running();
    return !tenant.latency_critical() && !tenant.idle() && !(running != nullptr && lithos::has_flag(running->op, LITHOS_OP_GRAPH));
  }

  // Until when others may run beside the owner.
  std::uint64_t slack_ends_ns(const lithos::Tenant& tenant) const {
    return owners_.at(tenant.id()).busy_since_ns + static_cast<std::uint64_t>(params_.slack * static_cast<double>(std::min(tenant->slo_ns, lithos::ns(1h))));
  }
  bool has_slack(const lithos::Tenant& tenant, std::uint64_t now) const {
    return tenant->slo_ns != 0 && (owners_.at(tenant.id()).busy_since_ns == 0 || now < slack_ends_ns(tenant));
  }

  void lend(const lithos::SchedView& view, const lithos::Tenant& tenant, const lithos::Tenant& borrower, Share share,
            lithos_lease& lease) const {
    const lithos_launch* head = borrower.head();
    const unsigned needs = head == nullptr ? 0 : std::min(head->op.min_tpcs, tenant->quota_tpcs);
    const unsigned idle = static_cast<unsigned>(static_cast<double>(tenant->quota_tpcs) * params_.lend_idle + 0.5);
    lease.usable[LITHOS_PRESSURE_IDLE] |= slice(tenant.own().highest(std::max(idle, needs)), share, needs);
    if (!tenant.latency_critical() || !has_slack(tenant, view.now_ns())) return;
    const lithos::TpcSet beside = slice(tenant.own().highest(tenant->quota_tpcs - owners_.at(tenant.id()).works_on), share, needs);
    lease.usable[LITHOS_PRESSURE_ACTIVE] |= beside;
    lease.usable[LITHOS_PRESSURE_PRESSED] |= beside;
  }

  // Its part of neighbours; all of the pool where a part would be too small.
  static lithos::TpcSet slice(const lithos::TpcSet& pool, Share share, unsigned needs) {
    const unsigned count = pool.count();
    if (count / share.of < needs) return pool;
    return pool.lowest(count * (share.rank + 1) / share.of) - pool.lowest(count * share.rank / share.of);
  }

  void wake_when_slack_ends(const lithos::SchedView& view, lithos::SchedAnswer& answer) const {
    for (const lithos::Tenant tenant : view.tenants()) {
      if (!tenant.latency_critical() || tenant.idle() || tenant->slo_ns == 0) continue;
      if (const std::uint64_t at = slack_ends_ns(tenant); at > view.now_ns()) answer.wake_by(at);
    }
  }

  void set_bounds(lithos_lease& lease) const {
    lease.idle_grace_ns = lithos::ns(params_.idle_grace);
    lease.outstanding_limit_ns = lithos::ns(params_.outstanding);
    lease.uncuttable_limit_ns = lithos::ns(1h);  // what the owners tolerate holds
    lease.atom_ns = lithos::ns(params_.atom);
    lease.flags = LITHOS_LEASE_LOW_PRIORITY;
  }

  Params params_;
  std::unordered_map<std::uint64_t, Owner> owners_;
};
LITHOS_EXPORT_SCHEDULER(Slack)
