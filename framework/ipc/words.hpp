// SPDX-License-Identifier: Apache-2.0
// Reading and writing memory that another process works on at the same moment: word by word, each word once.
//
// Every access is an atomic load or store of 64 bits, so that nothing is torn within a word, no value is read twice
// (what was checked is what is used), and the sanitizers see what the hardware sees. Loads acquire and stores
// release: on x86-64 both are plain moves. Whether the words together make sense is for the protocols above this to
// find out (LeaseBuffer, OperatorTable, RecordRing). Any thread. A pointer to a read-only mapping may be loaded from.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace lithos::ipc {

template <class T>
inline T load(const T* from, std::memory_order order = std::memory_order_acquire) {
  return std::atomic_ref<T>(*const_cast<T*>(from)).load(order);
}
template <class T>
inline void store(T* to, T value, std::memory_order order = std::memory_order_release) {
  std::atomic_ref<T>(*to).store(value, order);
}

template <class T>
concept Wire = std::is_trivially_copyable_v<T> && std::is_standard_layout_v<T> && sizeof(T) % 8 == 0 && alignof(T) == 8;

template <Wire T>
inline void store_words(T* to, const T& from) {
  constexpr std::size_t kWords = sizeof(T) / 8;
  std::uint64_t words[kWords];
  std::memcpy(words, &from, sizeof(T));
  auto* target = reinterpret_cast<std::uint64_t*>(to);
  for (std::size_t i = 0; i < kWords; ++i) store(target + i, words[i]);
}

// The first `bytes` of a struct only; the rest of `to` stays as it is.
template <Wire T>
inline void load_words(T& to, const T* from, std::size_t bytes = sizeof(T)) {
  constexpr std::size_t kWords = sizeof(T) / 8;
  std::uint64_t words[kWords];
  const auto* source = reinterpret_cast<const std::uint64_t*>(from);
  const std::size_t wanted = bytes / 8 < kWords ? bytes / 8 : kWords;
  for (std::size_t i = 0; i < wanted; ++i) words[i] = load(source + i);
  std::memcpy(&to, words, wanted * 8);
}

}  // namespace lithos::ipc
