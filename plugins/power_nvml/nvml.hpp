// SPDX-License-Identifier: Apache-2.0
// The few functions of NVIDIA's management library that power control needs, found at run time: the plugin loads and says why it cannot
// work where there is no driver. Names, prototypes and values are those of the public NVML reference
// (docs.nvidia.com/deploy/nvml-api); nothing of NVIDIA's is included.
//
// Errors     The constructor throws with words; functions return NVML's codes, which text() explains.
// Ownership  Holds the library; ends its session and closes it. Threads: one, though NVML itself would allow more.
#pragma once

#include <dlfcn.h>

#include <stdexcept>
#include <string>

namespace power_nvml {

using Device = struct nvmlDevice_st*;
using Code = int;  // nvmlReturn_t

inline constexpr Code kOk = 0, kNotSupported = 3, kNoPermission = 4, kNotFound = 6;
inline constexpr unsigned kSmClock = 1;  // NVML_CLOCK_SM

class Library {
 public:
  explicit Library(const std::string& file) : handle_(::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL)) {
    if (handle_ == nullptr) throw std::runtime_error("no NVIDIA driver here? " + std::string(::dlerror()));
    try {
      find(file);
      if (const Code code = init(); code != kOk) throw std::runtime_error("nvmlInit_v2: " + text(code));
    } catch (...) {
      ::dlclose(handle_);
      throw;
    }
  }
  ~Library() {
    (void)shutdown();
    ::dlclose(handle_);
  }
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  std::string text(Code code) const {
    const char* words = error_string == nullptr ? nullptr : error_string(code);
    return words != nullptr ? words : "NVML error " + std::to_string(code);
  }
  bool can_lock() const { return set_locked != nullptr && reset_locked != nullptr; }

  Code (*device_by_uuid)(const char*, Device*) = nullptr;
  Code (*device_by_index)(unsigned, Device*) = nullptr;
  Code (*clock_info)(Device, unsigned, unsigned* mhz) = nullptr;
  Code (*power_usage)(Device, unsigned* milliwatts) = nullptr;
  Code (*power_limit)(Device, unsigned* milliwatts) = nullptr;
  Code (*set_locked)(Device, unsigned min_mhz, unsigned max_mhz) = nullptr;  // root only; null: the driver is too old
  Code (*reset_locked)(Device) = nullptr;

 private:
  template <class Function>
  void take(Function*& into, const char* name) {
    into = reinterpret_cast<Function*>(::dlsym(handle_, name));
  }
  template <class Function>
  void need(Function*& into, const char* name, const std::string& file) {
    take(into, name);
    if (into == nullptr) throw std::runtime_error(file + " has no " + name + ": not NVML, or one too old");
  }
  void find(const std::string& file) {
    take(error_string, "nvmlErrorString");
    need(init, "nvmlInit_v2", file);
    need(shutdown, "nvmlShutdown", file);
    need(device_by_uuid, "nvmlDeviceGetHandleByUUID", file);
    need(device_by_index, "nvmlDeviceGetHandleByIndex_v2", file);
    need(clock_info, "nvmlDeviceGetClockInfo", file);
    need(power_usage, "nvmlDeviceGetPowerUsage", file);
    take(power_limit, "nvmlDeviceGetEnforcedPowerLimit");
    take(set_locked, "nvmlDeviceSetGpuLockedClocks");
    take(reset_locked, "nvmlDeviceResetGpuLockedClocks");
  }

  void* handle_;
  Code (*init)() = nullptr;
  Code (*shutdown)() = nullptr;
  const char* (*error_string)(Code) = nullptr;
};

}  // namespace power_nvml
