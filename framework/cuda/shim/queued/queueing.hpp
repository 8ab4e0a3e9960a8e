// SPDX-License-Identifier: Apache-2.0
// The queued path of this process: the queues, the thread that submits, and whether calls may wait at all.
//
// One context's calls wait: that of the first launch that could. Streams become known at their first call and are forgotten when they are
// destroyed. Launches of other contexts, on streams whose name means another one in each thread, and everything while any stream is being
// captured go to the driver within their calls, after what waits.
//
// Started with the process's management, never destroyed. Any thread, inside (thread_state.hpp) a function of ours. Once queueing has ended
// (a driver function that nobody has reviewed, an event that other processes know, the program's end) nothing waits any more.
#pragma once

#include <cuda.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "cuda/queue/call_queues.hpp"
#include "cuda/shim/queued/submitter.hpp"

namespace lithos::cuda::shim {

class Queueing {
 public:
  // nullptr: not started.
  static Queueing* instance();
  static void start();

  CallQueues& queues() { return queues_; }
  bool may_wait() const {
    return accepting_.load(std::memory_order_acquire) && captures_.load(std::memory_order_acquire) == 0;
  }
  // The program was given a function that nobody has reviewed.
  static void meet_stranger(const char* symbol);
  // For good; what waits is submitted. Said once.
  void end(const char* reason, const char* what = "");
  const char* ended() const { return ended_.load(std::memory_order_acquire); }

  // The queue's name of a stream, made known if need be; empty: its calls never wait. `adopt`: this context's calls may be the ones that do.
  std::optional<std::uint64_t> stream(CUstream stream, bool adopt = false);
  std::uint64_t context() const { return context_.load(std::memory_order_acquire); }
  // Another one: a stream's handle may name another stream.
  std::uint64_t streams_version() const { return streams_version_.load(std::memory_order_acquire); }
  void stream_ends(CUstream stream);
  void context_ends();

  void capture_begins(CUstream stream);
  void capture_ended(CUstream stream);

 private:
  Queueing();
  bool run_dispatcher();
  bool is_ours(CUstream stream, unsigned& flags) const;

  Submitter submitter_;
  CallQueues queues_;
  std::atomic<bool> accepting_{true};
  std::atomic<const char*> ended_{nullptr};
  std::atomic<unsigned> captures_{0};  // capturing_'s size
  std::atomic<std::uint64_t> context_{0};
  std::atomic<std::uint64_t> streams_version_{1};  // changes when a stream is forgotten

  std::mutex mutex_;  // of what follows
  std::unordered_map<CUstream, bool> streams_;  // false: its calls never wait
  std::vector<CUstream> capturing_;
};

// Whether this is the thread that submits what waits.
bool is_dispatcher();
// The context that is current on this thread; 0: none.
std::uint64_t current_context();
// Neither end of the copy is pageable memory, which may change under a copy that waits; nor does it go from host to host.
bool copy_may_wait(std::uint64_t to, std::uint64_t from);

}  // namespace lithos::cuda::shim
