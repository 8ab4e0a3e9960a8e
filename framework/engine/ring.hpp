// SPDX-License-Identifier: Apache-2.0
// A bounded FIFO in one block of memory, for hot paths: it grows by doubling up to its limit and never shrinks, so that a steady state
// does not allocate. Not for more than one thread. References stay valid until the next push.
#pragma once

#include <cassert>
#include <cstddef>
#include <utility>
#include <vector>

namespace lithos {

template <class T>
class Ring {
 public:
  explicit Ring(std::size_t limit) : limit_(limit) {}

  bool empty() const { return size_ == 0; }
  bool full() const { return size_ >= limit_; }
  std::size_t size() const { return size_; }

  T& operator[](std::size_t i) { assert(i < size_); return slots_[(head_ + i) & mask()]; }
  const T& operator[](std::size_t i) const { assert(i < size_); return slots_[(head_ + i) & mask()]; }
  T& front() { return (*this)[0]; }
  const T& front() const { return (*this)[0]; }
  T& back() { return (*this)[size_ - 1]; }
  const T& back() const { return (*this)[size_ - 1]; }

  // The caller has checked full().
  T& push_back(const T& item) {
    assert(!full());
    if (size_ == slots_.size()) grow();
    T& slot = slots_[(head_ + size_++) & mask()];
    slot = item;
    return slot;
  }
  // For the rare record that comes out of order: everything from `position` on moves back by one.
  void insert(std::size_t position, const T& item) {
    push_back(item);
    for (std::size_t i = size_ - 1; i > position; --i) std::swap((*this)[i], (*this)[i - 1]);
  }
  void pop_front() {
    assert(size_ > 0);
    head_ = (head_ + 1) & mask();
    --size_;
  }
  void clear() { head_ = size_ = 0; }

 private:
  std::size_t mask() const { return slots_.size() - 1; }  // the size is a power of two
  void grow() {
    std::vector<T> wider(slots_.empty() ? 8 : slots_.size() * 2);
    for (std::size_t i = 0; i < size_; ++i) wider[i] = std::move((*this)[i]);
    slots_ = std::move(wider);
    head_ = 0;
  }

  std::vector<T> slots_;
  std::size_t head_ = 0, size_ = 0;
  std::size_t limit_;
};

}  // namespace lithos
