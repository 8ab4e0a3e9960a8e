// SPDX-License-Identifier: Apache-2.0
// Gives a launch TPCs until the next one would buy less time than it costs.
//
// The l = m/t + b rule (LithOS paper §5.5) gives every operator the same slowdown. That is not the cheapest way to spend a slowdown:
// a kernel that barely scales frees half of its TPCs for 2 %, another none for 10 %. So each operator here gets the t that minimises
//
//     (t + price) · l(t)      among those with l(t) ≤ slip · l(all)
//
// l(t) · t is the capacity it takes and price, in TPCs, is what a tenant's time is worth: a Lagrange multiplier, the same for all
// operators of a tenant. Feedback moves it, so that the tenant's work together takes no longer than `budget` · (slip − 1) allows; the
// slip bounds each operator by itself. Kernels whose TPC time falls with fewer TPCs (Hopper's persistent GEMMs waste a fifth of the
// full chip, GPU.md §10) give TPCs up at any price.
//
// Learning is cheap: first all TPCs; then, for few operators at a time, `first_probe` of them, or as many as hold a block of a small grid;
// from there down only where the curve says that it pays, at most by half at a time, and half-way back up, while that may pay, where a
// probe was too slow. Nothing is ever tried on one TPC.
// (That TPCs without a block change nothing must be seen, not assumed: spread over more GPCs, a few blocks get more bandwidth.)
#include <array>

#include <lithos/operator_memory.hpp>
#include <lithos/policy.hpp>
#include <lithos/probes.hpp>

class Marginal {
 public:
  static constexpr const char* id = "org.lithos.right_sizer.marginal";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "TPCs until the next buys less time than it costs; the price is held by feedback.";
  static constexpr const char* license = "Apache-2.0";

  struct Params {
    double budget, first_probe, probing;
    std::int64_t operators, patience;
    double worth;
  };
  static constexpr std::tuple params{
      lithos::param<&Params::budget>(1, "budget", 0.5).range(0.0, 1.0).live()
          .doc("Share of the tolerated slowdown (slip - 1) that all of a tenant's work together may take."),
      lithos::param<&Params::first_probe>(2, "first_probe", 0.6).range(0.3, 0.95).live()
          .doc("Share of an operator's TPCs on which it is tried first."),
      lithos::param<&Params::probing>(3, "probing", 0.15).range(0.0, 1.0).live()
          .doc("Share of a tenant's time whose operators are tried at once; one operator always may be."),
      lithos::param<&Params::operators>(4, "operators", 4096).range(64, 1 << 16).unit("operators")
          .doc("Operators remembered, about 500 bytes each; the longest unused makes room."),
      lithos::param<&Params::patience>(5, "patience", 5).range(0, 1000).unit("requests").live()
          .doc("So many requests of a latency-critical tenant on each other's heels, and it gets all its TPCs until a pause; 0: never."),
      lithos::param<&Params::worth>(6, "worth", 0.1).range(0.0, 16.0).live()
          .doc("What a tenant's time is worth at least, as a share of the GPU: no slowdown that frees less than that.")};

  Marginal(const lithos::Gpu& gpu, const Params& values)
      : sms_per_tpc_(std::max(1u, gpu.sms_per_tpc())), gpu_tpcs_(gpu.tpcs()), params_(values),
        table_(static_cast<std::size_t>(values.operators)) {}
  void set_params(const Params& values) { params_ = values; }

  lithos::Size choose(const lithos::SizeQuery& query) {
    lithos::Size size = wished(query);
    // What costs no time to save is saved in haste, too.
    if (query.tenant_class == LITHOS_CLASS_LATENCY_CRITICAL && size.expected_slowdown > kFree)
      size.rush_after = static_cast<std::uint32_t>(params_.patience);
    return size;
  }

  // Whole launches only. Clean ones make the curves; once there are any, those beside neighbours count for the price alone: a tenant that
  // loses its slip to neighbours has none to give.
  void observe(const lithos::Observation& seen) {
    if (seen.tpcs == 0 || seen.duration_ns == 0 || seen.block_count != seen.op.blocks || lithos::has_flag(seen.op, LITHOS_OP_GRAPH)) return;
    Known& known = table_.get(lithos::spread_key(seen.op.op_id));
    const bool clean = seen.neighbour_tpcs == 0;
    if (!clean && known.has_clean) return learn(tenant_of(seen.tenant_id), known, seen);
    if (clean && !known.has_clean) known = Known{{}, 0, true};
    const auto shape = lithos::ScalingCurve::shape_of(seen.op, sms_per_tpc_, gpu_tpcs_);
    known.times.add(shape, seen.tpcs, static_cast<float>(seen.duration_ns));
    known.total_ns += static_cast<double>(seen.duration_ns);
    learn(tenant_of(seen.tenant_id), known, seen);
  }

 private:
  struct Known {
    lithos::OperatorMeans times;
    double total_ns = 0;
    bool has_clean = false;
  };
  struct Tenant {
    std::uint64_t id = 0, used_at = 0, observations = 0;
    double price = 0;                   // TPCs
    double total_ns = 0;                // of all its operators
    double taken_ns = 0, whole_ns = 0;  // since the price last moved: as sized, and what all TPCs would have taken
    lithos::Probes probes;
  };
  static constexpr double kFree = 1.01;               // slowdown that is none
  static constexpr double kSameTpcs = 1.05;           // counts no further apart count as one
  static constexpr double kWorthTrying = 0.97;        // of the cost, if all goes well
  static constexpr std::uint32_t kFewest = 2;         // TPCs: a smaller choice frees next to nothing
  static constexpr double kPriceLeast = 0.02, kPriceless = 16, kPriceMost = 64;  // of a tenant's time, in GPUs
  static constexpr std::uint64_t kPriceEvery = 512;   // observations

  lithos::Size wished(const lithos::SizeQuery& query) {
    slip_ = query.slip;
    const std::uint32_t most = query.tpcs;
    const std::uint32_t least = std::clamp(std::max(query.op.min_tpcs, kFewest), 1u, most);
    if (lithos::has_flag(query.op, LITHOS_OP_GRAPH) || lithos::has_flag(query.op, LITHOS_OP_COLLECTIVE)) return {most, 0, 1.0};
    Known* known = table_.find(lithos::spread_key(query.op.op_id));
    // Beside neighbours fewer TPCs look as good as all: they are those that are not shared. So nothing is learnt of scaling there.
    if (known == nullptr || known->times.empty() || !known->has_clean || least == most) return {most, 0, 1.0};
    Tenant& tenant = tenant_of(query.tenant_id);
    if (tenant.price > kPriceless * gpu_tpcs_) return {most, 0, 1.0};
    if (known->times.counts() > 1) {
      const std::uint32_t lowest = std::max(least, (known->times.fewest() + 1) / 2);
      const std::uint32_t best = cheapest(known->times.curve(), lowest, most, query.slip, tenant.price);
      const std::uint32_t fewer = perhaps_as_fast(*known, best, tenant.price);
      const bool tries = fewer >= least && may_probe(tenant, query.op.op_id, *known);
      return sized(*known, says_something(query.op, tries ? fewer : best, most), most);
    }
    const std::uint32_t wish = std::max(least, first_probe(query.op, most));
    if (known->times.most() * 10 < most * 9 || wish >= most || !may_probe(tenant, query.op.op_id, *known))
      return {most, 0, 1.0};
    return sized(*known, says_something(query.op, wish, most), most);
  }

  // As many as hold a block, the hardware starting one per SM before any SM gets a second; or a share of all.
  std::uint32_t first_probe(const lithos_op& op, std::uint32_t most) const {
    const auto share = static_cast<std::uint32_t>(params_.first_probe * most + 0.5);
    return op.blocks == 0 ? share : std::min(share, (op.blocks + sms_per_tpc_ - 1) / sms_per_tpc_);
  }
  // Exactly the TPCs that the blocks fill when packed is what a right-sizer says that knows nothing else, and is taken so.
  static std::uint32_t says_something(const lithos_op& op, std::uint32_t tpcs, std::uint32_t most) {
    const bool packed = op.blocks_per_tpc > 0 && tpcs == (op.blocks + op.blocks_per_tpc - 1) / op.blocks_per_tpc;
    return packed ? std::min(tpcs + 1, most) : tpcs;
  }
  lithos::Size sized(Known& known, std::uint32_t tpcs, std::uint32_t most) const {
    return {tpcs, 0, std::max(1.0, known.times.curve().ns(tpcs) / known.times.curve().ns(most))};
  }

  static std::uint32_t cheapest(const lithos::ScalingCurve& curve, std::uint32_t least, std::uint32_t most, double slip, double price) {
    const double longest = slip * curve.ns(most);
    std::uint32_t best = most;
    double lowest = 1e300;
    for (std::uint32_t tpcs = most; tpcs >= least; --tpcs) {
      const double ns = curve.ns(tpcs);
      if (ns > longest) break;  // it never falls with fewer TPCs
      const double cost = (tpcs + price) * ns;
      if (cost < lowest) lowest = cost, best = tpcs;
    }
    return best;
  }

  // Between two counts that were seen the law is a guess: eleven clusters take one wave on all TPCs and down to two thirds of them, then two.
  // So if it would stay where it is, though half-way to the next fewer would pay if that is as fast, that is tried; 0: it would not.
  static std::uint32_t perhaps_as_fast(Known& known, std::uint32_t best, double price) {
    const auto [seen, half_way] = known.times.gap_below(best);
    const bool best_is_seen = best * kSameTpcs >= seen, close = half_way * kSameTpcs > seen;
    if (half_way == 0 || !best_is_seen || close) return 0;
    const lithos::ScalingCurve& curve = known.times.curve();
    return (half_way + price) * curve.ns(seen) < kWorthTrying * (best + price) * curve.ns(best) ? half_way : 0;
  }

  bool may_probe(Tenant& tenant, std::uint64_t op_id, const Known& known) const {
    const double share = tenant.total_ns > 0 ? known.total_ns / tenant.total_ns : 1;
    return tenant.probes.may_try(op_id, share, known.times.counts(), tenant.observations, params_.probing);
  }

  // What the tenant's work takes as it is sized, against what it would take on all TPCs, moves the price.
  void learn(Tenant& tenant, Known& known, const lithos::Observation& seen) {
    ++tenant.observations;
    const auto ns = static_cast<double>(seen.duration_ns);
    tenant.total_ns += ns, tenant.taken_ns += ns;
    tenant.probes.seen(seen.op.op_id, known.times.counts());
    if (seen.neighbour_tpcs != 0 && known.has_clean) tenant.whole_ns += known.times.curve().ns(known.times.most());
    else tenant.whole_ns += known.times.counts() > 1 ? ns / sized(known, seen.tpcs, known.times.most()).expected_slowdown : ns;
    if (tenant.observations % kPriceEvery != 0) return;
    const double slowdown = tenant.taken_ns / tenant.whole_ns - 1;
    tenant.taken_ns = tenant.whole_ns = 0;
    const double step = slowdown > params_.budget * (slip_ - 1) ? 1.05 : 1 / 1.02;
    tenant.price = std::clamp(tenant.price * step, std::max(params_.worth, kPriceLeast) * gpu_tpcs_, kPriceMost * gpu_tpcs_);
  }

  Tenant& tenant_of(std::uint64_t tenant_id) {
    ++uses_;
    Tenant* oldest = &tenants_[0];
    for (Tenant& tenant : tenants_) {
      if (tenant.id == tenant_id) return tenant.used_at = uses_, tenant;
      if (tenant.used_at < oldest->used_at) oldest = &tenant;
    }
    *oldest = Tenant{};
    oldest->id = tenant_id;
    oldest->used_at = uses_;
    oldest->price = 4.0 * gpu_tpcs_;  // slow to give up until it is known what that costs
    return *oldest;
  }

  std::uint32_t sms_per_tpc_, gpu_tpcs_;
  Params params_;
  double slip_ = 1.1;  // as last asked for: one for the whole set of policies
  std::uint64_t uses_ = 0;
  lithos::BoundedTable<Known> table_;
  std::array<Tenant, 64> tenants_{};
};
LITHOS_EXPORT_RIGHT_SIZER(Marginal)
