// SPDX-License-Identifier: Apache-2.0
// Memory that the GPU may read and write: one set of pages, mapped and registered once for each CUDA context, so that a context that dies
// takes only its own registration with it (DESIGN.md §4).
//
// A registration is never undone while its context lives, and a mapping never: nobody can say when the last write has arrived.
// Any thread; first use in a context locks and calls the driver.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

namespace lithos::cuda::shim {

class PinnedPages {
 public:
  // `bytes`: whole pages. `shared`: pages that somebody else has mapped shared, which are mapped once more; nullptr: pages of our own.
  bool open(std::size_t bytes, void* shared);
  void* data() const { return pages_; }

  // Where the first byte is for kernels of this context, which must be current; 0: they cannot go there.
  std::uint64_t device_base(std::uint64_t context);
  void forget_contexts();  // one has been destroyed: ask anew for each

 private:
  struct Known {
    std::uint64_t context = 0, base = 0;
  };
  std::uint64_t register_pages() const;

  std::mutex mutex_;
  void* pages_ = nullptr;
  std::size_t bytes_ = 0;
  std::vector<Known> known_;
};

}  // namespace lithos::cuda::shim
