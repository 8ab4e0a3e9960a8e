// SPDX-License-Identifier: Apache-2.0
// The address of a function's code, learnt from the launch descriptors of its own whole launches and believed only when two of them agree.
//
// A prelude that jumps to a wrong address takes the context down, so one sighting is not enough; and a function whose address changes
// (its module was unloaded and loaded again) starts anew. A disagreement is counted: a function that was seen at two addresses without
// being forgotten in between is never cut again. Written in the descriptor callback, read by any thread: no lock, no allocation.
#pragma once

#include <atomic>
#include <cstdint>

namespace lithos::cuda {

class EntryAddress {
 public:
  static constexpr std::uint32_t kSightings = 2;

  // From the descriptor of a launch of this function that was not redirected. 0 is no address.
  void saw(std::uint64_t address) {
    if (address == 0 || refused_.load(std::memory_order_relaxed)) return;
    std::uint64_t expected = 0;
    address_.compare_exchange_strong(expected, address, std::memory_order_relaxed);
    if (expected != 0 && expected != address) {
      refused_.store(true, std::memory_order_relaxed);
      return;
    }
    if (seen_.load(std::memory_order_relaxed) < kSightings) seen_.fetch_add(1, std::memory_order_release);
  }
  // 0: not known well enough, launch whole.
  std::uint64_t trusted() const {
    if (seen_.load(std::memory_order_acquire) < kSightings || refused_.load(std::memory_order_relaxed)) return 0;
    return address_.load(std::memory_order_relaxed);
  }
  bool contradicted() const { return refused_.load(std::memory_order_relaxed); }
  // The function's module goes away. No launch of it may be under way.
  void forget() {
    seen_.store(0, std::memory_order_relaxed);
    refused_.store(false, std::memory_order_relaxed);
    address_.store(0, std::memory_order_release);
  }

 private:
  std::atomic<std::uint64_t> address_{0};
  std::atomic<std::uint32_t> seen_{0};
  std::atomic<bool> refused_{false};
};

}  // namespace lithos::cuda
