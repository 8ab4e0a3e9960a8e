// SPDX-License-Identifier: Apache-2.0
// @name@: no kernel gets TPCs that hold none of its blocks, and a fixed share of the rest is saved.
#include <algorithm>

#include <lithos/policy.hpp>

class @Class@ {
 public:
  static constexpr const char* id = "org.example.@name@";
  static constexpr const char* version = "0.1.0";
  static constexpr const char* summary = "As many TPCs as a kernel's blocks fill, less what its slip allows.";

  struct Params {
    double use_of_slip;
  };
  static constexpr std::tuple params{lithos::param<&Params::use_of_slip>(1, "use_of_slip", 0.5)
                                         .range(0.0, 1.0)
                                         .live()
                                         .doc("Share of the accepted slowdown that is spent on saving TPCs.")};

  explicit @Class@(const Params& values) : params_(values) {}
  void set_params(const Params& values) { params_ = values; }

  lithos::Size choose(const lithos::SizeQuery& query) {
    const std::uint32_t per_tpc = std::max(1u, query.op.blocks_per_tpc);
    const std::uint32_t filled = std::clamp((query.op.blocks + per_tpc - 1) / per_tpc, 1u, query.tpcs);
    // At worst time grows as TPCs shrink, so this slowdown is never exceeded.
    const double accepted = query.slip > 1 ? std::min(query.slip - 1, 9.0) : 0.0;
    const double slowdown = 1 + accepted * params_.use_of_slip;
    const auto tpcs = static_cast<std::uint32_t>(filled / slowdown + 0.999);
    return {std::clamp(tpcs, 1u, filled), 0, slowdown};
  }

 private:
  Params params_;
};
LITHOS_EXPORT_RIGHT_SIZER(@Class@)
