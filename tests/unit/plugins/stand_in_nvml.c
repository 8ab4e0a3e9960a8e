/* SPDX-License-Identifier: Apache-2.0
 * A stand-in for NVIDIA's management library, for tests of the plugin power_nvml: the same names, prototypes and codes
 * (docs.nvidia.com/deploy/nvml-api), one H200 with its clock table (docs/design/GPU.md §11: 1980 MHz down in steps of 15), and a test's
 * choice of what goes wrong. WITHOUT_LOCKS and WITHOUT_POWER leave functions out, as older drivers do.
 */
#include "stand_in_nvml.h"

#include <string.h>

#define EXPORT __attribute__((visibility("default")))

static struct stand_in_nvml state;

EXPORT struct stand_in_nvml* stand_in_nvml_state(void) { return &state; }

struct nvmlDevice_st {
  int unused;
};
static struct nvmlDevice_st device;

static const char kUuid[] = "GPU-5a17ab1e-0000-4000-8000-000000000001";
enum { kClockMax = 1980, kClockMin = 345, kClockStep = 15 };

EXPORT int nvmlInit_v2(void) {
  if (state.fail_init) return state.fail_init;
  ++state.sessions;
  return 0;
}
EXPORT int nvmlShutdown(void) {
  --state.sessions;
  return 0;
}
EXPORT const char* nvmlErrorString(int code) {
  switch (code) {
    case 3: return "Not Supported";
    case 4: return "Insufficient Permissions";
    case 6: return "Not Found";
    case 9: return "Driver Not Loaded";
    case 15: return "GPU is lost";
    default: return "Unknown Error";
  }
}
EXPORT int nvmlDeviceGetHandleByUUID(const char* uuid, struct nvmlDevice_st** out) {
  if (strcmp(uuid, kUuid) != 0) return 6;
  *out = &device;
  return 0;
}
EXPORT int nvmlDeviceGetHandleByIndex_v2(unsigned index, struct nvmlDevice_st** out) {
  if (index != 0) return 6;
  *out = &device;
  return 0;
}
EXPORT int nvmlDeviceGetClockInfo(struct nvmlDevice_st* of, unsigned type, unsigned* mhz) {
  if (of != &device || type != 1) return 2;
  if (state.fail_reads) return state.fail_reads;
  *mhz = state.max_mhz != 0 ? state.max_mhz : kClockMax;
  return 0;
}
#ifndef WITHOUT_POWER
EXPORT int nvmlDeviceGetPowerUsage(struct nvmlDevice_st* of, unsigned* milliwatts) {
  if (of != &device) return 2;
  if (state.fail_reads) return state.fail_reads;
  *milliwatts = 412345;
  return 0;
}
#endif
EXPORT int nvmlDeviceGetEnforcedPowerLimit(struct nvmlDevice_st* of, unsigned* milliwatts) {
  if (of != &device) return 2;
  if (state.fail_reads) return state.fail_reads;
  *milliwatts = 700000;
  return 0;
}
#ifndef WITHOUT_LOCKS
EXPORT int nvmlDeviceSetGpuLockedClocks(struct nvmlDevice_st* of, unsigned min_mhz, unsigned max_mhz) {
  if (of != &device) return 2;
  ++state.lock_calls;
  if (state.fail_locks) return state.fail_locks;
  if (max_mhz < kClockMin || max_mhz > kClockMax || (kClockMax - max_mhz) % kClockStep != 0 || min_mhz > max_mhz) return 2;
  state.min_mhz = min_mhz, state.max_mhz = max_mhz;
  return 0;
}
EXPORT int nvmlDeviceResetGpuLockedClocks(struct nvmlDevice_st* of) {
  if (of != &device) return 2;
  ++state.reset_calls;
  if (state.fail_locks) return state.fail_locks;
  state.min_mhz = state.max_mhz = 0;
  return 0;
}
#endif
