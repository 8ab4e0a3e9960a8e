// SPDX-License-Identifier: Apache-2.0
// The GPU as policies and plugins see it. Pure; any thread.
#pragma once

#include <cstdint>

#include "engine/gpu_shape.hpp"
#include "lithos/policy_abi.h"

namespace lithos {

// The arrays are those of `gpu`, which must outlive it.
inline lithos_gpu_info gpu_info(const GpuShape& gpu, std::uint64_t seed) {
  lithos_gpu_info info{};
  info.struct_size = sizeof info;
  info.tpcs = gpu.tpcs;
  info.sms_per_tpc = gpu.sms_per_tpc;
  info.gpcs = gpu.gpcs;
  info.gpc_of_tpc = gpu.gpc_of_tpc.data();
  info.seed = seed;
  info.clocks_mhz = gpu.clocks_mhz.data();
  info.clocks = static_cast<std::uint32_t>(gpu.clocks_mhz.size());
  return info;
}

}  // namespace lithos
