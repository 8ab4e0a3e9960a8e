// SPDX-License-Identifier: Apache-2.0
// Sets the SM clock of an NVIDIA GPU by locking its range (what `nvidia-smi -lgc` does), and reads clock and power.
//
// The wanted clock becomes the upper end of the range; the lower end is the device's lowest, so that an idle GPU may still clock down.
// Only root may lock clocks. Without that right, or where the GPU cannot do it, the plugin says so once and from then on only observes: requests
// are counted, readings go on. Locked clocks outlive the process that set them, so they are given back when the plugin ends, and
// taken back from whoever died holding them when it starts. A change takes about 50 ms to come into force.
#include <algorithm>
#include <limits>
#include <memory>
#include <string>

#include <lithos/service.hpp>

#include "nvml.hpp"

class PowerNvml {
 public:
  static constexpr const char* id = "org.lithos.power.nvml";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "Locks the SM clock of an NVIDIA GPU and reads its power, through NVML.";
  static constexpr const char* license = "Apache-2.0";

  struct Params {
    std::string library;
    bool observe, reset_at_start;
  };
  static constexpr std::tuple params{
      lithos::param<&Params::library>(1, "library", "libnvidia-ml.so.1").doc("The management library, part of the driver."),
      lithos::param<&Params::observe>(2, "observe", false).doc("Never change a clock; count what would have been asked for."),
      lithos::param<&Params::reset_at_start>(3, "reset_at_start", true)
          .doc("Give the clock back to the driver at the start, in case a daemon died while it had locked it.")};
  static constexpr std::tuple metrics{
      lithos::counter("clock_changes_total", "", "Clocks locked or given back."),
      lithos::counter("clock_requests_observed_total", "", "Clock requests that were not carried out, because only observing."),
      lithos::counter("readings_failed_total", "", "Readings of clock or power that NVML refused.")};

  PowerNvml(const lithos::Host& host, const lithos_service_gpu& gpu, const Params& values)
      : host_(host), nvml_(std::make_unique<power_nvml::Library>(values.library)), device_(find(*nvml_, gpu)), observe_(values.observe) {
    if (gpu.info != nullptr && gpu.info->clocks > 0) lowest_mhz_ = gpu.info->clocks_mhz[gpu.info->clocks - 1];
    if (!observe_ && !nvml_->can_lock()) only_observe("this driver's NVML cannot lock clocks");
    if (!observe_ && values.reset_at_start) give_back("at the start");
  }
  ~PowerNvml() {
    if (nvml_ != nullptr && locked_) give_back("at the end");
  }
  PowerNvml(PowerNvml&&) = default;

  std::uint32_t apply_clock(std::uint32_t mhz) {
    if (!observe_ && mhz == 0) give_back("as asked");
    if (!observe_ && mhz != 0) lock(mhz);
    if (!observe_) return mhz == 0 ? clock_mhz() : mhz;
    host_.add(1);
    return clock_mhz();
  }

  void read(lithos::PowerReading& out) {
    out.clock_mhz = clock_mhz();
    out.power_w = watts(nvml_->power_usage);
    out.power_limit_w = watts(nvml_->power_limit);
  }

 private:
  static power_nvml::Device find(const power_nvml::Library& nvml, const lithos_service_gpu& gpu) {
    power_nvml::Device device = nullptr;
    const bool named = gpu.uuid != nullptr && *gpu.uuid != '\0';
    const power_nvml::Code code = named ? nvml.device_by_uuid(gpu.uuid, &device) : nvml.device_by_index(gpu.index, &device);
    if (code == power_nvml::kOk) return device;
    const std::string which = named ? std::string(gpu.uuid) : "number " + std::to_string(gpu.index);
    throw std::runtime_error("GPU " + which + ": " + nvml.text(code));
  }

  // True: carried out. False: not allowed here, and from now on nothing is tried. Anything else is an error of this one call.
  bool done(power_nvml::Code code, const char* what) {
    if (code == power_nvml::kOk) return host_.add(0), true;
    if (code == power_nvml::kNoPermission || code == power_nvml::kNotSupported) {
      const char* remedy = code == power_nvml::kNoPermission ? " (only root may lock clocks: run lithosd as root, or set observe = true)" : "";
      only_observe(std::string(what) + ": " + nvml_->text(code) + remedy);
      return false;
    }
    throw std::runtime_error(std::string(what) + ": " + nvml_->text(code));
  }
  void only_observe(const std::string& why) {
    observe_ = true;
    host_.warning(("clocks stay as they are, this plugin only observes: " + why).c_str());
  }

  void lock(std::uint32_t mhz) {
    if (done(nvml_->set_locked(device_, std::min(lowest_mhz_, mhz), mhz), "nvmlDeviceSetGpuLockedClocks")) locked_ = true;
  }
  // Failing at the start or the end is not worth ending for; it is told.
  void give_back(const char* when) noexcept {
    try {
      if (done(nvml_->reset_locked(device_), "nvmlDeviceResetGpuLockedClocks")) locked_ = false;
    } catch (const std::exception& error) {
      host_.error((std::string("the clock was not given back ") + when + ": " + error.what()).c_str());
    }
  }

  std::uint32_t clock_mhz() {
    unsigned mhz = 0;
    if (nvml_->clock_info(device_, power_nvml::kSmClock, &mhz) == power_nvml::kOk) return mhz;
    return host_.add(2), 0;
  }
  double watts(power_nvml::Code (*function)(power_nvml::Device, unsigned*)) {
    unsigned milliwatts = 0;
    if (function != nullptr && function(device_, &milliwatts) == power_nvml::kOk) return milliwatts / 1000.0;
    return host_.add(2), std::numeric_limits<double>::quiet_NaN();
  }

  lithos::Host host_;
  std::unique_ptr<power_nvml::Library> nvml_;
  power_nvml::Device device_;
  bool observe_, locked_ = false;
  std::uint32_t lowest_mhz_ = 0;  // 0: the driver's lowest
};
LITHOS_EXPORT_POWER(PowerNvml)
