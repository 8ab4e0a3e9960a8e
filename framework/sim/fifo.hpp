// SPDX-License-Identifier: Apache-2.0
// A first-in first-out queue in one power-of-two array that grows and never shrinks: no allocation once warm. One
// thread.
#pragma once

#include <cassert>
#include <cstddef>
#include <utility>
#include <vector>

namespace lithos {

template <class T>
class Fifo {
 public:
  bool empty() const { return head_ == tail_; }
  std::size_t size() const { return tail_ - head_; }
  T& front() {
    assert(!empty());
    return slots_[head_ & mask_];
  }
  const T& front() const {
    assert(!empty());
    return slots_[head_ & mask_];
  }
  T& back() {
    assert(!empty());
    return slots_[(tail_ - 1) & mask_];
  }
  T& operator[](std::size_t i) {
    assert(i < size());
    return slots_[(head_ + i) & mask_];
  }

  // A slot to be filled by the caller; it holds what an earlier element left there.
  T& push() {
    if (size() == slots_.size()) grow();
    return slots_[tail_++ & mask_];
  }
  void pop() {
    assert(!empty());
    ++head_;
  }

 private:
  void grow() {
    std::vector<T> larger(slots_.empty() ? 16 : 2 * slots_.size());
    const std::size_t count = size();
    for (std::size_t i = 0; i < count; ++i) larger[i] = std::move(slots_[(head_ + i) & mask_]);
    slots_ = std::move(larger);
    mask_ = slots_.size() - 1;
    head_ = 0;
    tail_ = count;
  }

  std::vector<T> slots_;
  std::size_t mask_ = 0, head_ = 0, tail_ = 0;
};

}  // namespace lithos
