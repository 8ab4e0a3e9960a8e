// SPDX-License-Identifier: Apache-2.0
// Completion slots in memory that the GPU may write: one set of pages, mapped and registered once for each CUDA
// context, so that a context that dies takes only its own registration with it (DESIGN.md §4).
//
// The pages are the daemon's area where there is one: it then sees completions too, even those that come after the
// tenant was killed. A registration is never undone while its context lives. Any thread; first use in a context locks
// and calls the driver.
#pragma once

#include <cuda.h>

#include <array>
#include <cstdint>
#include <mutex>
#include <vector>

#include "ipc/completion_slots.hpp"

namespace lithos::cuda::shim {

class CompletionMemory {
 public:
  CompletionMemory();
  // nullptr: pages of our own. Before any use.
  bool open(ipc::CompletionSlot* shared);

  const ipc::CompletionSlot& slot(std::uint64_t index) const { return slots_[index]; }
  ipc::CompletionSlot& slot(std::uint64_t index) { return slots_[index]; }

  // Where slot 0 is for kernels of this context; 0: they cannot write there.
  std::uint64_t device_base(std::uint64_t context);
  void forget_contexts();  // one has been destroyed: ask anew for each

  // A run of neighbours, or ipc::RunPool::kNone.
  std::uint32_t take(std::uint32_t count);
  void give_back(std::uint32_t first, std::uint32_t count);

 private:
  struct Known {
    std::uint64_t context = 0, base = 0;
  };
  std::uint64_t register_in(std::uint64_t context);

  std::mutex mutex_;
  ipc::CompletionSlot* slots_ = nullptr;
  std::vector<Known> known_;
  ipc::RunPool pool_;
};

}  // namespace lithos::cuda::shim
