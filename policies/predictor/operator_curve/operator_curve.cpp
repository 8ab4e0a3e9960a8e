// SPDX-License-Identifier: Apache-2.0
// Predicts a launch from a curve through the operator's times on the TPC counts where it was seen (lithos/scaling_curve.hpp).
//
//   1. Clean observations make the curve: the median of the last eight on each count. Beside neighbours (5–15 % longer, GPU.md §9)
//      only the operator's sensitivity to neighbours is learnt; the same for clocks other than the one its times are for.
//   2. An operator that does different work at different places of a batch (one GEMM kernel and grid, several inner dimensions) gives
//      itself away by its scatter. Then each ordinal since the last synchronisation is remembered too (paper §5.7).
//   3. Seen on one count only, it is assumed to scale as its family does: launches of the same block size, occupancy and cluster. A
//      family nobody knows scales with fewer TPCs and gains nothing from more: p50 errs on the safe side, p99 always does.
#include <array>
#include <cmath>

#include <lithos/operator_memory.hpp>
#include <lithos/policy.hpp>

namespace {

// One operator, or one ordinal of an operator that does different work at different ordinals.
struct alignas(64) Known {
  std::uint32_t clock_mhz = 0;
  float clock_share = -1;       // part of the time that the clock stretches; below 0: not seen at two clocks
  float contention = -1;        // slowdown beside neighbours on all TPCs; below 0: not seen beside any
  bool contended_only = false;  // no clean observation yet: times are guesses from contended ones
  bool counted = false;         // in its family's share
  lithos::OperatorTimes times;  // at clock_mhz

  // Times as they would be at another clock. What is not known yet is assumed to cost: all of the time stretches, none shrinks.
  double at_clock(std::uint32_t mhz) const {
    if (mhz == clock_mhz || mhz == 0 || clock_mhz == 0) return 1;
    const double slower = static_cast<double>(clock_mhz) / mhz;
    if (slower > 1) return 1 + (clock_share < 0 ? 1.0 : clock_share) * (slower - 1);
    return 1 / (1 + std::max(0.0f, clock_share) * (1 / slower - 1));
  }
};

// Launches of the same block size, occupancy and cluster.
struct Family {
  std::uint64_t key = 0;
  double share = 0;  // mean scaling share of its members
  std::uint32_t members = 0;
};

}  // namespace

class OperatorCurve {
 public:
  static constexpr const char* id = "org.lithos.predictor.operator_curve";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "A scaling curve per operator through few TPC counts; neighbours, clock and ordinals apart.";
  static constexpr const char* license = "Apache-2.0";

  struct Params {
    std::chrono::nanoseconds unseen;
    std::int64_t operators;
    double mixed;
  };
  static constexpr std::tuple params{
      lithos::param<&Params::unseen>(1, "unseen", std::chrono::microseconds(100)).range(std::chrono::microseconds(1), std::chrono::seconds(1))
          .doc("What an operator is predicted to take on the whole GPU before it has been seen."),
      lithos::param<&Params::operators>(2, "operators", 8192).range(64, 1 << 16).unit("operators")
          .doc("Operators and ordinals remembered, about 900 bytes each; the longest unused makes room."),
      lithos::param<&Params::mixed>(3, "mixed", 0.08).range(0.0, 10.0)
          .doc("Mean distance from the median, as a share of it, from which an operator's ordinals are told apart.")};

  OperatorCurve(const lithos::Gpu& gpu, const Params& values)
      : sms_per_tpc_(gpu.sms_per_tpc()), gpu_tpcs_(gpu.tpcs()), params_(values),
        table_(static_cast<std::size_t>(values.operators)) {}

  lithos::Prediction predict(const lithos::PredictQuery& query) {
    Known* whole = table_.find(key_of(query.op));
    if (whole == nullptr) [[unlikely]] return unseen(query);
    const lithos::ScalingCurve* curve = whole->times.curve_at_hand();
    // Nearly all questions are of this kind. It is a path of its own, since each of its steps waits for the one before.
    const bool plain = curve != nullptr && whole->clock_mhz == query.clock_mhz && query.neighbour_tpcs == 0 && !is_mixed(*whole);
    if (!plain) [[unlikely]] return predict_known(*whole, query);
    return answer(*whole, *whole, curve->ns(query.tpcs), 1, query.tpcs);
  }

  void observe(const lithos::Observation& seen) {
    if (seen.block_count == 0 || seen.op.blocks == 0 || seen.tpcs == 0 || seen.duration_ns == 0) return;
    const double ns = static_cast<double>(seen.duration_ns) * seen.op.blocks / seen.block_count;
    Known& whole = table_.get(key_of(seen.op));
    learn(whole, seen, ns);
    if (is_mixed(whole) && seen.op.ordinal != 0 && seen.neighbour_tpcs == 0)
      learn(table_.get(key_of(seen.op, seen.tenant_id)), seen, ns);
  }

 private:
  static constexpr double kUsualContention = 0.3;  // GPU.md §9: 10 % beside 24 of 66 TPCs

  static std::uint64_t key_of(const lithos_op& op) { return lithos::spread_key(op.op_id); }
  static std::uint64_t key_of(const lithos_op& op, std::uint64_t tenant) {
    return lithos::spread_key(op.op_id ^ lithos::spread_key(tenant << 32 ^ op.ordinal));
  }
  static double larger(double a, double b) { return a > b ? a : b; }
  static double smaller(double a, double b) { return a < b ? a : b; }
  static std::uint64_t whole_ns(double ns) {
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(smaller(8e13, larger(1, ns + 0.5))));
  }
  bool is_mixed(const Known& known) const { return known.times.scatter() > params_.mixed && known.times.observations() >= 4; }

  [[gnu::noinline]] lithos::Prediction predict_known(Known& whole, const lithos::PredictQuery& query) {
    if (whole.times.empty()) return unseen(query);
    // Where the operator does different work at different ordinals, and this one's has been seen and is steadier than the whole: that one.
    Known* part = is_mixed(whole) && query.op.ordinal != 0 ? table_.find(key_of(query.op, query.tenant_id)) : nullptr;
    const bool steadier = part != nullptr && !part->times.empty() && part->times.scatter() <= 0.5f * whole.times.scatter();
    Known& known = steadier ? *part : whole;
    double ns = known.times.curve().ns(query.tpcs);
    if (steadier && known.times.counts() == 1 && whole.times.counts() > 1)  // its own size, the operator's shape
      ns = whole.times.curve().ns(query.tpcs) * known.times[0].median() / whole.times.curve().ns(known.times[0].tpcs);
    return answer(whole, known, ns, known.at_clock(query.clock_mhz) * beside(whole, query.neighbour_tpcs), query.tpcs);
  }
  // `ns`: alone, at the clock for which `known` has its times; `factor`: what the circumstances make of them.
  [[gnu::always_inline]] static lithos::Prediction answer(const Known& whole, const Known& known, double ns, double factor,
                                                          std::uint32_t tpcs) {
    tpcs = std::max(1u, tpcs);
    const lithos::RecentDurations& nearest = known.times.nearest(tpcs);
    const double expected = ns * factor, usual = nearest.median() * factor;
    const double fewer = nearest.tpcs * lithos::ScalingCurve::inverse(tpcs);
    // Never less than the truth if nothing gains more from TPCs than in proportion: from the nearest count, unscaled towards more.
    const double safe = larger(usual, usual * fewer);
    const double evidence = nearest.size() * (whole.contended_only ? 0.5 : 1.0) / lithos::RecentDurations::kKept;
    lithos::Prediction out{};
    out.p50_ns = whole_ns(expected);
    out.p99_ns = whole_ns(larger(expected, safe) * (nearest.high() / nearest.median()));
    out.confidence = evidence * smaller(fewer, 1 / fewer);
    return out;
  }

  [[gnu::noinline]] lithos::Prediction unseen(const lithos::PredictQuery& query) const {
    const double guess = static_cast<double>(lithos::ns(params_.unseen)) * gpu_tpcs_ / std::clamp(query.tpcs, 1u, gpu_tpcs_);
    return {whole_ns(guess), whole_ns(2 * guess), 0.0};
  }
  double share_of_gpu(std::uint32_t tpcs) const { return static_cast<double>(std::min(tpcs, gpu_tpcs_)) / gpu_tpcs_; }
  double beside(const Known& known, std::uint32_t neighbour_tpcs) const {
    if (neighbour_tpcs == 0) return 1;
    return 1 + (known.contention < 0 ? usual_contention_ : static_cast<double>(known.contention)) * share_of_gpu(neighbour_tpcs);
  }
  void learn(Known& known, const lithos::Observation& seen, double ns) {
    const bool clean = seen.neighbour_tpcs == 0;
    if (!clean && !known.times.empty() && !known.contended_only) return learn_contention(known, seen, ns);
    if (clean && known.contended_only) known = Known{.contention = known.contention, .times = {}};
    known.contended_only = !clean;
    if (known.clock_mhz == 0) known.clock_mhz = seen.clock_mhz;
    if (clean && seen.clock_mhz != known.clock_mhz) learn_clock(known, seen.tpcs, seen.clock_mhz, ns);
    const double alone = ns / known.at_clock(seen.clock_mhz) / beside(known, seen.neighbour_tpcs);
    const double share = known.times.counts() > 1 ? lithos::ScalingCurve::kShareUnknown : usual_share(seen.op);
    const auto shape = lithos::ScalingCurve::shape_of(seen.op, sms_per_tpc_, gpu_tpcs_);
    const auto change = known.times.add(shape, seen.tpcs, static_cast<float>(alone), share);
    if (change != lithos::OperatorTimes::Change::fitted || known.times.counts() < 2 || known.counted || !clean) return;
    known.counted = true;
    Family& family = family_of(seen.op);
    ++family.members;
    family.share += (known.times.curve().scaling_share() - family.share) / std::min(family.members, 32u);
  }

  void learn_contention(Known& known, const lithos::Observation& seen, double ns) {
    const double alone = known.times.curve().ns(seen.tpcs) * known.at_clock(seen.clock_mhz);
    const double found = std::clamp((ns / alone - 1) / share_of_gpu(seen.neighbour_tpcs), 0.0, 4.0);
    const double before = known.contention < 0 ? usual_contention_ : static_cast<double>(known.contention);
    known.contention = static_cast<float>(before + (found - before) / 8);
    usual_contention_ += (found - usual_contention_) / 1024;
  }

  // Seen at another clock on a count that is known: how much of the time the clock stretches. Times are kept for the highest clock seen.
  static void learn_clock(Known& known, std::uint32_t tpcs, std::uint32_t clock_mhz, double ns) {
    const lithos::RecentDurations* recent = known.times.find(tpcs);
    if (recent == nullptr || clock_mhz == 0 || known.clock_mhz == 0) return;
    const double slower = static_cast<double>(known.clock_mhz) / clock_mhz;
    if (slower > 0.97 && slower < 1.03) return;
    const double stretch = slower > 1 ? slower - 1 : 1 / slower - 1;
    const double loss = slower > 1 ? ns / recent->median() - 1 : recent->median() / ns - 1;
    const auto found = static_cast<float>(std::clamp(loss / stretch, 0.0, 1.2));
    known.clock_share = known.clock_share < 0 ? found : known.clock_share + (found - known.clock_share) / 8;
    if (slower > 1) return;
    known.times.scale(static_cast<float>(known.at_clock(clock_mhz)));
    known.clock_mhz = clock_mhz;
  }

  double usual_share(const lithos_op& op) {
    const Family& family = family_of(op);
    return family.members >= 3 ? family.share : lithos::ScalingCurve::kShareUnknown;
  }
  Family& family_of(const lithos_op& op) {
    const std::uint64_t key =
        lithos::spread_key(std::uint64_t{op.threads_per_block} << 40 ^ std::uint64_t{op.blocks_per_tpc} << 20 ^
                           std::uint64_t{op.cluster_blocks} << 8 ^ (op.flags & LITHOS_OP_PERSISTENT));
    Family& family = families_[key >> 32 & (families_.size() - 1)];
    if (family.key != key) family = {key, 0, 0};
    return family;
  }

  std::uint32_t sms_per_tpc_, gpu_tpcs_;
  Params params_;
  lithos::BoundedTable<Known> table_;
  std::array<Family, 256> families_{};
  double usual_contention_ = kUsualContention;
};
LITHOS_EXPORT_PREDICTOR(OperatorCurve)
