// SPDX-License-Identifier: Apache-2.0
#include "cuda/queue/call_queues.hpp"

#include <algorithm>
#include <cstring>
#include <thread>

namespace lithos::cuda {
namespace {

constexpr std::chrono::microseconds kAskAgain{50};  // of a driver that cannot take even an urgent call yet
constexpr int kSpins = 200;  // before the dispatcher sleeps: waking it costs its waker 1–2 µs (hardware.md §10)

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
  drain(lock, known, last_sequence());
  if (known == legacy_) legacy_ = nullptr;
  const auto found = streams_.find(stream);
  if (found != streams_.end() && found->second == known) streams_.erase(found);
}

void CallQueues::set_route(std::uint64_t stream, CallRoute route) {
  const std::lock_guard lock(mutex_);
  if (const StreamPtr known = find(stream)) known->wanted_route = route;
}

int CallQueues::call(const QueuedCall& request, const CallArguments& arguments, bool at_once) {
  Lock lock(mutex_);
  const StreamPtr stream = find(request.stream);
  const bool too_large = stream != nullptr && arguments.bytes() > limits_.argument_bytes;
  if (stream == nullptr || too_large) {
    lock.unlock();
    submit_all();
    return call_directly(request, arguments);
  }
  QueuedCall call = request;
  std::byte* copy = make_room(lock, stream, arguments.bytes());
  if (stream->calls.empty()) stream->route = stream->wanted_route;
  push(*stream, call, arguments, copy);
  if (!at_once && stream->route == CallRoute::queued) {
    const int failure = std::exchange(stream->failure, 0);
    lock.unlock();
    woken();
    return failure;
  }
  Awaited awaited{call.sequence};
  stream->awaited.push_back(&awaited);
  drain(lock, stream, call.sequence);
  std::erase(stream->awaited, &awaited);
  return awaited.code != 0 ? awaited.code : std::exchange(stream->failure, 0);
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
    std::this_thread::sleep_for(kAskAgain);
  }
}

// A full queue is submitted rather than waited for: whoever calls may hold what the GPU's work needs to go on.
std::byte* CallQueues::make_room(Lock& lock, const StreamPtr& stream, std::uint32_t argument_bytes) {
  for (;;) {
    if (!stream->calls.full()) {
      if (std::byte* piece = stream->arguments.take(argument_bytes)) return piece;
    }
    drain(lock, stream, last_sequence());
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
  if (stream.kind == StreamKind::blocking && legacy_ != nullptr && legacy_->has_before(front.sequence))
    return PendingCall{legacy_->id, front.sequence - 1};
  if (stream.kind != StreamKind::legacy) return std::nullopt;
  for (const auto& [id, other] : streams_)
    if (other->kind == StreamKind::blocking && other->has_before(front.sequence))
      return PendingCall{id, front.sequence - 1};
  return std::nullopt;
}

// Each step goes from a call to one made earlier, or submits one, so this ends.
void CallQueues::drain(Lock& lock, const StreamPtr& wanted, std::uint64_t wanted_until) {
  if (!wanted->has_until(wanted_until)) return;
  std::vector<std::pair<StreamPtr, std::uint64_t>> needed{{wanted, wanted_until}};
  while (!needed.empty()) {
    const auto [stream, until] = needed.back();
    if (stream == nullptr || !stream->has_until(until)) {
      needed.pop_back();
    } else if (stream->submitting) {
      changed_.wait(lock);
    } else if (const auto before = blocker(*stream)) {
      needed.emplace_back(find(before->stream), before->sequence);
    } else if (!step(lock, *stream, true)) {
      changed_.wait_for(lock, kAskAgain);
    }
  }
}

// Gives the front to the driver, without the lock. True if the driver has all of it.
bool CallQueues::step(Lock& lock, Stream& stream, bool urgent) {
  const QueuedCall call = stream.calls.front();
  stream.submitting = true;
  lock.unlock();
  const CallDriver::Answer answer = driver_.submit(call, urgent);
  lock.lock();
  stream.submitting = false;
  if (answer.done) finished(stream, call, answer.code);
  changed_.notify_all();
  return answer.done;
}

void CallQueues::finished(Stream& stream, const QueuedCall& call, int code) {
  stream.calls.pop_front();
  stream.arguments.give_back(call.argument_bytes);
  if (call.kind == CallKind::record || call.kind == CallKind::wait) events_.submitted(call.object, call.sequence);
  waiting_.fetch_sub(1, std::memory_order_release);
  const auto heard = std::find_if(stream.awaited.begin(), stream.awaited.end(),
                                  [&](const Awaited* a) { return a->sequence == call.sequence; });
  if (heard != stream.awaited.end()) (*heard)->code = code;
  else if (code != 0 && stream.failure == 0) stream.failure = code;
}

void CallQueues::submit_stream(std::uint64_t stream) {
  if (waiting() == 0) return;
  Lock lock(mutex_);
  const StreamPtr known = find(stream);
  const bool everything = known == nullptr || known->kind == StreamKind::legacy;
  if (!everything) return drain(lock, known, last_sequence());
  lock.unlock();
  submit_all();
}

void CallQueues::submit_event(std::uint64_t event, bool waits_too) {
  if (waiting() == 0) return;
  Lock lock(mutex_);
  const auto last = waits_too ? events_.latest(event) : events_.latest_record(event);
  if (!last) return;
  if (const StreamPtr stream = find(last->stream)) drain(lock, stream, last->sequence);
}

void CallQueues::submit_all() {
  if (waiting() == 0) return;
  Lock lock(mutex_);
  const std::uint64_t until = last_sequence();
  std::vector<StreamPtr> all;
  for (const auto& [id, stream] : streams_) all.push_back(stream);
  for (const StreamPtr& stream : all) drain(lock, stream, until);
}

bool CallQueues::dispatch() {
  if (waiting() == 0) return false;
  Lock lock(mutex_);
  std::vector<StreamPtr> all;
  for (const auto& [id, stream] : streams_)
    if (!stream->calls.empty()) all.push_back(stream);
  bool moved = false;
  for (const StreamPtr& stream : all) {
    const bool ready = !stream->calls.empty() && !stream->submitting && !blocker(*stream);
    if (ready) moved |= step(lock, *stream, false);
  }
  return moved;
}

void CallQueues::woken() {
  news_.fetch_add(1, std::memory_order_seq_cst);
  if (!dispatcher_sleeps_.load(std::memory_order_seq_cst)) return;
  const std::lock_guard lock(mutex_);
  work_.notify_all();
}

void CallQueues::poke() { woken(); }

std::uint64_t CallQueues::wait_for_work(std::uint64_t seen, std::chrono::nanoseconds longest) {
  const auto news = [&] { return news_.load(std::memory_order_seq_cst) != seen; };
  for (int spin = 0; spin < kSpins; ++spin) {
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
