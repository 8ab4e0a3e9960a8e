// SPDX-License-Identifier: Apache-2.0
// Power control that believes every request was carried out.
#include <lithos/service.hpp>

class MyPower {
 public:
  static constexpr const char* id = "org.example.my_power";
  static constexpr const char* version = "0.1.0";
  static constexpr const char* summary = "Believes every request.";
  std::uint32_t apply_clock(std::uint32_t mhz) { return mhz; }
};
LITHOS_EXPORT_POWER(MyPower)
