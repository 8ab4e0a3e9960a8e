// SPDX-License-Identifier: Apache-2.0
// Predicts by a moving average of the TPC time (duration × TPCs) of an operator, and its spread by a moving mean deviation, as TCP
// estimates round-trip times. Follows drift faster than a median, and is thrown off more by a single outlier.
#include <algorithm>
#include <cmath>
#include <unordered_map>

#include <lithos/policy.hpp>

class Ewma {
 public:
  static constexpr const char* id = "org.lithos.predictor.ewma";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "Moving average of an operator's TPC time.";
  static constexpr const char* license = "Apache-2.0";

  struct Params { double weight; };
  static constexpr std::tuple params{
      lithos::param<&Params::weight>(1, "weight", 0.25).range(0.01, 1.0).live().doc("Weight of the newest observation.")};

  explicit Ewma(const Params& values) : params_(values) { known_.reserve(4096); }
  void set_params(const Params& values) { params_ = values; }

  lithos::Prediction predict(const lithos::PredictQuery& query) const {
    const auto found = known_.find(query.op.op_id);
    if (found == known_.end()) return {kUnseenNs, 2 * kUnseenNs, 0.0};
    const Average& average = found->second;
    const double tpcs = std::max(1u, query.tpcs);
    const auto p50 = in_range(average.tpc_ns / tpcs);
    const auto spread = in_range(3 * average.deviation_tpc_ns / tpcs);
    return {p50, p50 + spread, std::min(1.0, average.seen / 8.0)};
  }

  void observe(const lithos::Observation& seen) {
    if (seen.block_count == 0 || seen.tpcs == 0) return;
    const double whole = static_cast<double>(std::max(1u, seen.op.blocks)) / seen.block_count;
    const double tpc_ns = whole * static_cast<double>(seen.duration_ns) * seen.tpcs;
    Average& average = known_[seen.op.op_id];
    const double weight = average.seen == 0 ? 1.0 : params_.weight;
    average.deviation_tpc_ns += weight * ((average.seen == 0 ? 0.0 : std::abs(tpc_ns - average.tpc_ns)) - average.deviation_tpc_ns);
    average.tpc_ns += weight * (tpc_ns - average.tpc_ns);
    average.seen += 1;
  }

 private:
  static constexpr std::uint64_t kUnseenNs = 100'000;
  // At most eleven days: a number that no launch takes must not overflow.
  static std::uint64_t in_range(double ns) { return static_cast<std::uint64_t>(std::min(1e15, std::max(1.0, ns))); }
  struct Average { double tpc_ns = 0, deviation_tpc_ns = 0, seen = 0; };
  Params params_;
  std::unordered_map<std::uint64_t, Average> known_;
};
LITHOS_EXPORT_PREDICTOR(Ewma)
