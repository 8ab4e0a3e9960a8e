// SPDX-License-Identifier: Apache-2.0
// Predicts that a launch takes what the same operator took last time, scaled linearly to the TPC count asked for. The simplest predictor
// that works; what every other one has to beat.
#include <algorithm>
#include <unordered_map>

#include <lithos/policy.hpp>

class LastValue {
 public:
  static constexpr const char* id = "org.lithos.predictor.last_value";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "What the operator took last time, linear in TPCs.";
  static constexpr const char* license = "Apache-2.0";

  explicit LastValue(const lithos::Gpu&) { known_.reserve(4096); }

  lithos::Prediction predict(const lithos::PredictQuery& query) const {
    const auto found = known_.find(query.op.op_id);
    if (found == known_.end()) return {kUnseenNs, 2 * kUnseenNs, 0.0};
    const double scale = static_cast<double>(found->second.tpcs) / std::max(1u, query.tpcs);
    const auto p50 = in_range(scale * static_cast<double>(found->second.duration_ns));
    return {p50, p50 + p50 / 4, found->second.tpcs == query.tpcs ? 0.7 : 0.3};
  }

  void observe(const lithos::Observation& seen) {
    if (seen.block_count == 0 || seen.tpcs == 0) return;
    const double whole = static_cast<double>(std::max(1u, seen.op.blocks)) / seen.block_count;
    known_[seen.op.op_id] = {in_range(whole * static_cast<double>(seen.duration_ns)), seen.tpcs};
  }

 private:
  static constexpr std::uint64_t kUnseenNs = 100'000;
  // At most eleven days: a number that no launch takes must not overflow.
  static std::uint64_t in_range(double ns) { return static_cast<std::uint64_t>(std::min(1e15, std::max(1.0, ns))); }
  struct Seen { std::uint64_t duration_ns; std::uint32_t tpcs; };
  std::unordered_map<std::uint64_t, Seen> known_;
};
LITHOS_EXPORT_PREDICTOR(LastValue)
