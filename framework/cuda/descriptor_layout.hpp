// SPDX-License-Identifier: Apache-2.0
// Where the fields of a launch descriptor lie: one table per descriptor version. A new GPU generation is one table here.
//
// Constant data; any thread. Source: NVIDIA open-gpu-doc (clc9c0qmd.h, clcbc0qmd.h, clcdc0qmd.h), GPU.md §2 and
// hardware.md §1 (types 4 and 5). Only what was measured on hardware may run (`may_run`): the others are for reading
// and for tests.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace lithos::cuda {

inline constexpr std::size_t kDescriptorBytes = 384;  // the largest of all versions
inline constexpr unsigned kReleaseSlots = 3;
inline constexpr unsigned kConstantBanks = 8;
inline constexpr unsigned kMaskWordsMax = 8;

// A little-endian field of the descriptor. `bits` 0: this version has none, or its place is not known.
struct DescriptorField {
  std::uint16_t first_bit = 0;
  std::uint8_t bits = 0;
  std::uint8_t shift = 0;  // the field holds the value >> shift

  constexpr bool known() const { return bits != 0; }
  constexpr DescriptorField at(unsigned index, unsigned stride_bits) const {
    return {static_cast<std::uint16_t>(first_bit + index * stride_bits), bits, shift};
  }
};

struct DescriptorLayout {
  const char* name;
  std::uint8_t version;  // major << 4 | minor, as the version field holds it
  bool may_run;          // measured on hardware: only then is a descriptor of this version ever changed
  DescriptorField version_field;
  DescriptorField type, mask_valid;
  DescriptorField mask;  // the first of mask_words words of 32 bits
  std::uint8_t mask_words;
  std::array<DescriptorField, 3> grid, block;
  std::array<DescriptorField, 3> cluster;      // blocks of a cluster within a GPC, from type 3 on
  std::array<DescriptorField, 3> gpu_cluster;  // blocks that must be resident together, from type 4 on
  DescriptorField registers, shared_bytes, program;
  DescriptorField release_control;  // of slot 0; the others follow, 16 bits apart
  std::array<DescriptorField, kReleaseSlots> release_address, release_payload;
  DescriptorField bank_valid;               // of bank 0: a nibble each
  DescriptorField bank_address, bank_size;  // of bank 0: 64 bits each
};

// The version that GPUs of this compute capability take; nullptr: none that a table knows.
const DescriptorLayout* layout_for_capability(int major, int minor);
// Does the version field, where this layout has it, say so?
bool is_of(const void* descriptor, const DescriptorLayout& layout);
// Without knowing the GPU: the version field of one may hold another's by chance, so where several tables claim the
// descriptor the one that may run has it. nullptr: none does.
const DescriptorLayout* layout_of(const void* descriptor);

// All tables, for tests.
inline constexpr unsigned kLayouts = 3;
const std::array<DescriptorLayout, kLayouts>& all_layouts();

// Descriptor types (hardware.md §1). Below kGridOfBlocks nothing runs: a queue, or the null grid at the end of a graph.
inline constexpr unsigned kGridNull = 1;
inline constexpr unsigned kGridOfBlocks = 2;
inline constexpr unsigned kGridOfClusters = 3;
inline constexpr unsigned kGridTogether = 4;  // all of gpu_cluster must be resident at once: cooperative launches
inline constexpr unsigned kGridOfClustersTogether = 5;

}  // namespace lithos::cuda
