// SPDX-License-Identifier: Apache-2.0
#include "sim/h200.hpp"

#include <array>

namespace lithos {
namespace {

struct MaskBits {
  std::uint16_t first, last;
};

// Valid bits of the TPC-disable mask, one run per GPC slot of 9 bits, then the singletons (GPU.md §3, measured).
constexpr std::array<MaskBits, 8> kGpcs{{{0, 3}, {9, 16}, {18, 25}, {27, 34}, {36, 43}, {45, 52}, {54, 62}, {63, 71}}};
constexpr std::array<std::uint16_t, 4> kSingletons{75, 78, 81, 83};

// GPU.md §11: 1980 MHz down in steps of 15. The lowest is what `nvidia-smi -q -d SUPPORTED_CLOCKS` lists for the part.
constexpr std::uint32_t kClockMaxMhz = 1980, kClockMinMhz = 345, kClockStepMhz = 15;

}  // namespace

GpuShape h200_shape() {
  GpuShape shape;
  shape.name = "h200";
  shape.sms_per_tpc = 2;
  shape.gpcs = kGpcs.size();
  for (std::size_t gpc = 0; gpc < kGpcs.size(); ++gpc)
    for (std::uint16_t bit = kGpcs[gpc].first; bit <= kGpcs[gpc].last; ++bit) {
      shape.gpc_of_tpc.push_back(static_cast<std::uint16_t>(gpc));
      shape.mask_bit_of_tpc.push_back(bit);
    }
  for (const std::uint16_t bit : kSingletons) {
    shape.gpc_of_tpc.push_back(kNoGpc);
    shape.mask_bit_of_tpc.push_back(bit);
  }
  shape.tpcs = static_cast<unsigned>(shape.gpc_of_tpc.size());
  for (std::uint32_t mhz = kClockMaxMhz; mhz >= kClockMinMhz; mhz -= kClockStepMhz) shape.clocks_mhz.push_back(mhz);
  shape.power_limit_w = 700;  // GPU.md §11
  return shape;
}

Result<GpuShape> built_in_shape(const std::string& name) {
  if (name == "h200") return h200_shape();
  return not_found("unknown gpu \"" + name + "\"; the built-in device is \"h200\"");
}

}  // namespace lithos
