// SPDX-License-Identifier: Apache-2.0
// Descriptors as an H200 was seen to take them (GPU.md §2, docs/results/hardware), for tests: rubbish everywhere, the
// named fields as recorded.
#pragma once

#include <array>
#include <cstdint>
#include <random>

#include "cuda/patch.hpp"

namespace lithos::cuda::testing {

using Bytes = std::array<std::uint8_t, kDescriptorBytes>;

struct Recorded {
  const char* name;
  Dims grid{1, 1, 1}, block{32, 1, 1}, cluster{1, 1, 1}, gpu_cluster{1, 1, 1};  // grid in blocks
  unsigned type = kGridOfBlocks;
  std::uint32_t registers = 16, shared_bytes = 1024;
  bool driver_masks_singles = false;  // cluster launches: every position from 72 on is off already
};

inline const std::array<Recorded, 6>& recorded() {
  static const std::array<Recorded, 6> kAll{{
      {"empty kernel", {1, 1, 1}, {32, 1, 1}},
      {"elementwise", {16896, 1, 1}, {1024, 1, 1}, {1, 1, 1}, {1, 1, 1}, kGridOfBlocks, 32, 1024},
      {"persistent GEMM, clusters of two",
       {2, 66, 1},
       {384, 1, 1},
       {2, 1, 1},
       {1, 1, 1},
       kGridOfClusters,
       168,
       232448},
      {"clusters of 2x8, one block per SM",
       {16, 16, 1},
       {256, 1, 1},
       {2, 8, 1},
       {1, 1, 1},
       kGridOfClusters,
       128,
       232448,
       true},
      {"cooperative", {264, 1, 1}, {256, 1, 1}, {1, 1, 1}, {264, 1, 1}, kGridTogether, 32, 1024},
      {"two-dimensional", {33, 1531, 7}, {16, 16, 1}, {1, 1, 1}, {1, 1, 1}, kGridOfBlocks, 40, 9216},
  }};
  return kAll;
}

inline Descriptor write(Bytes& bytes, const Recorded& what, const DescriptorLayout& layout, std::uint64_t seed) {
  std::mt19937_64 dice(seed);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(dice());
  Descriptor descriptor(bytes.data(), &layout);
  descriptor.set(layout.version_field, layout.version);
  descriptor.set(layout.type, what.type);
  for (unsigned axis = 0; axis < 3; ++axis) {
    descriptor.set(layout.grid[axis], what.grid[axis] / what.cluster[axis]);
    descriptor.set(layout.block[axis], what.block[axis]);
    descriptor.set(layout.cluster[axis], what.cluster[axis]);
    descriptor.set(layout.gpu_cluster[axis], what.gpu_cluster[axis]);
  }
  descriptor.set_registers(what.registers);
  descriptor.set(layout.shared_bytes, what.shared_bytes);
  for (unsigned slot = 0; slot < kReleaseSlots; ++slot)
    descriptor.set(layout.release_control.at(slot, 16), slot == 0 ? kReleasePlain : 0);
  for (unsigned word = 0; word < layout.mask_words; ++word) descriptor.set_mask_word(word, 0);
  descriptor.set_mask_valid(what.driver_masks_singles);
  if (what.driver_masks_singles)
    for (unsigned bit = 72; bit < 32u * layout.mask_words; ++bit)
      descriptor.set_mask_word(bit / 32, descriptor.mask_word(bit / 32) | 1u << (bit % 32));
  return descriptor;
}

inline LaunchShape shape_of(const Recorded& what) {
  return {what.grid, what.block, what.cluster, what.shared_bytes - 1024, false};
}

// The map of GPU.md §3, the same on six H200s.
inline GpuShape h200() {
  GpuShape gpu;
  gpu.name = "H200";
  const unsigned ranges[][3] = {{0, 0, 3},   {1, 9, 16},  {2, 18, 25}, {3, 27, 34},
                                {4, 36, 43}, {5, 45, 52}, {6, 54, 62}, {7, 63, 71}};
  for (const auto& [gpc, first, last] : ranges)
    for (unsigned bit = first; bit <= last; ++bit) {
      gpu.gpc_of_tpc.push_back(static_cast<std::uint16_t>(gpc));
      gpu.mask_bit_of_tpc.push_back(static_cast<std::uint16_t>(bit));
    }
  for (const unsigned bit : {75u, 78u, 81u, 83u}) {
    gpu.gpc_of_tpc.push_back(kNoGpc);
    gpu.mask_bit_of_tpc.push_back(static_cast<std::uint16_t>(bit));
  }
  gpu.tpcs = static_cast<unsigned>(gpu.mask_bit_of_tpc.size());
  gpu.gpcs = 8;
  return gpu;
}

}  // namespace lithos::cuda::testing
