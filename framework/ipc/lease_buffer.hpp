// SPDX-License-Identifier: Apache-2.0
// The lease in shared memory: two buffers and a counter. The daemon fills the buffer that is not in force and then
// moves the counter; a tenant looks at the counter before every atom, and only if it moved copies the lease: no lock,
// no system call, and in the common case one load. (DESIGN.md §4)
//
// Lease n lies in buffer n % 2. Whoever copies it and finds the counter still at n has it whole: the buffer is
// touched again only after the counter has become n + 1. A reader tries kTries times at most and otherwise keeps the
// lease it has: a newer one is under way anyhow. One writer, any number of readers.
#pragma once

#include "ipc/layout.hpp"
#include "ipc/wire.hpp"
#include "ipc/words.hpp"

namespace lithos::ipc {

class LeaseWriter {
 public:
  explicit LeaseWriter(Area& area) : area_(&area) {}

  void publish(const WireLease& lease) {
    WireLease& target = area_->lease[(counter_ + 1) % 2];
    const auto* from = reinterpret_cast<const std::uint64_t*>(&lease);
    auto* to = reinterpret_cast<std::uint64_t*>(&target);
    for (std::size_t i = 0; i < used_bytes(lease) / 8; ++i) store(to + i, from[i]);
    store(&area_->header.lease_counter.value, ++counter_,
          std::memory_order_seq_cst);  // before the look at the tenant's flag
  }

 private:
  Area* area_;
  std::uint64_t counter_ = 0;  // ours: what lies in shared memory may have been overwritten
};

class LeaseReader {
 public:
  static constexpr unsigned kTries = 4;

  explicit LeaseReader(const Area& area) : area_(&area) {}

  // Whether there is a lease that `take` has not returned yet.
  bool changed() const { return load(&area_->header.lease_counter.value) != seen_; }

  // Copies the newest lease. False: none yet, or the writer was faster kTries times; `lease` then holds rubbish.
  bool take(WireLease& lease) {
    for (unsigned i = 0; i < kTries; ++i) {
      const std::uint64_t counter = load(&area_->header.lease_counter.value);
      if (counter == 0) return false;
      const WireLease& source = area_->lease[counter % 2];
      load_words(lease, &source, offsetof(WireLease, lender));
      load_words(lease, &source, used_bytes(lease));
      if (load(&area_->header.lease_counter.value) != counter) continue;
      seen_ = counter;
      return true;
    }
    return false;
  }

 private:
  const Area* area_;
  std::uint64_t seen_ = 0;
};

}  // namespace lithos::ipc
