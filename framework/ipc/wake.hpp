// SPDX-License-Identifier: Apache-2.0
// Waking the other side only when it sleeps. The sleeper raises its flag, looks once more whether there is work, and
// sleeps on an eventfd; who brings work afterwards takes the flag down and pays the one system call. (DESIGN.md §4)
//
// Both orders are sequentially consistent: raise flag, then look for work; write work, then look at the flag. So
// either the sleeper sees the work or the other side sees the flag. A flag that a hostile process keeps up or down
// costs that process only.
#pragma once

#include <unistd.h>

#include <cstdint>

#include "ipc/words.hpp"

namespace lithos::ipc {

inline void raise_flag(std::uint32_t* flag) { store(flag, 1u, std::memory_order_seq_cst); }
inline void lower_flag(std::uint32_t* flag) { store(flag, 0u, std::memory_order_relaxed); }

// After the work has been written with a sequentially consistent store. True if a wake was paid.
inline bool wake_if_asleep(std::uint32_t* flag, int event_fd) {
  if (load(flag, std::memory_order_seq_cst) == 0) return false;
  if (std::atomic_ref<std::uint32_t>(*flag).exchange(0, std::memory_order_seq_cst) == 0)
    return false;  // somebody else paid
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(event_fd, &one, sizeof one);  // full counter: it is awake already
  return true;
}

inline void drain_event(int event_fd) {
  std::uint64_t count;
  [[maybe_unused]] const ssize_t got = ::read(event_fd, &count, sizeof count);
}

}  // namespace lithos::ipc
