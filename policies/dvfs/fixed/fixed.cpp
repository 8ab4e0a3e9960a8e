// SPDX-License-Identifier: Apache-2.0
// One clock, always. With clock = 0 (the default) the highest that the GPU supports.
#include <lithos/policy.hpp>

class Fixed {
 public:
  static constexpr const char* id = "org.lithos.dvfs.fixed";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "Holds the clock at one value.";
  static constexpr const char* license = "Apache-2.0";

  struct Params { lithos::Hertz clock; };
  static constexpr std::tuple params{
      lithos::param<&Params::clock>(1, "clock", lithos::Hertz{0}).range(lithos::Hertz{0}, lithos::Hertz{10e9}).live()
          .doc("The SM clock to hold; 0MHz: the highest there is.")};

  explicit Fixed(const Params& values) : params_(values) {}
  void set_params(const Params& values) { params_ = values; }

  lithos::ClockRequest plan(const lithos::PowerSample&) {
    lithos::ClockRequest request{};
    request.struct_size = sizeof request;
    request.clock_mhz = static_cast<std::uint32_t>(params_.clock.value / 1e6);
    return request;
  }

 private:
  Params params_;
};
LITHOS_EXPORT_DVFS(Fixed)
