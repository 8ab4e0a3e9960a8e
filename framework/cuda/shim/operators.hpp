// SPDX-License-Identifier: Apache-2.0
// Operators by what a launch names: function and shape, found in a per-thread table without a lock; described once per
// process, on the first launch (name, registers, shared memory, rules), and kept for ever.
#pragma once

#include <cuda.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "cuda/atoms/entry_address.hpp"
#include "cuda/patch.hpp"
#include "engine/kinds.hpp"
#include "engine/operator.hpp"

namespace lithos::cuda {
class ParameterLayout;
}

namespace lithos::cuda::shim {

// A launch as the API was asked for it.
struct LaunchKey {
  std::uint64_t function = 0;
  Dims grid{}, block{}, cluster{};
  std::uint32_t dynamic_shared_bytes = 0;
  std::uint32_t special = 0;  // not 0: cooperative, programmatic dependent launch, device-updatable: never cut
  std::uint32_t filler = 0;   // so that it is compared as the seven words that it is
  friend bool operator==(const LaunchKey& a, const LaunchKey& b) { return std::memcmp(&a, &b, sizeof a) == 0; }
};
static_assert(std::has_unique_object_representations_v<LaunchKey> && sizeof(LaunchKey) == 7 * sizeof(std::uint64_t));

struct Operator {
  LaunchKey key;
  KernelInfo info;
  LaunchShape shape;
  LaunchContext context = 0;  // of what is launched next
  // Learnt while it runs; any thread.
  mutable EntryAddress entry;
  mutable std::atomic<bool> warm{false};            // has been launched: its code is loaded
  mutable std::atomic<bool> whole{false};           // its descriptor is not as a cut needs it
  mutable std::atomic<const ParameterLayout*> parameters{nullptr};  // the queued path's (queue_launch.cpp)
  mutable std::atomic<std::uint32_t> unconfined{0};  // launches that ran unconfined though the tenant is to be confined
};

// The process's operator for this key, described if it is new; nullptr: the driver would not say what it is, or the
// limit on operators is reached. Takes a lock, allocates, calls the driver: first launches only.
const Operator* describe_operator(const LaunchKey& key);
// The function behind a handle that launches take: cudart's are library kernels (CUkernel), of which names and attributes cannot be asked.
CUfunction function_of(std::uint64_t handle);
// Its name as rules and traces write it; "(unnamed)" where the driver has none. Calls the driver, disturbs no capture.
std::string kernel_name(std::uint64_t handle);
// The kernels that ran unconfined most often, and what they would have needed, as a JSON list.
std::string operators_left(std::size_t most);
// Handles may name other things from here on.
void forget_functions();

class OperatorCache {
 public:
  static constexpr std::size_t kEntries = 2048;

  void clear() {
    if (used_) entries_.assign(kEntries, {});
    used_ = false;
  }
  const Operator* find(const LaunchKey& key) {
    if (!used_) return nullptr;
    const Entry& entry = entries_[hash(key) % kEntries];
    return entry.op != nullptr && entry.key == key ? entry.op : nullptr;
  }
  void put(const LaunchKey& key, const Operator* op) {
    if (entries_.empty()) entries_.resize(kEntries);
    entries_[hash(key) % kEntries] = {key, op};
    used_ = true;
  }

 private:
  struct Entry {
    LaunchKey key;
    const Operator* op = nullptr;
  };
  static std::uint64_t hash(const LaunchKey& key) {
    std::uint64_t h = key.function * 0x9e3779b97f4a7c15u;
    h ^= (std::uint64_t{key.grid[0]} << 32 | key.grid[1]) * 0xc2b2ae3d27d4eb4fu;
    h ^= (std::uint64_t{key.grid[2]} << 32 | key.block[0]) * 0x165667b19e3779f9u;
    h ^= (std::uint64_t{key.dynamic_shared_bytes} << 32 | key.block[1] << 16 | key.cluster[0]) * 0x27d4eb2f165667c5u;
    return h ^ h >> 29;
  }
  std::vector<Entry> entries_;
  bool used_ = false;
};

// Launch queues by stream, and what this thread launched there last.
class StreamCache {
 public:
  static constexpr std::size_t kEntries = 64;
  struct Entry {
    std::uint64_t stream = 0;
    std::uint32_t queue = 0;  // 1 + its number; 0: none
    LaunchContext last = 0;
  };
  Entry* find(std::uint64_t stream) {
    Entry& entry = entries_[(stream >> 4 ^ stream >> 12) % kEntries];
    return entry.queue != 0 && entry.stream == stream ? &entry : nullptr;
  }
  Entry& put(std::uint64_t stream, std::uint32_t queue) {
    return entries_[(stream >> 4 ^ stream >> 12) % kEntries] = {stream, queue};
  }
  void clear() { entries_.fill({}); }

 private:
  std::array<Entry, kEntries> entries_{};
};

}  // namespace lithos::cuda::shim
