// SPDX-License-Identifier: Apache-2.0
// What a launching thread has of its own, so that launches of different threads share nothing: the armed patch,
// counters, caches, completion slots, and a ring of reports for the service thread.
//
// Made at a thread's first call (the warm-up: allocation and a lock), never freed; a later thread takes over what an
// ended one left, its counters included.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "cuda/atoms/atom_launch.hpp"
#include "cuda/atoms/entry_address.hpp"
#include "cuda/patch.hpp"
#include "cuda/shim/counters.hpp"
#include "cuda/shim/cutter.hpp"
#include "cuda/shim/operators.hpp"
#include "ipc/layout.hpp"
#include "ipc/spsc_ring.hpp"

namespace lithos::cuda::shim {

class InlineDecider;
struct GraphExec;

// What the callback is to do with descriptors of the call in flight on this thread.
struct Armed {
  enum class Kind : std::uint8_t { nothing, launch, graph, learn };
  Kind kind = Kind::nothing;
  bool done = false;     // launch, learn: its descriptor came by
  LaunchShape shape;     // launch
  PatchWish wish;        // launch: its own; graph: for nodes that nobody described
  PatchOutcome outcome;  // launch
  GraphExec* graph = nullptr;
  std::uint32_t nodes = 0;  // graph: descriptors seen
  bool stamp = false;       // launch: note when the descriptor came by
  Nanoseconds uploaded{0};

  // Parts of a launch (cutter.hpp). learn: a prelude's own launch, which is sent to a slot of which nothing runs.
  EntryAddress* learn = nullptr;   // launch, learn: is told the program's address
  const AtomPlan* plan = nullptr;  // launch: the part to run instead of the whole
  std::uint64_t entry = 0;         // … of this function
  std::uint64_t atom_slot = 0;     // where the plan's slot is for the GPU
  std::uint32_t bank = 0;          // that preludes need
  bool later_part = false;         // parts before it have run: never the whole
  NoAtom atom = NoAtom::planned;
};

// One launch, as the service thread is told of it.
inline constexpr std::uint32_t kNoSlot = ~std::uint32_t{0};
// One cache line: the service thread has had it since the ring's last turn, and the launch pays for each line it takes back.
struct LaunchReport {
  enum Kind : std::uint8_t { submitted, waiting, synchronised, graph_submitted };
  std::uint64_t kernel = 0;  // const KernelInfo*; graph_submitted: GraphExec*
  std::uint64_t launch = 0;
  std::uint64_t generation = 0;  // what the slot will hold
  std::uint64_t submitted_ns = 0;
  std::uint64_t predicted_ns = 0;
  std::uint32_t queue = 0;
  std::uint32_t slot = kNoSlot;                    // kNoSlot: no completion will be seen
  std::uint32_t first_block = 0, block_count = 0;  // of the kernel's grid
  std::uint16_t tpcs = 0;                          // ThreadState::tpc_sets
  LaunchContext context = 0;                       // after what it was launched (engine/kinds.hpp)
  Kind kind = submitted;
  std::uint8_t coverage = 0;
  std::uint8_t borrowed = 0;  // BorrowedWork::bits_of()
  std::uint8_t unused[1] = {};
};
static_assert(sizeof(LaunchReport) == ipc::kCacheLine);
inline constexpr std::uint32_t kEveryQueue = ~std::uint32_t{0};  // of a synchronisation
inline constexpr std::size_t kReports = 1024;
// As many as the driver lets a stream have waiting before a launch blocks: a thread runs out of slots only with several.
inline constexpr std::size_t kSlotsPerThread = 1024;
inline constexpr std::uint32_t kSlotsAtLeast = 64;  // where many threads have taken theirs

struct SlotIndex {
  std::uint64_t slot;
};

// The sets of TPCs that this thread's launches had lately, for reports to name. More than there can be unread reports,
// and a new place only after a report has named the last one: what a report names still stands there.
class TpcSets {
 public:
  static constexpr std::size_t kSets = 2 * kReports;
  TpcSets() : sets_(new TpcSet[kSets]) {}
  const TpcSet& last() const { return sets_[last_]; }
  void use(const TpcSet& set) {
    if (std::exchange(named_, false)) last_ = static_cast<std::uint16_t>((last_ + 1u) % kSets);
    sets_[last_] = set;
  }
  std::uint16_t name() {
    named_ = true;
    return last_;
  }
  const TpcSet& at(std::uint16_t name) const { return sets_[name % kSets]; }

 private:
  std::unique_ptr<TpcSet[]> sets_;
  std::uint16_t last_ = 0;
  bool named_ = false;
};

// The lines that the launching thread writes and those that the service thread writes are apart.
struct ThreadState {
  ThreadState();
  ~ThreadState();
  // The next report's launch is on these TPCs: tpc_sets and masked_bits follow.
  void use(const TpcSet& tpcs);

  std::uint32_t in_driver = 0;  // depth of our own functions: what the driver calls of itself is not the program's
  Armed armed;
  Counters counters;
  OperatorCache operators;
  StreamCache streams;
  std::unique_ptr<InlineDecider> decider;
  std::uint64_t seen_epoch = 0;
  std::uint64_t context = 0, slots_base = 0;  // the last context, and where its completion slots are for the GPU
  bool other_device = false;
  bool cutting_asked = false;                  // `cutting` is this context's
  const Cutter::Context* cutting = nullptr;  // what launches in parts need there; nullptr: nothing is cut
  TpcSets tpc_sets;
  MaskBits masked_bits;  // what the last of them comes to
  bool has_slots = false;              // of its own; else nothing that it launches is timed or cut
  std::vector<std::byte> scratch;      // the queued path's
  std::uint32_t spare_slot = kNoSlot;  // taken for a launch that did not use it
  std::uint64_t next_generation = 0;   // high bits: this thread's number

  // To the service thread, and free slots back from it.
  struct alignas(ipc::kCacheLine) Entries {
    LaunchReport reports[kReports];
    SlotIndex slots[kSlotsPerThread];
  };
  std::unique_ptr<Entries> entries;
  alignas(ipc::kCacheLine) std::uint64_t report_tail = 0;
  std::uint64_t slot_head = 0;
  ipc::RingWriter<LaunchReport, kReports> reports;
  ipc::RingReader<SlotIndex, kSlotsPerThread> slots;
  // The lease generation under which a launch is being decided and has not been reported; all ones: none.
  std::atomic<std::uint64_t> deciding{~std::uint64_t{0}};

  // The service thread's ends.
  alignas(ipc::kCacheLine) std::uint64_t report_head = 0;
  std::uint64_t slot_tail = 0;
  ipc::RingReader<LaunchReport, kReports> reports_out;
  ipc::RingWriter<SlotIndex, kSlotsPerThread> slots_in;

  alignas(ipc::kCacheLine) std::atomic<bool> in_use{true};
  ThreadState* next = nullptr;  // all of the process, newest first; constant once it is listed
};

// This thread's; made if need be. nullptr: out of memory, or the thread is ending.
ThreadState* thread_state();
// This thread's if it has one: for the callback, which must not allocate.
ThreadState* thread_state_if_any();
// The newest of all; follow `next`.
ThreadState* all_threads();

// Marks that this thread is inside a function of ours.
class Inside {
 public:
  explicit Inside(ThreadState& thread) : thread_(thread) { ++thread_.in_driver; }
  ~Inside() { --thread_.in_driver; }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  ThreadState& thread_;
};

// Caches forget what is no longer so.
void follow_epoch(ThreadState& thread);
// The state to account a call of the program to; nullptr: pass it on as it is.
ThreadState* managing_thread();

}  // namespace lithos::cuda::shim
