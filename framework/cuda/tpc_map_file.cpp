// SPDX-License-Identifier: Apache-2.0
#include "cuda/tpc_map_file.hpp"

#include <algorithm>
#include <cstdio>
#include <memory>

namespace lithos::cuda {

std::optional<GpuShape> read_map(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"), &std::fclose);
  if (file == nullptr) return std::nullopt;
  GpuShape gpu;
  gpu.name = "calibrated";
  char line[4096];
  while (std::fgets(line, sizeof line, file.get()) != nullptr) {
    unsigned bit = 0, gpc = 0;
    char dash = 0;
    if (std::sscanf(line, "tpc %u %u", &bit, &gpc) == 2) {
    } else if (std::sscanf(line, "tpc %u %c", &bit, &dash) == 2 && dash == '-') {
      gpc = kNoGpc;
    } else {
      continue;  // comments, and what a later version may add
    }
    if (bit >= 256 || (gpc >= 32 && gpc != kNoGpc) || gpu.tpcs >= TpcSet::kMaxTpcs) return std::nullopt;
    gpu.mask_bit_of_tpc.push_back(static_cast<std::uint16_t>(bit));
    gpu.gpc_of_tpc.push_back(static_cast<std::uint16_t>(gpc));
    if (gpc != kNoGpc) gpu.gpcs = std::max(gpu.gpcs, gpc + 1);
    ++gpu.tpcs;
  }
  return gpu.tpcs == 0 ? std::nullopt : std::optional(std::move(gpu));
}

}  // namespace lithos::cuda
