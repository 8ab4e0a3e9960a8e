// SPDX-License-Identifier: Apache-2.0
// The queued path of a process: one bounded queue of driver calls per stream, submitted in an order that the program cannot tell from the
// order in which it made them (DESIGN.md §4).
//
// What is kept:
//   - calls of one stream are submitted one at a time and in their order;
//   - a wait is submitted after the record it means, and an event is never recorded anew under an earlier wait (event_book.hpp);
//   - the legacy default stream and the blocking streams are submitted in the order of their calls relative to each other;
//   - submit_*() and calls that go through at once return when what they name has been given to the driver. Urgent ones ignore hold and limits
//     and wait for no completion: not for the GPU, not for the program's host functions. Patient ones let hold and limits have their way as
//     long as something moves at least every QueueLimits::patience, and are urgent from then on. So locks that a program holds across its
//     calls, also while its tenant is held, cannot stop it.
// Every constraint points to a call made earlier, so the earliest call that waits can always be submitted: no cycles.
//
// Threads: any. One lock for bookkeeping, never held while the driver is called; a stream is being submitted by one thread at a time, be it
// the dispatcher or a thread of the program. Errors are the driver's codes (0: success); that of a call that waited is returned by a later
// call on its stream. No exceptions of its own. Steady state allocates for events only.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "cuda/queue/event_book.hpp"
#include "cuda/queue/kernel_arguments.hpp"
#include "cuda/queue/queued_call.hpp"
#include "engine/ring.hpp"

namespace lithos::cuda {

// What gives a call to the real driver: the executor and the device behind it.
class CallDriver {
 public:
  struct Answer {
    bool done = true;    // false: not now, or not all of it (a kernel with atoms left); ask again
    int code = 0;        // of the driver, once done
    bool moved = false;  // not done, but a part of it went
  };
  virtual ~CallDriver() = default;
  // One thread at a time for each stream. `urgent`: without regard to limits and hold; may still say later where a safety rule forbids it.
  virtual Answer submit(const QueuedCall& call, bool urgent) = 0;
};

enum class StreamKind : std::uint8_t {
  blocking,  // ordered with the legacy default stream; also the per-thread default streams
  non_blocking,
  legacy,  // the default stream of programs that were not compiled for per-thread ones; one per context
};

// How something is submitted that a caller needs to be with the driver.
enum class Haste : std::uint8_t { urgent, patient };

enum class CallRoute : std::uint8_t {
  through,  // goes to the driver before the call returns
  queued,   // waits
};

// A kernel's arguments as the program brought them: `packed`, or `layout` and `values`.
struct CallArguments {
  PackedArguments packed;
  const ParameterLayout* layout = nullptr;
  void* const* values = nullptr;
  std::uint32_t bytes() const { return layout != nullptr ? layout->bytes() : static_cast<std::uint32_t>(packed.bytes); }
};

struct QueueLimits {
  std::uint32_t calls = 1024;               // per stream; one more waits for room, patiently
  std::uint32_t argument_bytes = 1u << 18;  // likewise
  std::chrono::nanoseconds patience{0};     // without anything that moves; 0: nobody is patient
};

class CallQueues {
 public:
  CallQueues(CallDriver& driver, const QueueLimits& limits);
  ~CallQueues();

  void add_stream(std::uint64_t stream, StreamKind kind, CallRoute route);
  void remove_stream(std::uint64_t stream);               // submits it first
  void remove_all_streams();                              // likewise
  void set_route(std::uint64_t stream, CallRoute route);  // from the next call that finds the stream's queue empty

  // Makes one call. Returns 0 if it waits; the driver's code if it went through; an earlier failure of its stream if there is one to tell.
  // `at_once`: it goes through whatever the route (the first launch of a function and shape). A stream that was never added: everything
  // that waits is submitted, then the call goes through. Patient, where it cannot just wait.
  int call(const QueuedCall& call, const CallArguments& arguments = {}, bool at_once = false);

  // What a call that goes to the driver by itself must find there: the legacy stream with all blocking ones, a blocking one with the legacy.
  void submit_stream(std::uint64_t stream, Haste haste = Haste::urgent);
  void submit_event(std::uint64_t event, bool waits_too = false,
                    Haste haste = Haste::urgent);  // the record it has now; with waits: before it is destroyed
  void submit_all(Haste haste = Haste::urgent);

  bool waits(std::uint64_t stream) const;          // whether a call of this stream does
  // Whether a call on it (of this event, if not 0) would have nothing before it that waits.
  bool is_clear(std::uint64_t stream, std::uint64_t event = 0) const;
  bool record_waits(std::uint64_t event) const;    // whether the record that the event would be asked about does
  int take_failure(std::uint64_t stream);          // of a call that waited; 0: none that has not been told
  bool has_failures() const { return failures_.load(std::memory_order_acquire) != 0; }

  // The dispatcher: submits what may go now, at most one call of each stream. True if something moved.
  bool dispatch();
  // Until something was queued or poke() was called since `seen`, or `longest` has passed. Returns the new count, to be given next time.
  std::uint64_t wait_for_work(std::uint64_t seen, std::chrono::nanoseconds longest);
  void poke();  // a lease, a completion: what could not go before may now

  std::uint64_t waiting() const { return waiting_.load(std::memory_order_acquire); }
  std::uint64_t last_sequence() const { return last_sequence_.load(std::memory_order_relaxed); }

 private:
  struct Stream;
  struct Awaited;
  using StreamPtr = std::shared_ptr<Stream>;
  using Lock = std::unique_lock<std::mutex>;

  StreamPtr find(std::uint64_t stream) const;
  int call_directly(QueuedCall call, const CallArguments& arguments);
  std::byte* make_room(Lock& lock, const StreamPtr& stream, std::uint32_t argument_bytes);
  std::vector<StreamPtr> all_streams() const;
  int tell_failure(Stream& stream);
  void push(Stream& stream, QueuedCall& call, const CallArguments& arguments, std::byte* copy);
  // Submits everything of `stream` up to `until`, and what that depends on.
  void drain(Lock& lock, const StreamPtr& stream, std::uint64_t until, Haste haste);
  bool step(Lock& lock, Stream& stream, bool urgent);
  void finished(Stream& stream, const QueuedCall& call, int code);
  std::optional<PendingCall> blocker(const Stream& stream) const;
  std::optional<PendingCall> across_default_stream(const Stream& stream, std::uint64_t sequence) const;
  void woken();

  CallDriver& driver_;
  const QueueLimits limits_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;  // a stream is no longer being submitted
  std::condition_variable work_;     // for the dispatcher
  std::unordered_map<std::uint64_t, StreamPtr> streams_;
  std::vector<StreamPtr> round_;     // dispatch()'s, kept for its memory
  StreamPtr legacy_;
  EventBook events_;
  std::atomic<std::uint64_t> last_sequence_{0};
  std::atomic<std::uint64_t> waiting_{0};
  std::atomic<std::uint32_t> failures_{0};  // streams that have one to tell
  std::uint64_t moves_ = 0;                 // counts what went to the driver; for patience
  std::atomic<std::uint64_t> news_{0};      // counts reasons to look again
  std::atomic<bool> dispatcher_sleeps_{false};
};

}  // namespace lithos::cuda
