// SPDX-License-Identifier: Apache-2.0
// What a prelude reads: which blocks of the launch are the atom's, and where the kernel begins. prelude.cu has the same layout as
// g_slot; the patcher checks at build time that the compiled code agrees. Source: docs/design/hardware.md §2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace lithos::cuda {

// The descriptor addresses a constant bank in units of 64 bytes.
struct alignas(64) AtomSlot {
  std::uint64_t first = 0;  // lowest coordinate on the prelude's axis, or lowest key (prelude_any)
  std::uint64_t entry = 0;  // address of the kernel's code
  std::uint64_t end = 0;    // prelude_any: one past the highest key
};
static_assert(sizeof(AtomSlot) == 64 && offsetof(AtomSlot, entry) == 8 && offsetof(AtomSlot, end) == 16);
static_assert(std::is_trivially_copyable_v<AtomSlot>);

}  // namespace lithos::cuda
