// SPDX-License-Identifier: Apache-2.0
// Gives each launch only the TPCs it needs, after the LithOS paper (§5.5).
//
// Stage 1, occupancy: TPCs beyond ceil(blocks / blocks per TPC) hold no block. Stage 2, scaling: l(t) = m/t + b fitted to what has been
// observed, then the smallest t with l(t) <= slip · l(all). The paper probes one TPC and all of them; one TPC stalls its tenant for
// fifty times the kernel's length, so this policy probes half of the TPCs, a few times, and stops once its fit is good.
#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <unordered_map>

#include <lithos/policy.hpp>

namespace {

// Least squares of l = m·x + b over x = 1/t, from running sums that forget slowly.
struct Fit {
  double n = 0, x = 0, y = 0, xx = 0, xy = 0;
  double lowest_x = 1e9, highest_x = 0;

  void add(double inverse_tpcs, double duration) {
    constexpr double kKeep = 0.995;
    n = n * kKeep + 1, x = x * kKeep + inverse_tpcs, y = y * kKeep + duration;
    xx = xx * kKeep + inverse_tpcs * inverse_tpcs, xy = xy * kKeep + inverse_tpcs * duration;
    lowest_x = std::min(lowest_x, inverse_tpcs), highest_x = std::max(highest_x, inverse_tpcs);
  }
  // Two TPC counts at least 1.5 times apart, or there is no slope to speak of.
  bool known() const { return n >= 4 && highest_x > 1.5 * lowest_x; }
  double m() const { return std::max(0.0, (n * xy - x * y) / (n * xx - x * x)); }
  double b() const { return std::max(0.0, (y - m() * x) / n); }
};

}  // namespace

class Amdahl {
 public:
  static constexpr const char* id = "org.lithos.right_sizer.amdahl";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "Occupancy bound, then l = m/t + b: the fewest TPCs within the slip.";
  static constexpr const char* license = "Apache-2.0";

  struct Params { std::int64_t probes; };
  static constexpr std::tuple params{
      lithos::param<&Params::probes>(1, "probes", 3).range(0, 64).live()
          .doc("Launches run on half of the TPCs to learn how an operator scales; 0 learns only from what happens.")};

  explicit Amdahl(const Params& values) : params_(values) { known_.reserve(4096); }
  void set_params(const Params& values) { params_ = values; }

  lithos::Size choose(const lithos::SizeQuery& query) {
    const std::uint32_t useful = occupancy_bound(query);
    if (lithos::has_flag(query.op, LITHOS_OP_GRAPH)) return {useful, 0, 1.0};
    const auto found = known_.find(query.op.op_id);
    if (found == known_.end()) return {useful, 0, 1.0};
    const Operator& op = *found->second;
    if (!op.fit.known()) return op.seen >= 2 && op.probed < params_.probes ? Size{std::max(1u, useful / 2), 0, 2.0} : Size{useful, 0, 1.0};
    const double at_all = op.fit.m() / useful + op.fit.b();
    const double room = query.slip * at_all - op.fit.b();
    if (room <= 0 || at_all <= 0) return {useful, 0, 1.0};
    const auto needed = static_cast<std::uint32_t>(std::ceil(op.fit.m() / room));
    const std::uint32_t tpcs = std::clamp(needed, 1u, useful);
    return {tpcs, 0, std::max(1.0, (op.fit.m() / tpcs + op.fit.b()) / at_all)};
  }

  // Whole launches without neighbours tell how an operator scales; with neighbours, how busy they were.
  void observe(const lithos::Observation& seen) {
    if (seen.tpcs == 0 || seen.block_count != seen.op.blocks) return;
    auto& op = known_[seen.op.op_id];
    if (op == nullptr) op = std::make_unique<Operator>();
    ++op->seen;
    const std::uint32_t held = std::min(seen.tpcs, occupancy_bound(seen.op, seen.tpcs));
    if (op->highest_tpcs > 0 && held * 3 < op->highest_tpcs * 2) ++op->probed;
    op->highest_tpcs = std::max(op->highest_tpcs, held);
    op->fit.add(1.0 / held, static_cast<double>(seen.duration_ns));
  }

 private:
  using Size = lithos::Size;
  struct Operator {
    Fit fit;
    std::int64_t seen = 0, probed = 0;
    std::uint32_t highest_tpcs = 0;
  };

  static std::uint32_t occupancy_bound(const lithos_op& op, std::uint32_t tpcs) {
    if (op.blocks_per_tpc == 0 || op.blocks == 0) return tpcs;
    return std::clamp((op.blocks + op.blocks_per_tpc - 1) / op.blocks_per_tpc, 1u, tpcs);
  }
  static std::uint32_t occupancy_bound(const lithos::SizeQuery& query) { return occupancy_bound(query.op, query.tpcs); }

  Params params_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Operator>> known_;
};
LITHOS_EXPORT_RIGHT_SIZER(Amdahl)
