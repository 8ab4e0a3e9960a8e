// SPDX-License-Identifier: Apache-2.0
// A tenant's memory limit over all ways to allocate: a budget that is taken from before an allocation and given back
// when it fails or is freed.
//
// Handles are remembered with their size in a table of shards, each under its own lock; allocation is no launch, so a
// short lock is fine. What is freed without our having seen its allocation (it came before us, or through a pool that
// was imported) changes nothing. Any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <unordered_map>

namespace lithos::cuda::shim {

class MemoryBudget {
 public:
  void set_limit(std::uint64_t bytes) { limit_.store(bytes, std::memory_order_relaxed); }
  std::uint64_t limit() const { return limit_.load(std::memory_order_relaxed); }  // 0: none
  std::uint64_t used() const { return used_.load(std::memory_order_relaxed); }
  std::uint64_t left() const {
    const std::uint64_t in_use = used();
    return in_use >= limit() ? 0 : limit() - in_use;
  }

  // False: it would go beyond the limit; nothing is taken.
  bool take(std::uint64_t bytes) {
    const std::uint64_t most = limit();
    std::uint64_t before = used();
    do {
      if (most != 0 && (bytes > most || before > most - bytes)) return false;
    } while (!used_.compare_exchange_weak(before, before + bytes, std::memory_order_relaxed));
    return true;
  }
  void give_back(std::uint64_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }

  // The allocation for which `bytes` were taken succeeded as `handle`; and it has gone.
  void remember(std::uint64_t handle, std::uint64_t bytes) {
    Shard& shard = shard_of(handle);
    const std::lock_guard lock(shard.mutex);
    std::uint64_t& known = shard.bytes[handle];
    if (known != 0) give_back(known);  // freed behind our back, and handed out again
    known = bytes;
  }
  void forget(std::uint64_t handle) {
    Shard& shard = shard_of(handle);
    const std::lock_guard lock(shard.mutex);
    const auto known = shard.bytes.find(handle);
    if (known == shard.bytes.end()) return;
    give_back(known->second);
    shard.bytes.erase(known);
  }

 private:
  struct Shard {
    std::mutex mutex;
    std::unordered_map<std::uint64_t, std::uint64_t> bytes;
  };
  Shard& shard_of(std::uint64_t handle) { return shards_[(handle >> 9 ^ handle >> 21) % shards_.size()]; }

  std::atomic<std::uint64_t> limit_{0}, used_{0};
  std::array<Shard, 16> shards_;
};

}  // namespace lithos::cuda::shim
