// SPDX-License-Identifier: Apache-2.0
// The preludes as the compiler sees them: leave when this block is not one of the atom's, else go on at the kernel's entry.
//
// What runs is not quite this: prelude_patch.hpp turns the call into a jump and lets the slot be read from the constant bank that the
// launch descriptor names. The slot's layout is AtomSlot in atom_slots.hpp. One prelude per axis, because a cut at the outermost axis
// of a grid costs one comparison and no multiplication; prelude_any cuts anywhere in the order x, y, z.
// Source: docs/design/hardware.md §2.
#include <cstdint>

namespace {

__constant__ std::uint64_t g_slot[3];  // first block (or key), entry, end key

__device__ __forceinline__ void go_on() { reinterpret_cast<void (*)()>(g_slot[1])(); }

}  // namespace

extern "C" __global__ void lithos_prelude_x() {
  if (blockIdx.x < static_cast<std::uint32_t>(g_slot[0])) return;
  go_on();
}

extern "C" __global__ void lithos_prelude_y() {
  if (blockIdx.y < static_cast<std::uint32_t>(g_slot[0])) return;
  go_on();
}

extern "C" __global__ void lithos_prelude_z() {
  if (blockIdx.z < static_cast<std::uint32_t>(g_slot[0])) return;
  go_on();
}

// A block's key orders blocks as they are numbered; y and z of a grid are below 65536.
extern "C" __global__ void lithos_prelude_any() {
  const std::uint64_t key = std::uint64_t{blockIdx.z << 16 | blockIdx.y} << 32 | blockIdx.x;
  if (key < g_slot[0] || key >= g_slot[2]) return;
  go_on();
}
