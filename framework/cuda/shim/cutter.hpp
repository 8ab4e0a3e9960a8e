// SPDX-License-Identifier: Apache-2.0
// What launches in parts need beside the launch itself (docs/design/atoms.md): the preludes, loaded once for each context, and memory for
// the atoms' slots. Nothing here is touched by a process whose launches are never cut.
//
// An atom's slot has the number of its completion slot, so it is the atom's for as long as that is: until the atom has completed.
// Any thread; the first use in a context locks, loads a module and waits for two empty launches.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>

#include "cuda/atoms/atom_launch.hpp"
#include "cuda/shim/pinned_pages.hpp"

namespace lithos::cuda::shim {

struct ThreadState;

class Cutter {
 public:
  struct Context {
    std::uint64_t handle = 0;
    LoadedPreludes preludes;
    std::uint64_t slots = 0;  // where slot 0 is for its kernels
  };
  // nullptr: nothing can be cut in this context. It must be current, and the calling thread not be capturing.
  const Context* context(ThreadState& thread, std::uint64_t handle);
  AtomSlot& slot(std::uint64_t index) { return static_cast<AtomSlot*>(pages_.data())[index]; }
  void forget_contexts();

 private:
  bool load(ThreadState& thread, Context& context);

  std::mutex mutex_;
  PinnedPages pages_;
  std::deque<Context> contexts_;  // addresses are stable; forgotten ones have handle 0
};

}  // namespace lithos::cuda::shim
