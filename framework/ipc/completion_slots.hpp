// SPDX-License-Identifier: Apache-2.0
// Completion slots: the device writes the generation of what has completed into a slot, and everybody who maps the
// area can see it.
//
// A slot belongs to one piece of work until its generation has been seen; generations are never used twice, so what
// an earlier owner left in a slot cannot be mistaken for news. RunPool hands slots out in runs, because a graph takes
// one per node.
#pragma once

#include <cstdint>
#include <vector>

#include "base/time.hpp"
#include "ipc/layout.hpp"
#include "ipc/words.hpp"

namespace lithos::ipc {

// The device's side: payload last.
inline void write_completion(CompletionSlot& slot, std::uint64_t generation, Nanoseconds started, Nanoseconds completed,
                             bool failed) {
  store(&slot.started_ns, to_u64(started));
  store(&slot.completed_ns, to_u64(completed));
  store(&slot.failed, std::uint64_t{failed});
  store(&slot.payload, generation, std::memory_order_seq_cst);
}

inline bool has_completed(const CompletionSlot& slot, std::uint64_t generation) {
  return load(&slot.payload) == generation;
}

// The tenant's bookkeeping of slots, and of graph masks. Not for more than one thread.
class RunPool {
 public:
  static constexpr std::uint32_t kNone = 0xffffffffu;

  explicit RunPool(std::uint32_t size) : size_(size), used_(size, false) {}

  // A run of `count` neighbours, or kNone: too many are taken.
  std::uint32_t take(std::uint32_t count) {
    if (count == 0 || count > size_ - taken_) return kNone;
    std::uint32_t begin = next_, run = 0;
    for (std::uint32_t looked = 0; looked < 2 * size_; ++looked) {
      if (begin + count > size_) begin = run = 0;
      if (used_[begin + run]) {
        begin += run + 1;
        run = 0;
        continue;
      }
      if (++run != count) continue;
      for (std::uint32_t i = 0; i < count; ++i) used_[begin + i] = true;
      next_ = begin + count < size_ ? begin + count : 0;
      taken_ += count;
      return begin;
    }
    return kNone;
  }
  void give_back(std::uint32_t first, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) used_[first + i] = false;
    taken_ -= count;
  }
  std::uint32_t taken() const { return taken_; }

 private:
  std::uint32_t size_;
  std::vector<bool> used_;
  std::uint32_t next_ = 0, taken_ = 0;
};

}  // namespace lithos::ipc
