// SPDX-License-Identifier: Apache-2.0
// Completion slots in memory that the GPU may write (DESIGN.md §4). The pages are the daemon's area where there is one: it then sees
// completions too, even those that come after the tenant was killed. Any thread.
#pragma once

#include <cuda.h>

#include <cstdint>
#include <mutex>

#include "cuda/shim/pinned_pages.hpp"
#include "ipc/completion_slots.hpp"

namespace lithos::cuda::shim {

class CompletionMemory {
 public:
  CompletionMemory() : pool_(ipc::kSlots) {}
  // nullptr: pages of our own. Before any use.
  bool open(ipc::CompletionSlot* shared) {
    constexpr std::size_t kBytes = sizeof(ipc::CompletionSlot) * ipc::kSlots;
    static_assert(kBytes % ipc::kPage == 0);
    return pages_.open(kBytes, shared);
  }

  ipc::CompletionSlot& slot(std::uint64_t index) { return static_cast<ipc::CompletionSlot*>(pages_.data())[index]; }
  const ipc::CompletionSlot& slot(std::uint64_t index) const {
    return static_cast<const ipc::CompletionSlot*>(pages_.data())[index];
  }

  // Where slot 0 is for kernels of this context; 0: they cannot write there.
  std::uint64_t device_base(std::uint64_t context) { return pages_.device_base(context); }
  void forget_contexts() { pages_.forget_contexts(); }

  // A run of neighbours, or ipc::RunPool::kNone.
  std::uint32_t take(std::uint32_t count) {
    const std::lock_guard lock(mutex_);
    return pool_.take(count);
  }
  void give_back(std::uint32_t first, std::uint32_t count) {
    const std::lock_guard lock(mutex_);
    pool_.give_back(first, count);
  }

 private:
  PinnedPages pages_;
  std::mutex mutex_;  // of the pool
  ipc::RunPool pool_;
};

}  // namespace lithos::cuda::shim
