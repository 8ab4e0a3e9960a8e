// SPDX-License-Identifier: Apache-2.0
// The tables themselves, as constants that the compiler sees: the callback of every launch reads Hopper's, and a field
// whose place is known when it is compiled is one load and a shift.
#pragma once

#include "cuda/descriptor_layout.hpp"

namespace lithos::cuda::tables {

constexpr DescriptorField bits(unsigned first, unsigned count, unsigned shift = 0) {
  return {static_cast<std::uint16_t>(first), static_cast<std::uint8_t>(count), static_cast<std::uint8_t>(shift)};
}

// Ampere and Ada. Completion slots and banks are left out: nobody has measured them, and the version may not run.
constexpr DescriptorLayout kV03 = {
    .name = "V03_00 (Ampere, Ada)",
    .version = 0x30,
    .may_run = false,
    .version_field = bits(576, 8),
    .type = {},
    .mask_valid = {},
    .mask = bits(672, 32),
    .mask_words = 2,
    .grid = {bits(384, 32), bits(416, 16), bits(448, 16)},
    .block = {bits(592, 16), bits(608, 16), bits(624, 16)},
    .cluster = {},
    .gpu_cluster = {},
    .registers = bits(648, 9),
    .shared_bytes = bits(544, 18),
    .program = bits(1536, 49),
    .release_control = {},
    .release_address = {},
    .release_payload = {},
    .bank_valid = {},
    .bank_address = {},
    .bank_size = {},
};

constexpr DescriptorLayout kV04 = {
    .name = "V04_00 (Hopper)",
    .version = 0x40,
    .may_run = true,
    .version_field = bits(576, 8),
    .type = bits(23, 3),
    .mask_valid = bits(31, 1),
    .mask = bits(2432, 32),
    .mask_words = 4,
    .grid = {bits(1024, 32), bits(1056, 16), bits(1088, 16)},
    .block = {bits(1152, 16), bits(1168, 16), bits(1184, 16)},
    .cluster = {bits(2144, 6), bits(2152, 6), bits(2160, 6)},
    .gpu_cluster = {bits(2208, 16), bits(2224, 16), bits(2240, 16)},
    .registers = bits(1200, 9),
    .shared_bytes = bits(584, 18),
    .program = bits(1216, 57),
    .release_control = bits(320, 16),
    .release_address = {bits(640, 57), bits(768, 57), bits(896, 57)},
    .release_payload = {bits(704, 64), bits(832, 64), bits(960, 64)},
    .bank_valid = bits(416, 4),
    .bank_address = bits(1536, 51, 6),
    .bank_size = bits(1587, 13, 4),
};

constexpr DescriptorLayout kV05 = {
    .name = "V05_00 (Blackwell)",
    .version = 0x50,
    .may_run = false,
    .version_field = bits(464, 8),
    .type = bits(151, 3),
    .mask_valid = bits(159, 1),
    .mask = bits(2240, 32),
    .mask_words = 4,
    .grid = {bits(1248, 32), bits(1280, 16), bits(1312, 16)},
    .block = {bits(1088, 16), bits(1104, 16), bits(1120, 8)},
    .cluster = {bits(2048, 6), bits(2056, 6), bits(2064, 6)},
    .gpu_cluster = {bits(2112, 16), bits(2128, 16), bits(2144, 16)},
    .registers = bits(1128, 9),
    .shared_bytes = bits(1152, 11, 7),
    .program = bits(1024, 53, 4),
    .release_control = bits(288, 16),
    .release_address = {bits(480, 57), bits(768, 57), bits(896, 57)},
    .release_payload = {bits(544, 64), bits(832, 64), bits(960, 64)},
    .bank_valid = bits(1856, 4),
    .bank_address = bits(1344, 51, 6),
    .bank_size = bits(1395, 13, 4),
};

inline constexpr std::array<DescriptorLayout, kLayouts> kAll{kV03, kV04, kV05};
inline constexpr const DescriptorLayout& kHopper = kAll[1];

}  // namespace lithos::cuda::tables
