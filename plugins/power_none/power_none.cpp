// SPDX-License-Identifier: Apache-2.0
// Power control for machines where nobody may touch clocks: accepts every request and changes nothing.
// It says so: the clock in force is "not known" unless the table has one clock only.
#include <lithos/service.hpp>

class PowerNone {
 public:
  static constexpr const char* id = "org.lithos.power.none";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "Changes no clock, reads no power.";
  static constexpr const char* license = "Apache-2.0";

  static constexpr std::tuple metrics{
      lithos::counter("clock_requests_ignored_total", "", "Clock requests that were accepted and not carried out.")};

  PowerNone(const lithos::Host& host, const lithos::Gpu& gpu) : host_(host) {
    if (gpu.clocks_mhz().size() == 1) only_clock_mhz_ = gpu.clocks_mhz().front();
  }

  std::uint32_t apply_clock(std::uint32_t) {
    host_.add(0);
    return only_clock_mhz_;
  }

  void read(lithos::PowerReading& out) { out.clock_mhz = only_clock_mhz_; }  // power stays "not known"

 private:
  lithos::Host host_;
  std::uint32_t only_clock_mhz_ = 0;
};
LITHOS_EXPORT_POWER(PowerNone)
