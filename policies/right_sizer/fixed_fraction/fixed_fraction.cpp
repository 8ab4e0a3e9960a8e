// SPDX-License-Identifier: Apache-2.0
// Every launch gets the same fraction of the TPCs that hold a block of it. Blind to how operators scale; a yardstick for right-sizers
// that learn.
#include <algorithm>
#include <cmath>

#include <lithos/policy.hpp>

class FixedFraction {
 public:
  static constexpr const char* id = "org.lithos.right_sizer.fixed_fraction";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "The same fraction of the useful TPCs for every launch.";
  static constexpr const char* license = "Apache-2.0";

  struct Params { double fraction; };
  static constexpr std::tuple params{
      lithos::param<&Params::fraction>(1, "fraction", 0.75).range(0.01, 1.0).live().doc("Of the TPCs that hold a block of the launch.")};

  explicit FixedFraction(const Params& values) : params_(values) {}
  void set_params(const Params& values) { params_ = values; }

  lithos::Size choose(const lithos::SizeQuery& query) const {
    const std::uint32_t per_tpc = std::max(1u, query.op.blocks_per_tpc);
    const std::uint32_t useful = std::clamp((query.op.blocks + per_tpc - 1) / per_tpc, 1u, query.tpcs);
    const auto tpcs = std::clamp(static_cast<std::uint32_t>(std::ceil(params_.fraction * useful)), 1u, useful);
    return {tpcs, 0, static_cast<double>(useful) / tpcs};
  }

 private:
  Params params_;
};
LITHOS_EXPORT_RIGHT_SIZER(FixedFraction)
