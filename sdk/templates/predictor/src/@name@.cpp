// SPDX-License-Identifier: Apache-2.0
// @name@: a kernel takes what it took on average, scaled by the TPCs it gets.
#include <algorithm>
#include <unordered_map>

#include <lithos/policy.hpp>

class @Class@ {
 public:
  static constexpr const char* id = "org.example.@name@";
  static constexpr const char* version = "0.1.0";
  static constexpr const char* summary = "Moving average of an operator's work, spread over its TPCs.";

  struct Params {
    double weight;
  };
  static constexpr std::tuple params{lithos::param<&Params::weight>(1, "weight", 0.25)
                                         .range(0.01, 1.0)
                                         .live()
                                         .doc("Weight of the newest observation in the average.")};

  explicit @Class@(const Params& values) : params_(values) { work_.reserve(4096); }
  void set_params(const Params& values) { params_ = values; }

  lithos::Prediction predict(const lithos::PredictQuery& query) const {
    constexpr double kUnseenTpcNs = 1e6;  // 15 us on a whole H200
    constexpr double kLongestNs = 1e12;
    const auto found = work_.find(query.op.op_id);
    const double work = found == work_.end() ? kUnseenTpcNs : found->second;
    const auto p50 = static_cast<std::uint64_t>(std::min(kLongestNs, std::max(1.0, work / useful(query.op, query.tpcs))));
    return {p50, 2 * p50, found == work_.end() ? 0.0 : 0.5};
  }

  void observe(const lithos::Observation& seen) {
    if (seen.block_count == 0 || seen.op.blocks == 0 || seen.tpcs == 0) return;
    const double whole = static_cast<double>(seen.duration_ns) * seen.op.blocks / seen.block_count;
    const double work = whole * useful(seen.op, seen.tpcs);  // TPCs times nanoseconds
    const auto [entry, first] = work_.try_emplace(seen.op.op_id, work);
    if (!first) entry->second += params_.weight * (work - entry->second);
  }

 private:
  // TPCs beyond those that hold a block change nothing.
  static double useful(const lithos_op& op, std::uint32_t tpcs) {
    const std::uint32_t filled = (op.blocks + std::max(1u, op.blocks_per_tpc) - 1) / std::max(1u, op.blocks_per_tpc);
    return std::max(1u, std::min(tpcs, filled));
  }

  Params params_;
  std::unordered_map<std::uint64_t, double> work_;
};
LITHOS_EXPORT_PREDICTOR(@Class@)
