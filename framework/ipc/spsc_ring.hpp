// SPDX-License-Identifier: Apache-2.0
// A ring of fixed-size entries between one writer and one reader in different processes. A full ring refuses; the
// writer drops and counts. Neither side believes the other's position: each keeps its own privately and looks at the
// other's only through bounds.
//
// `tail` counts entries written, `head` entries read, both without end; entry n lies at n % Capacity. Writer and
// reader may run at the same time; each end belongs to one thread.
#pragma once

#include <bit>
#include <cstdint>

#include "ipc/layout.hpp"
#include "ipc/words.hpp"

namespace lithos::ipc {

template <Wire T, std::size_t Capacity>
class RingWriter {
  static_assert(std::has_single_bit(Capacity));

 public:
  RingWriter(T* entries, std::uint64_t* tail, const std::uint64_t* head)
      : entries_(entries), tail_(tail), head_(head) {}

  // Whether the next push will succeed.
  bool has_room() {
    if (written_ - read_ >= Capacity) read_ = load(head_);
    return written_ - read_ < Capacity;
  }

  // False: full. The store of the position is sequentially consistent: the look at the reader's sleep flag that
  // follows (wake.hpp) comes after it.
  bool push(const T& entry) {
    if (!has_room()) return false;  // also when the other side's position is nonsense
    store_words(&entries_[written_ % Capacity], entry);
    store(tail_, ++written_, std::memory_order_seq_cst);
    // The reader has had the next entry's lines since the last turn of the ring: fetched while the writer does
    // something else.
    for (std::size_t at = 0; at < sizeof(T); at += kCacheLine)
      __builtin_prefetch(reinterpret_cast<const char*>(&entries_[written_ % Capacity]) + at, 1);
    return true;
  }

 private:
  T* entries_;
  std::uint64_t* tail_;
  const std::uint64_t* head_;
  std::uint64_t written_ = 0, read_ = 0;
};

template <Wire T, std::size_t Capacity>
class RingReader {
  static_assert(std::has_single_bit(Capacity));

 public:
  RingReader(const T* entries, const std::uint64_t* tail, std::uint64_t* head)
      : entries_(entries), tail_(tail), head_(head) {}

  bool empty() const { return load(tail_, std::memory_order_seq_cst) == read_; }

  // Copies the next entry out. False: there is none. A position that no sound writer could have is counted, and
  // everything up to it skipped: the reader never does more than one entry's work for one call.
  bool pop(T& entry) {
    if (read_ == written_ && !look()) return false;
    load_words(entry, &entries_[read_ % Capacity]);
    store(head_, ++read_);
    return true;
  }

  std::uint64_t nonsense() const { return nonsense_; }

 private:
  // The writer's position is in a line that the writer keeps changing: read only when what was known is used up.
  bool look() {
    const std::uint64_t tail = load(tail_);
    if (tail - read_ > Capacity) [[unlikely]] {
      ++nonsense_;
      read_ = tail;
      store(head_, read_);
    }
    written_ = tail;
    return read_ != tail;
  }

  const T* entries_;
  const std::uint64_t* tail_;
  std::uint64_t* head_;
  std::uint64_t read_ = 0, written_ = 0, nonsense_ = 0;
};

}  // namespace lithos::ipc
