// SPDX-License-Identifier: Apache-2.0
// What the launch descriptor of one atom must say beyond the kernel's own. Pure; any thread. Applying it is the descriptor layer's.
// Source: GPU.md §4, docs/design/hardware.md §2.
#pragma once

#include <cstdint>
#include <optional>

#include "cuda/atoms/atom_slot.hpp"
#include "cuda/atoms/preludes.hpp"
#include "cuda/descriptor.hpp"
#include "executor/block_range.hpp"

namespace lithos::cuda {

// Addresses of a context's loaded preludes, by test; 0: not trusted yet.
struct LoadedPreludes {
  const PreludeImage* image = nullptr;
  std::uint64_t address[kPreludeKinds] = {};
};

struct AtomPlan {
  Dim3 grid;                // the descriptor's, in its own units
  bool redirected = false;  // false: native truncation is enough, the rest does not apply
  AtomSlot slot;
  std::uint64_t program = 0;
  std::uint32_t registers = 0;      // raise the kernel's count to at least this
  std::uint32_t constant_bank = 0;  // to be made valid and invalidated, with the slot's address
};

enum class NoAtom : std::uint8_t {
  planned,
  not_a_range,      // box_of() has no answer
  no_prelude,       // none built or enabled for this architecture
  address_unknown,  // the kernel's or the prelude's entry has not been seen twice
  bank_taken,       // the launch uses the constant bank that the prelude needs
  other_launch,     // the descriptor is not of the kernel that the plan is for
};

// `kernel_entry`: from EntryAddress::trusted(). `range` is a part of the launch, or all of it with `force`, which goes through the prelude
// even where truncation would do (to measure it).
struct AtomRequest {
  Dim3 grid, cluster;
  BlockRange range;
  std::uint64_t kernel_entry = 0;
  bool force = false;
};
NoAtom plan_atom(const AtomRequest& request, const LoadedPreludes& preludes, AtomPlan& plan);

// Writes the plan into the descriptor of a launch of the whole kernel; `slot_address` is the device's address of the slot that holds
// plan.slot, a multiple of 64. Anything but `planned` leaves the descriptor as it was. In the descriptor callback: no allocation, no calls.
NoAtom apply_atom(const AtomPlan& plan, std::uint64_t slot_address, Descriptor& descriptor);

}  // namespace lithos::cuda
