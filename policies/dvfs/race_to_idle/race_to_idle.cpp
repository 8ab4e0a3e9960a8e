// SPDX-License-Identifier: Apache-2.0
// Full clock while anything runs, the lowest once the GPU has been nearly idle for some time: finish early, then rest.
#include <lithos/policy.hpp>

using namespace std::chrono_literals;

class RaceToIdle {
 public:
  static constexpr const char* id = "org.lithos.dvfs.race_to_idle";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "Highest clock while anything runs, lowest when idle.";
  static constexpr const char* license = "Apache-2.0";

  struct Params {
    double idle_below;
    std::chrono::nanoseconds patience;
  };
  static constexpr std::tuple params{
      lithos::param<&Params::idle_below>(1, "idle_below", 0.01).range(0.0, 1.0).live().doc("The GPU counts as idle below this share of busy time."),
      lithos::param<&Params::patience>(2, "patience", 2s).range(100ms, 600s).live().doc("So long it must be idle before the clock drops.")};

  RaceToIdle(const lithos::Gpu& gpu, const Params& values)
      : top_mhz_(gpu.max_clock_mhz()), lowest_mhz_(gpu.clocks_mhz().empty() ? 0 : gpu.clocks_mhz().back()), params_(values) {}
  void set_params(const Params& values) { params_ = values; }

  lithos::ClockRequest plan(const lithos::PowerSample& sample) {
    if (sample->busy_share >= params_.idle_below) busy_at_ns_ = sample->now_ns;
    const bool idle = sample->now_ns - busy_at_ns_ >= lithos::ns(params_.patience);
    lithos::ClockRequest request{};
    request.struct_size = sizeof request;
    request.clock_mhz = idle ? lowest_mhz_ : top_mhz_;
    return request;
  }

 private:
  std::uint32_t top_mhz_, lowest_mhz_;
  Params params_;
  std::uint64_t busy_at_ns_ = 0;
};
LITHOS_EXPORT_DVFS(RaceToIdle)
