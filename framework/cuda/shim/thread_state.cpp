// SPDX-License-Identifier: Apache-2.0
#include "cuda/shim/thread_state.hpp"

#include <mutex>
#include <new>

#include "cuda/shim/process.hpp"
#include "cuda/shim/tenancy.hpp"

namespace lithos::cuda::shim {
namespace {

// Initial-exec: one load, and never an allocation by the loader at a thread's first touch. Two words of the loader's
// surplus of static TLS, which libraries opened later have to live from.
[[gnu::tls_model("initial-exec")]] constinit thread_local ThreadState* current = nullptr;
[[gnu::tls_model("initial-exec")]] constinit thread_local bool ended = false;

std::mutex mutex;  // of the list's growth
std::atomic<ThreadState*> newest{nullptr};

// Gives the state back when its thread ends.
struct AtThreadEnd {
  ~AtThreadEnd() {
    ended = true;
    if (current != nullptr) current->in_use.store(false, std::memory_order_release);
    current = nullptr;
  }
};

ThreadState* take_over_or_make() {
  const std::lock_guard lock(mutex);
  std::uint64_t number = 1;
  for (ThreadState* known = newest.load(); known != nullptr; known = known->next, ++number) {
    if (known->in_use.exchange(true, std::memory_order_acq_rel)) continue;
    known->armed = {};
    known->in_driver = 0;
    return known;
  }
  auto* const made = new (std::nothrow) ThreadState;
  if (made == nullptr) return nullptr;
  made->next_generation = number << 40;
  made->next = newest.load();
  newest.store(made, std::memory_order_release);
  return made;
}

}  // namespace

ThreadState::ThreadState()
    : entries(new Entries),
      reports(entries->reports, &report_tail, &report_head),
      slots(entries->slots, &slot_tail, &slot_head),
      reports_out(entries->reports, &report_tail, &report_head),
      slots_in(entries->slots, &slot_tail, &slot_head) {}
ThreadState::~ThreadState() = default;

void ThreadState::use(const TpcSet& tpcs) {
  if (tpcs == tpc_sets.last()) [[likely]] return;
  tpc_sets.use(tpcs);
  masked_bits = Process::instance().geometry().bits_of(tpcs);
}

ThreadState* thread_state_if_any() { return current; }
ThreadState* all_threads() { return newest.load(std::memory_order_acquire); }

ThreadState* thread_state() {
  if (current != nullptr || ended) return current;
  ThreadState* const state = take_over_or_make();
  if (state == nullptr) return nullptr;
  [[gnu::tls_model("initial-exec")]] static thread_local AtThreadEnd at_end;
  (void)&at_end;
  current = state;
  Process& process = Process::instance();
  if (process.tenancy() == nullptr || state->decider != nullptr) return state;
  state->decider = std::make_unique<InlineDecider>(*process.tenancy());
  CompletionMemory& completions = process.tenancy()->completions();
  for (std::uint32_t count = kSlotsPerThread; count >= kSlotsAtLeast; count /= 2) {
    const std::uint32_t first = completions.take(count);
    if (first == ipc::RunPool::kNone) continue;
    state->has_slots = true;
    for (std::uint32_t i = 0; i < count; ++i) state->slots_in.push({first + i});
    break;
  }
  return state;
}

void follow_epoch(ThreadState& thread) {
  const std::uint64_t epoch = Process::instance().epoch();
  if (thread.seen_epoch == epoch) [[likely]] return;
  thread.seen_epoch = epoch;
  thread.operators.clear();
  thread.context = thread.slots_base = 0;
}

ThreadState* managing_thread() {
  Process& process = Process::instance();
  if (!process.active()) [[unlikely]]
    return nullptr;
  ThreadState* const state = thread_state();
  if (state == nullptr || state->in_driver != 0) return nullptr;
  follow_epoch(*state);
  return state;
}

}  // namespace lithos::cuda::shim
