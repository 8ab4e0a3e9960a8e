// SPDX-License-Identifier: Apache-2.0
// @name@: the clock falls while memory-bound kernels have the chip, and while nothing runs.
#include <lithos/policy.hpp>

class @Class@ {
 public:
  static constexpr const char* id = "org.example.@name@";
  static constexpr const char* version = "0.1.0";
  static constexpr const char* summary = "Lowers the clock as far as the share of memory-bound work allows.";

  struct Params {
    double lowest;
  };
  static constexpr std::tuple params{lithos::param<&Params::lowest>(1, "lowest", 0.7)
                                         .range(0.2, 1.0)
                                         .live()
                                         .doc("The lowest clock to ask for, as a share of the highest.")};

  @Class@(const lithos::Gpu& gpu, const Params& values) : gpu_(gpu), params_(values) {}
  void set_params(const Params& values) { params_ = values; }

  lithos::ClockRequest plan(const lithos::PowerSample& sample) {
    double memory_bound = 1 - sample->busy_share;  // idle time does not need a clock either
    for (const lithos::OpWeight op : sample.ops())
      if (op->bound == LITHOS_BOUND_MEMORY) memory_bound += op->share * sample->busy_share;
    const double wanted = gpu_.max_clock_mhz() * (1 - (1 - params_.lowest) * memory_bound);
    lithos::ClockRequest request{};
    request.struct_size = sizeof request;
    for (const std::uint32_t mhz : gpu_.clocks_mhz())  // highest first: ends at the lowest that is fast enough
      if (mhz >= wanted) request.clock_mhz = mhz;
    return request;  // 0 where clocks are not known: the highest
  }

 private:
  lithos::Gpu gpu_;
  Params params_;
};
LITHOS_EXPORT_DVFS(@Class@)
