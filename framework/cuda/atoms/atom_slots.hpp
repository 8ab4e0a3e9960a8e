// SPDX-License-Identifier: Apache-2.0
// Who uses which AtomSlot. One slot belongs to one atom from take() until the device has completed that atom: the GPU reads it whenever a
// block of the atom starts. Each use has a generation that never comes again, so that a late or doubled completion frees nothing.
//
// The memory is the caller's: pinned host memory that the device can read costs 0.1 % of an atom and needs no copy in the launch path
// (docs/design/hardware.md §2). One thread at a time (the dispatcher's); no allocation after construction.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "cuda/atoms/atom_slot.hpp"
#include "ipc/completion_slots.hpp"

namespace lithos::cuda {

struct SlotUse {
  std::uint32_t index = 0;
  std::uint64_t generation = 0;  // from 1
};

class AtomSlots {
 public:
  explicit AtomSlots(std::span<AtomSlot> memory)
      : memory_(memory), pool_(static_cast<std::uint32_t>(memory.size())), generation_of_(memory.size(), 0) {}

  // Empty: every slot is in use by an atom that has not completed.
  std::optional<SlotUse> take(const AtomSlot& content) {
    const std::uint32_t index = pool_.take(1);
    if (index == ipc::RunPool::kNone) return std::nullopt;
    memory_[index] = content;
    std::atomic_thread_fence(std::memory_order_release);  // before whatever tells the device to start
    generation_of_[index] = ++last_generation_;
    ++in_use_;
    return SlotUse{index, last_generation_};
  }
  // False: not the slot's present use. Also for atoms that were never submitted.
  bool release(const SlotUse& use) {
    if (use.generation == 0 || use.index >= generation_of_.size() || generation_of_[use.index] != use.generation)
      return false;
    generation_of_[use.index] = 0;
    pool_.give_back(use.index, 1);
    --in_use_;
    return true;
  }
  std::uint32_t in_use() const { return in_use_; }

 private:
  std::span<AtomSlot> memory_;
  ipc::RunPool pool_;
  std::vector<std::uint64_t> generation_of_;  // 0: free
  std::uint64_t last_generation_ = 0;
  std::uint32_t in_use_ = 0;
};

}  // namespace lithos::cuda
