// SPDX-License-Identifier: Apache-2.0
// From 64-bit ids to indices: open addressing in one block of memory, entries are never removed. Lookup is one multiplication and
// usually one cache line. Not for more than one thread.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace lithos {

class FlatMap {
 public:
  static constexpr std::uint32_t kAbsent = 0xffffffffu;

  std::uint32_t find(std::uint64_t key) const {
    if (slots_.empty()) return kAbsent;
    for (std::size_t i = start(key);; i = (i + 1) & (slots_.size() - 1)) {
      if (slots_[i].value == kAbsent) return kAbsent;
      if (slots_[i].key == key) return slots_[i].value;
    }
  }
  // Adds or replaces; `value` is not kAbsent.
  void set(std::uint64_t key, std::uint32_t value) {
    if ((size_ + 1) * 2 > slots_.size()) grow();
    std::size_t i = start(key);
    while (slots_[i].value != kAbsent && slots_[i].key != key) i = (i + 1) & (slots_.size() - 1);
    if (slots_[i].value == kAbsent) ++size_;
    slots_[i] = {key, value};
  }
  std::size_t size() const { return size_; }
  void clear() { slots_.clear(); size_ = 0; }

 private:
  struct Slot {
    std::uint64_t key = 0;
    std::uint32_t value = kAbsent;
  };
  std::size_t start(std::uint64_t key) const {  // Fibonacci hashing: the product's high bits
    return static_cast<std::size_t>((key * 0x9e3779b97f4a7c15u) >> (64 - std::countr_zero(slots_.size())));
  }
  void grow() {
    std::vector<Slot> old(slots_.empty() ? 16 : slots_.size() * 2);
    old.swap(slots_);
    size_ = 0;
    for (const Slot& slot : old)
      if (slot.value != kAbsent) set(slot.key, slot.value);
  }

  std::vector<Slot> slots_;
  std::size_t size_ = 0;
};

}  // namespace lithos
