// SPDX-License-Identifier: Apache-2.0
// Quotas with TPC borrowing, after the LithOS paper (§5.3–5.4): every tenant has its own TPCs; those it does not need are lent, and it
// takes them back without asking anybody.
//
// The idea in five steps:
//   1. A share of each owner's TPCs is lent, and the share depends on how much the owner presses: much while it is idle, less while it
//      works, nothing in a busy period. Borrowers look at the owner's pressure before each atom, so following it needs no decision
//      here. What is never lent is where a request that arrives during a borrower's long kernel starts at once.
//   2. Lent TPCs are the owner's last ones. Each goes to one borrower, in slices of neighbours, so that clusters find room, as wide as its
//      class weighs; or, with `overlap`, to several, and the hardware fills what one leaves. Then who owns some TPCs is sure of those.
//   3. What a borrower may have in flight there is bounded: work outstanding, length of uncuttable launches, length of atoms.
//   4. Of an owner whose work would be little slower on fewer TPCs, the rest is lent while it works (`spare_*`): its narrow launches take
//      its lowest TPCs and leave the lent ones alone, its wide ones use all and share. What that frees is no more than the capacity
//      it saves, TPCs times slowdown; and little is worse than nothing, since a borrower's long launch that begins on few TPCs stays
//      there when the owner pauses and all would be free. So it must be the share outlasting / (outlasting + busy period) of the GPU.
//   5. The TPCs' timers veto lending where the owner's work is predicted to go on for long. They never veto owning.
#include <algorithm>
#include <array>

#include <lithos/busy_periods.hpp>
#include <lithos/policy.hpp>

using namespace std::chrono_literals;

class TpcBorrowing {
 public:
  static constexpr const char* id = "org.lithos.scheduler.tpc_borrowing";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "Own TPCs by quota; the rest is lent by how much its owner presses, and taken back at once.";
  static constexpr const char* license = "Apache-2.0";

  struct Params {
    double lend_idle, lend_active, lend_pressed;
    std::chrono::nanoseconds idle_grace, outstanding, uncuttable, atom, timer_horizon;
    double spare_active, spare_pressed;
    std::chrono::nanoseconds outlasting;
    double overlap, weight_throughput;
  };
  static constexpr std::tuple params{
      lithos::param<&Params::lend_idle>(1, "lend_idle", 0.95).range(0.0, 1.0).live()
          .doc("Share of a latency-critical owner's TPCs that others may use while it has no work."),
      lithos::param<&Params::lend_active>(2, "lend_active", 0.0).range(0.0, 1.0).live()
          .doc("Share of them that others may use while it works and nothing of its work waits."),
      lithos::param<&Params::lend_pressed>(3, "lend_pressed", 0.0).range(0.0, 1.0).live()
          .doc("Share of them that others may use while its work queues up."),
      lithos::param<&Params::idle_grace>(4, "idle_grace", 20us).range(0us, 10ms).live()
          .doc("An owner counts as idle only after this long without work."),
      lithos::param<&Params::outstanding>(5, "outstanding_limit", 150us).range(0us, 20ms).live()
          .doc("Predicted work a borrower may have submitted beyond the launch that runs."),
      lithos::param<&Params::uncuttable>(6, "uncuttable_limit", 10ms).range(10us, 1s).live()
          .doc("Longest predicted launch that may run whole on borrowed TPCs; what their owners tolerate also holds."),
      lithos::param<&Params::atom>(7, "atom", 400us).range(0us, 20ms).live()
          .doc("Length of the atoms that launches on borrowed TPCs are cut into; 0 never cuts."),
      lithos::param<&Params::timer_horizon>(8, "timer_horizon", 20ms).range(0us, 1s).live()
          .doc("TPCs on which work is predicted to go on for longer than this are not lent meanwhile."),
      lithos::param<&Params::spare_active>(10, "spare_active", 0.0).range(0.0, 8.0).live()
          .doc("While it works: TPCs are lent without which its recent work would by prediction take this share longer; 0: none of them."),
      lithos::param<&Params::spare_pressed>(11, "spare_pressed", 0.0).range(0.0, 8.0).live()
          .doc("The same while its work queues up, which eager launches do all the time."),
      lithos::param<&Params::outlasting>(12, "outlasting", 1500us).range(0us, 100ms).live()
          .doc("Length of borrowers' long launches on all TPCs: nothing is spared where that frees too little for them to gain by it."),
      lithos::param<&Params::overlap>(13, "overlap", 0.0).range(0.0, 1.0).live()
          .doc("How far the slices of several borrowers overlap: 0 not at all; 1: each may use all that is lent."),
      lithos::param<&Params::weight_throughput>(14, "weight_throughput", 1.0).range(0.01, 100.0).live()
          .doc("Width of a throughput tenant's slice of what is lent, against a best-effort tenant's: little for one that waits for its CPU.")};

  TpcBorrowing(const lithos::Host&, const lithos::Gpu& gpu, const Params& values) : gpu_(gpu), params_(values) {}
  void set_params(const Params& values) { params_ = values; }

  void decide(const lithos::SchedView& view, lithos::SchedAnswer& answer) {
    const Pools pools = gather(view);
    double before = 0, before_below_critical = 0;
    for (const lithos::Tenant tenant : view.tenants()) {
      lithos_lease& lease = answer.lease(tenant);
      set_bounds(lease);
      if (!wants_more(tenant)) continue;
      const unsigned needs = needed(tenant);
      const double wide = weight(tenant);
      for (std::uint32_t level = 0; level < LITHOS_PRESSURE_LEVELS; ++level) {
        lease.usable[level] |= slice(pools.of_others[level], before / pools.weights, wide / pools.weights, needs);
        if (!tenant.latency_critical())
          lease.usable[level] |=
              slice(pools.of_critical[level], before_below_critical / pools.weights_below_critical, wide / pools.weights_below_critical, needs);
      }
      before += wide;
      before_below_critical += tenant.latency_critical() ? 0 : wide;
    }
  }

 private:
  using ByPressure = std::array<lithos::TpcSet, LITHOS_PRESSURE_LEVELS>;
  struct Pools {
    ByPressure of_critical;  // lent by latency-critical owners, to everybody below them
    ByPressure of_others;    // unowned, or lent by the rest, to everybody
    double weights = 0, weights_below_critical = 0;  // of all borrowers, and of those that are not latency-critical
  };

  // An idle tenant gets nothing beyond its own: when it wakes, its pressure brings the next decision. A graph's masks
  // are fixed at its first launch, so its tenant could not use what it is lent.
  static bool wants_more(const lithos::Tenant& tenant) {
    const lithos_launch* running = tenant.running();
    return !tenant.idle() && !(running != nullptr && lithos::has_flag(running->op, LITHOS_OP_GRAPH));
  }

  // What its next launch cannot do with less of: blocks that may wait for each other.
  unsigned needed(const lithos::Tenant& tenant) const { return tenant.head() == nullptr ? 0 : gpu_.tpcs_that_hold(tenant.head()->op); }

  Pools gather(const lithos::SchedView& view) {
    Pools pools;
    const lithos::TpcSet vetoed = busy_beyond_horizon(view);
    pools.of_others.fill(view.unowned());
    unsigned needs = 0;
    for (const lithos::Tenant tenant : view.tenants()) {
      if (wants_more(tenant)) {
        pools.weights += weight(tenant);
        pools.weights_below_critical += tenant.latency_critical() ? 0 : weight(tenant);
        needs = std::max(needs, needed(tenant));
      }
    }
    for (const lithos::Tenant tenant : view.tenants()) {
      if (tenant->quota_tpcs == 0) continue;
      if (tenant.latency_critical()) {
        const std::array share{params_.lend_idle, params_.lend_active, params_.lend_pressed};
        const std::array spare = spared(tenant, view.now_ns());
        for (std::uint32_t level = 0; level < LITHOS_PRESSURE_LEVELS; ++level) {
          const unsigned lent = std::max(portion(tenant->quota_tpcs, share[level]), spare[level]);
          pools.of_critical[level] |= tenant.own().highest(lent) - vetoed;
        }
        // A launch that only fits on more than that would wait for the starvation limit.
        if (params_.lend_idle > 0) pools.of_critical[LITHOS_PRESSURE_IDLE] |= tenant.own().highest(needs) - vetoed;
      } else {
        pools.of_others[LITHOS_PRESSURE_IDLE] |= tenant.own() - vetoed;
      }
    }
    return pools;
  }

  // TPCs that the owner's recent work could do without, by its pressure (step 4).
  std::array<unsigned, LITHOS_PRESSURE_LEVELS> spared(const lithos::Tenant& owner, std::uint64_t now_ns) {
    if (params_.spare_active <= 0 && params_.spare_pressed <= 0) return {};
    const double busy_ns = busy_.mean_ns(owner, now_ns, lithos::ns(params_.idle_grace));
    const auto outlasting_ns = static_cast<double>(lithos::ns(params_.outlasting));
    const double fewest = gpu_.tpcs() * outlasting_ns / (outlasting_ns + busy_ns);
    const unsigned active = spared(owner, params_.spare_active, fewest);
    return {active, active, spared(owner, params_.spare_pressed, fewest)};
  }
  unsigned spared(const lithos::Tenant& owner, double slowdown, double fewest) const {
    const unsigned quota = owner->quota_tpcs;
    const double shortest = owner.slowdown_on(quota, gpu_.tpcs());
    if (slowdown <= 0 || !(shortest > 0)) return 0;
    unsigned keeps = quota;
    while (keeps > kStep && owner.slowdown_on(keeps - kStep, gpu_.tpcs()) <= (1 + slowdown) * shortest) keeps -= kStep;
    const double saved = quota * shortest - keeps * owner.slowdown_on(keeps, gpu_.tpcs());
    return !(saved >= fewest) || keeps == quota ? 0 : quota - keeps;
  }

  // Only the owner's own work counts: a TPC that a borrower keeps busy is the borrower's to go on with.
  lithos::TpcSet busy_beyond_horizon(const lithos::SchedView& view) const {
    lithos::TpcSet busy;
    const std::uint64_t horizon = view.now_ns() + lithos::ns(params_.timer_horizon);
    for (const lithos::Tpc tpc : view.tpcs())
      if (tpc->busy_until_ns > horizon && !tpc.borrowed()) busy.add(tpc.index());
    return busy;
  }

  void set_bounds(lithos_lease& lease) const {
    lease.idle_grace_ns = lithos::ns(params_.idle_grace);
    lease.outstanding_limit_ns = lithos::ns(params_.outstanding);
    lease.uncuttable_limit_ns = lithos::ns(params_.uncuttable);
    lease.atom_ns = lithos::ns(params_.atom);
    lease.flags = LITHOS_LEASE_LOW_PRIORITY;
  }

  static unsigned portion(unsigned tpcs, double share) { return static_cast<unsigned>(static_cast<double>(tpcs) * share + 0.5); }

  double weight(const lithos::Tenant& tenant) const { return tenant->tenant_class == LITHOS_CLASS_THROUGHPUT ? params_.weight_throughput : 1.0; }

  // Neighbours from that share of the pool on, so wide a share of it; all of it where that would be too few.
  lithos::TpcSet slice(const lithos::TpcSet& pool, double from, double wide, unsigned needs) const {
    const unsigned count = pool.count();
    if (whole(count * wide) < std::max(needs, 1u)) return pool;
    const unsigned shared = portion(count, params_.overlap);
    const unsigned first = whole((count - shared) * from), end = whole((count - shared) * (from + wide)) + shared;
    return pool.lowest(end) - pool.lowest(first);
  }
  static unsigned whole(double tpcs) { return static_cast<unsigned>(tpcs + 1e-6); }  // thirds of 66 are 22

  static constexpr unsigned kStep = 2;  // TPCs: leases should not follow every breath of the estimate

  lithos::Gpu gpu_;
  Params params_;
  lithos::BusyPeriods busy_;
};
LITHOS_EXPORT_SCHEDULER(TpcBorrowing)
