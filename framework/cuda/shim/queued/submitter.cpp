// SPDX-License-Identifier: Apache-2.0
#include "cuda/shim/queued/submitter.hpp"

#include <array>
#include <vector>

#include "cuda/shim/process.hpp"
#include "cuda/shim/queued/queueing.hpp"
#include "cuda/shim/queued/trampolines.hpp"
#include "cuda/shim/queued/unrolled_graph.hpp"

namespace lithos::cuda::shim {
namespace {

// The call's context is current while it is submitted; then again what was.
class InContext {
 public:
  explicit InContext(std::uint64_t wanted) : before_(current_context()), changed_(wanted != 0 && wanted != before_) {
    if (changed_) set(wanted);
  }
  ~InContext() {
    // The dispatcher has none of its own: it keeps what it has.
    if (changed_ && !is_dispatcher()) set(before_);
  }
  InContext(const InContext&) = delete;
  InContext& operator=(const InContext&) = delete;

 private:
  static void set(std::uint64_t context) {
    if (driver().cuCtxSetCurrent != nullptr) driver().cuCtxSetCurrent(reinterpret_cast<CUcontext>(context));
  }
  std::uint64_t before_;
  bool changed_;
};

// A kernel's arguments as the driver takes them, from the copy.
class Arguments {
 public:
  Arguments(const QueuedCall& call, const std::byte* packed, std::size_t bytes) : bytes_(bytes) {
    const auto* const layout = reinterpret_cast<const ParameterLayout*>(call.words[KernelWords::layout]);
    auto* const data = const_cast<std::byte*>(packed);
    if (layout == nullptr) {
      extra_ = {CU_LAUNCH_PARAM_BUFFER_POINTER, data, CU_LAUNCH_PARAM_BUFFER_SIZE, &bytes_, CU_LAUNCH_PARAM_END};
      return;
    }
    if (layout->count() > few_.size()) many_.resize(layout->count());
    values_ = many_.empty() ? few_.data() : many_.data();
    layout->point_into(data, values_);
  }
  Arguments(const Arguments&) = delete;
  Arguments& operator=(const Arguments&) = delete;
  void** values() { return values_; }
  void** extra() { return values_ == nullptr ? extra_.data() : nullptr; }

 private:
  std::size_t bytes_;
  std::array<void*, 5> extra_{};
  std::array<void*, 48> few_;
  std::vector<void*> many_;
  void** values_ = nullptr;
};

CUresult launch_as_it_is(const QueuedCall& call) {
  const auto count = static_cast<unsigned>(call.words[KernelWords::attributes]);
  const std::size_t before = count * sizeof(CUlaunchAttribute);
  Arguments arguments(call, call.arguments + before, call.argument_bytes - before);
  const auto function = reinterpret_cast<CUfunction>(call.object);
  const auto stream = reinterpret_cast<CUstream>(call.words[KernelWords::stream]);
  const Dim3 &g = call.grid, &b = call.block;
  if (count == 0)
    return driver().cuLaunchKernel(function, g.x, g.y, g.z, b.x, b.y, b.z, call.shared_bytes, stream,
                                   arguments.values(), arguments.extra());
  auto* const attributes = reinterpret_cast<CUlaunchAttribute*>(const_cast<std::byte*>(call.arguments));
  const CUlaunchConfig config{g.x, g.y, g.z, b.x, b.y, b.z, call.shared_bytes, stream, attributes, count};
  return driver().cuLaunchKernelEx(&config, function, arguments.values(), arguments.extra());
}

}  // namespace

Submitter::Front& Submitter::front_of(const QueuedCall& call) {
  const std::lock_guard lock(mutex_);
  Front& front = fronts_[call.stream];
  if (front.sequence != call.sequence) front.go_on(call.sequence, 0);
  return front;
}

// The nodes one after another, each as if it were the front by itself. One that the driver refuses ends the graph.
CallDriver::Answer Submitter::submit_graph(ThreadState* thread, const QueuedCall& call, bool urgent) {
  const auto& graph = *reinterpret_cast<const UnrolledGraph*>(call.object);
  Front& front = front_of(call);
  const Answer answer = submit_one(thread, graph.node(front.node, call), urgent);
  if (!answer.done || answer.code != 0) return answer;
  const std::size_t next = front.node + 1;
  if (next == graph.nodes.size()) return answer;
  front.go_on(call.sequence, next);
  return {false, 0, true};
}

CallDriver::Answer Submitter::submit(const QueuedCall& call, bool urgent) {
  ThreadState* const thread = thread_state();
  const InContext context(call.context);
  if (thread == nullptr && !urgent) return {false};  // the thread is ending: somebody else's turn
  return call.kind == CallKind::graph ? submit_graph(thread, call, urgent) : submit_one(thread, call, urgent);
}

CallDriver::Answer Submitter::submit_one(ThreadState* thread, const QueuedCall& call, bool urgent) {
  if (thread == nullptr) {  // it is ending
    if (call.kind != CallKind::kernel) return {true, invoke(static_cast<unsigned>(call.flags), call.words)};
    if (front_of(call).parts.context != nullptr) return {false};  // a part may have gone: the others are for who can send parts
    return {true, launch_as_it_is(call)};
  }
  const Inside inside(*thread);
  if (call.kind == CallKind::kernel) return submit_kernel(*thread, call, urgent);
  return {true, invoke(static_cast<unsigned>(call.flags), call.words)};
}

CallDriver::Answer Submitter::submit_kernel(ThreadState& thread, const QueuedCall& call, bool urgent) {
  follow_epoch(thread);
  follow_context(thread);
  const Operator& op = *reinterpret_cast<const Operator*>(call.words[KernelWords::op]);
  const auto stream = reinterpret_cast<CUstream>(call.words[KernelWords::stream]);
  const auto driver_call = [&] { return launch_as_it_is(call); };
  if (thread.decider == nullptr) return {true, driver_call()};
  Front& front = front_of(call);
  const bool later_part = front.parts.context != nullptr;
  // Not now, or never on this thread: then it is somebody else's turn.
  if (later_part && !has_slot(thread)) return {false};
  if (!urgent && op.info.cuttable && thread.has_slots && !has_slot(thread)) return {false};
  const Nanoseconds now = host_now();
  front.prepared.report.queue = queue_of(thread, stream).queue - 1;
  front.prepared.report.context = front.last;
  if (!decide_now(thread, op, urgent, now, front.stuck_since, front.prepared)) return {false};
  if (urgent) thread.counters.add(Count::hurried);
  // Parts wait for each other's place in the lease; who is in a hurry has no use for that.
  if (!later_part && !urgent && has_slot(thread)) front.parts = parts_of(thread, op, stream, front.prepared.decision.verdict);
  if (front.parts.context == nullptr) {
    run_whole(front.prepared, op.info);
    front.last = op.context;
    return {true, lithos::cuda::shim::submit(thread, op, stream, now, front.prepared, nullptr, driver_call)};
  }
  const PartSent sent = send_part(thread, op, stream, now, front.prepared, front.parts, driver_call);
  if (!sent.more) front.last = op.context;
  return {!sent.more, sent.result, sent.more};
}

}  // namespace lithos::cuda::shim
