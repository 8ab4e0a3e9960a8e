// SPDX-License-Identifier: Apache-2.0
#include "cuda/queue/call_queues.hpp"

#include <algorithm>
#include <cstring>
#include <thread>
#include <utility>

namespace lithos::cuda {
namespace {

constexpr std::chrono::microseconds kAskAgain{50};  // of a driver that cannot take even an urgent call yet

// Runs out when nothing moves for long enough.
class Patience {
 public:
  using Clock = std::chrono::steady_clock;
  Patience(std::chrono::nanoseconds length, std::uint64_t moves) : length_(length), moves_(moves), since_(Clock::now()) {}
  bool is_over(std::uint64_t moves) {
    if (length_.count() == 0) return true;
    if (std::exchange(moves_, moves) != moves) since_ = Clock::now();
    return Clock::now() - since_ > length_;
  }

 private:
  std::chrono::nanoseconds length_;
  std::uint64_t moves_;
  Clock::time_point since_;
};

constexpr int kSpins = 200;  // before the dispatcher sleeps: waking it costs its waker 1–2 µs (hardware.md §10)

void pause_briefly() {
  for (int i = 0; i < 8; ++i) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
}
// The lock is held for some hundred nanoseconds at a time: who slept for it would be late by microseconds, and have to be woken by the other.
// Not asked for all the time, or who has it could hardly get at it to give it back.
constexpr int kTries = 60;
void take(std::unique_lock<std::mutex>& lock) {
  for (int tried = 0; tried < kTries; ++tried) {
    if (lock.try_lock()) return;
    pause_briefly();
  }
  lock.lock();
}
std::unique_lock<std::mutex> taken(std::mutex& mutex) {
  std::unique_lock lock(mutex, std::defer_lock);
  take(lock);
  return lock;
}

}  // namespace

struct CallQueues::Stream {
  Stream(std::uint64_t handle, StreamKind stream_kind, CallRoute stream_route, const QueueLimits& limits)
      : id(handle),
        kind(stream_kind),
        route(stream_route),
        wanted_route(stream_route),
        calls(limits.calls),
        arguments(limits.argument_bytes) {}

  bool has_before(std::uint64_t sequence) const { return !calls.empty() && calls.front().sequence < sequence; }
  bool has_until(std::uint64_t sequence) const { return !calls.empty() && calls.front().sequence <= sequence; }

  const std::uint64_t id;
  const StreamKind kind;
  CallRoute route, wanted_route;
  Ring<QueuedCall> calls;  // the front stays until the driver has it all
  ArgumentRing arguments;
  bool submitting = false;  // some thread is giving the front to the driver
  int failure = 0;          // of a call that waited; told once
  std::vector<Awaited*> awaited;
};

// Somebody who wants to hear what came of one call.
struct CallQueues::Awaited {
  std::uint64_t sequence = 0;
  int code = 0;
};

CallQueues::CallQueues(CallDriver& driver, const QueueLimits& limits) : driver_(driver), limits_(limits) {}
CallQueues::~CallQueues() = default;

CallQueues::StreamPtr CallQueues::find(std::uint64_t stream) const {
  const auto found = streams_.find(stream);
  return found == streams_.end() ? nullptr : found->second;
}

void CallQueues::add_stream(std::uint64_t stream, StreamKind kind, CallRoute route) {
  const std::lock_guard lock(mutex_);
  auto fresh = std::make_shared<Stream>(stream, kind, route, limits_);
  if (kind == StreamKind::legacy) legacy_ = fresh;
  streams_.insert_or_assign(stream, std::move(fresh));
}

void CallQueues::remove_stream(std::uint64_t stream) {
  Lock lock(mutex_);
  const StreamPtr known = find(stream);
  if (known == nullptr) return;
  drain(lock, known, last_sequence(), Haste::urgent);
  if (known == legacy_) legacy_ = nullptr;
  tell_failure(*known);  // nobody can hear it any more
  const auto found = streams_.find(stream);
  if (found != streams_.end() && found->second == known) streams_.erase(found);
}

void CallQueues::remove_all_streams() {
  Lock lock(mutex_);
  const std::vector<StreamPtr> all = all_streams();
  lock.unlock();
  for (const StreamPtr& stream : all) remove_stream(stream->id);
}

void CallQueues::set_route(std::uint64_t stream, CallRoute route) {
  const std::lock_guard lock(mutex_);
  if (const StreamPtr known = find(stream)) known->wanted_route = route;
}

int CallQueues::call(const QueuedCall& request, const CallArguments& arguments, bool at_once) {
  Lock lock = taken(mutex_);
  const StreamPtr stream = find(request.stream);
  const bool too_large = stream != nullptr && arguments.bytes() > limits_.argument_bytes;
  if (stream == nullptr || too_large) {
    lock.unlock();
    submit_all(Haste::patient);
    return call_directly(request, arguments);
  }
  QueuedCall call = request;
  std::byte* copy = make_room(lock, stream, arguments.bytes());
  const bool is_front = stream->calls.empty();
  if (is_front) stream->route = stream->wanted_route;
  push(*stream, call, arguments, copy);
  if (!at_once && stream->route == CallRoute::queued) {
    const int failure = tell_failure(*stream);
    lock.unlock();
    if (is_front) woken();  // behind another one it changes nothing of what may go now
    return failure;
  }
  Awaited awaited{call.sequence};
  stream->awaited.push_back(&awaited);
  drain(lock, stream, call.sequence, Haste::patient);
  std::erase(stream->awaited, &awaited);
  return awaited.code != 0 ? awaited.code : tell_failure(*stream);
}

// What cannot be kept goes at once, after everything else.
int CallQueues::call_directly(QueuedCall call, const CallArguments& arguments) {
  call.sequence = last_sequence_.fetch_add(1, std::memory_order_relaxed) + 1;
  std::vector<std::byte> packed;
  if (arguments.layout != nullptr) {
    packed.resize(arguments.layout->bytes());
    arguments.layout->pack(arguments.values, packed.data());
    call.arguments = packed.data();
  } else {
    call.arguments = arguments.packed.data;
  }
  call.argument_bytes = arguments.bytes();
  for (;;) {
    const CallDriver::Answer answer = driver_.submit(call, true);
    if (answer.done) return answer.code;
    if (!answer.moved) std::this_thread::sleep_for(kAskAgain);
  }
}

// Whoever calls may hold what the GPU's work needs to go on: the wait for room ends, as the driver's own would not.
std::byte* CallQueues::make_room(Lock& lock, const StreamPtr& stream, std::uint32_t argument_bytes) {
  for (;;) {
    if (!stream->calls.full()) {
      if (std::byte* piece = stream->arguments.take(argument_bytes)) return piece;
    }
    drain(lock, stream, stream->calls.front().sequence, Haste::patient);
  }
}

void CallQueues::push(Stream& stream, QueuedCall& call, const CallArguments& arguments, std::byte* copy) {
  call.argument_bytes = arguments.bytes();
  call.arguments = copy;
  if (arguments.layout != nullptr) arguments.layout->pack(arguments.values, copy);
  else if (arguments.packed.bytes > 0) std::memcpy(copy, arguments.packed.data, arguments.packed.bytes);
  call.sequence = last_sequence_.fetch_add(1, std::memory_order_relaxed) + 1;
  if (call.kind == CallKind::record) events_.record_called(call.object, {stream.id, call.sequence});
  if (call.kind == CallKind::wait) events_.wait_called(call.object, {stream.id, call.sequence});
  stream.calls.push_back(call);
  waiting_.fetch_add(1, std::memory_order_release);
}

// The last call that must be submitted before the front of `stream`; empty: none.
std::optional<PendingCall> CallQueues::blocker(const Stream& stream) const {
  const QueuedCall& front = stream.calls.front();
  if (front.kind == CallKind::record || front.kind == CallKind::wait) {
    const auto before = events_.before(front.object, front.sequence, front.kind == CallKind::record);
    if (before) return before;
  }
  return across_default_stream(stream, front.sequence);
}

// Of what the legacy default stream and the blocking ones wait for of each other.
std::optional<PendingCall> CallQueues::across_default_stream(const Stream& stream, std::uint64_t sequence) const {
  if (stream.kind == StreamKind::blocking && legacy_ != nullptr && legacy_->has_before(sequence))
    return PendingCall{legacy_->id, sequence - 1};
  if (stream.kind != StreamKind::legacy) return std::nullopt;
  for (const auto& [id, other] : streams_)
    if (other->kind == StreamKind::blocking && other->has_before(sequence)) return PendingCall{id, sequence - 1};
  return std::nullopt;
}

// Each step goes from a call to one made earlier, or submits one, so this ends.
void CallQueues::drain(Lock& lock, const StreamPtr& wanted, std::uint64_t wanted_until, Haste haste) {
  if (!wanted->has_until(wanted_until)) return;
  Patience patience(haste == Haste::urgent ? std::chrono::nanoseconds{0} : limits_.patience, moves_);
  std::vector<std::pair<StreamPtr, std::uint64_t>> needed{{wanted, wanted_until}};
  while (!needed.empty()) {
    const auto [stream, until] = needed.back();
    if (stream == nullptr || !stream->has_until(until)) {
      needed.pop_back();
    } else if (stream->submitting) {
      changed_.wait(lock);
    } else if (const auto before = blocker(*stream)) {
      needed.emplace_back(find(before->stream), before->sequence);
    } else if (!step(lock, *stream, patience.is_over(moves_))) {
      changed_.wait_for(lock, kAskAgain);
    }
  }
  if (waiting() == 0) return;
  // What came behind it meanwhile has told nobody.
  news_.fetch_add(1, std::memory_order_seq_cst);
  if (dispatcher_sleeps_.load(std::memory_order_seq_cst)) work_.notify_all();
}

// Gives the front to the driver, without the lock. True if it has it, or a part of it.
bool CallQueues::step(Lock& lock, Stream& stream, bool urgent) {
  const QueuedCall call = stream.calls.front();
  stream.submitting = true;
  lock.unlock();
  const CallDriver::Answer answer = driver_.submit(call, urgent);
  take(lock);
  stream.submitting = false;
  const bool moved = answer.done || answer.moved;
  if (moved) ++moves_;
  if (answer.done) finished(stream, call, answer.code);
  changed_.notify_all();
  return moved;
}

void CallQueues::finished(Stream& stream, const QueuedCall& call, int code) {
  stream.calls.pop_front();
  stream.arguments.give_back(call.argument_bytes);
  if (call.kind == CallKind::record || call.kind == CallKind::wait) events_.submitted(call.object, call.sequence);
  waiting_.fetch_sub(1, std::memory_order_release);
  const auto heard = std::find_if(stream.awaited.begin(), stream.awaited.end(),
                                  [&](const Awaited* a) { return a->sequence == call.sequence; });
  if (heard != stream.awaited.end()) (*heard)->code = code;
  else if (code != 0 && std::exchange(stream.failure, code) == 0) failures_.fetch_add(1, std::memory_order_release);
}

int CallQueues::tell_failure(Stream& stream) {
  if (stream.failure != 0) failures_.fetch_sub(1, std::memory_order_release);
  return std::exchange(stream.failure, 0);
}

std::vector<CallQueues::StreamPtr> CallQueues::all_streams() const {
  std::vector<StreamPtr> all;
  for (const auto& [id, stream] : streams_) all.push_back(stream);
  return all;
}

void CallQueues::submit_stream(std::uint64_t stream, Haste haste) {
  if (waiting() == 0) return;
  Lock lock(mutex_);
  const StreamPtr known = find(stream), legacy = legacy_;
  if (known == nullptr || known->kind == StreamKind::legacy) {
    lock.unlock();
    return submit_all(haste);
  }
  const std::uint64_t until = last_sequence();
  // Whatever follows on a blocking stream comes after what the legacy one has.
  if (known->kind == StreamKind::blocking && legacy != nullptr) drain(lock, legacy, until, haste);
  drain(lock, known, until, haste);
}

void CallQueues::submit_event(std::uint64_t event, bool waits_too, Haste haste) {
  if (waiting() == 0) return;
  Lock lock(mutex_);
  const auto last = waits_too ? events_.latest(event) : events_.latest_record(event);
  if (!last) return;
  if (const StreamPtr stream = find(last->stream)) drain(lock, stream, last->sequence, haste);
}

void CallQueues::submit_all(Haste haste) {
  if (waiting() == 0) return;
  Lock lock(mutex_);
  const std::uint64_t until = last_sequence();
  for (const StreamPtr& stream : all_streams()) drain(lock, stream, until, haste);
}

bool CallQueues::waits(std::uint64_t stream) const {
  if (waiting() == 0) return false;
  const std::lock_guard lock(mutex_);
  const StreamPtr known = find(stream);
  return known != nullptr && !known->calls.empty();
}

bool CallQueues::record_waits(std::uint64_t event) const {
  if (waiting() == 0) return false;
  const std::lock_guard lock(mutex_);
  return events_.latest_record(event).has_value();
}

bool CallQueues::is_clear(std::uint64_t stream, std::uint64_t event) const {
  if (waiting() == 0) return true;
  const Lock lock = taken(mutex_);
  const StreamPtr known = find(stream);
  if (known == nullptr || !known->calls.empty() || (event != 0 && events_.latest(event))) return false;
  return !across_default_stream(*known, last_sequence() + 1);
}

int CallQueues::take_failure(std::uint64_t stream) {
  if (!has_failures()) return 0;
  const std::lock_guard lock(mutex_);
  const StreamPtr known = find(stream);
  return known == nullptr ? 0 : tell_failure(*known);
}

bool CallQueues::dispatch() {
  if (waiting() == 0) return false;
  Lock lock = taken(mutex_);
  std::vector<StreamPtr> all = std::exchange(round_, {});
  for (const auto& [id, stream] : streams_)
    if (!stream->calls.empty()) all.push_back(stream);
  bool moved = false;
  for (const StreamPtr& stream : all) {
    const bool ready = !stream->calls.empty() && !stream->submitting && !blocker(*stream);
    if (ready) moved |= step(lock, *stream, false);
  }
  all.clear();
  round_ = std::move(all);
  return moved;
}

void CallQueues::woken() {
  news_.fetch_add(1, std::memory_order_seq_cst);
  if (!dispatcher_sleeps_.load(std::memory_order_seq_cst)) return;
  (void)taken(mutex_);  // it sleeps, or sees the news
  work_.notify_all();
}

void CallQueues::poke() { woken(); }

std::uint64_t CallQueues::wait_for_work(std::uint64_t seen, std::chrono::nanoseconds longest) {
  const auto news = [&] { return news_.load(std::memory_order_seq_cst) != seen; };
  // What waits and may not go now does so for long; what comes next comes soon.
  for (int spin = 0; spin < kSpins && waiting() == 0; ++spin) {
    if (news()) return news_.load(std::memory_order_seq_cst);
    std::this_thread::yield();
  }
  Lock lock(mutex_);
  dispatcher_sleeps_.store(true, std::memory_order_seq_cst);
  work_.wait_for(lock, longest, news);
  dispatcher_sleeps_.store(false, std::memory_order_seq_cst);
  return news_.load(std::memory_order_seq_cst);
}

}  // namespace lithos::cuda
