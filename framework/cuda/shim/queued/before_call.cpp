// SPDX-License-Identifier: Apache-2.0
// What a trampoline asks: may the call go on, after what has been submitted for it, or is it answered here?
#include <string_view>

#include "cuda/queue/driver_calls.hpp"
#include "cuda/shim/graphs.hpp"
#include "cuda/shim/process.hpp"
#include "cuda/shim/queued/actions.hpp"
#include "cuda/shim/queued/gate.hpp"
#include "cuda/shim/queued/queueing.hpp"
#include "cuda/shim/queued/trampolines.hpp"
#include "cuda/shim/quiet.hpp"

namespace lithos::cuda::shim {
namespace {

constexpr BeforeCall kGo{1, 0};
constexpr BeforeCall answer(int code) { return {0, static_cast<std::uint64_t>(code)}; }

struct Asked {
  Queueing& queueing;
  ThreadState& thread;
  const Action& action;
  unsigned index;
  const std::uint64_t* integers;

  CallQueues& queues() const { return queueing.queues(); }
  CUstream stream() const {
    const auto given = reinterpret_cast<CUstream>(integers[action.stream]);
    return given == nullptr && action.per_thread ? CU_STREAM_PER_THREAD : given;
  }
  std::uint64_t event() const { return integers[action.event]; }
};

BeforeCall all(const Asked& asked, Haste haste) {
  asked.queues().submit_all(haste);
  return kGo;
}

BeforeCall stream_first(const Asked& asked) {
  const auto stream = asked.queueing.stream(asked.stream());
  if (!stream) return all(asked, Haste::patient);
  asked.queues().submit_stream(*stream, Haste::patient);
  const int failure = asked.queues().take_failure(*stream);
  return failure == 0 ? kGo : answer(failure);
}

CallKind kind_of(ActionKind kind) {
  switch (kind) {
    case ActionKind::record: return CallKind::record;
    case ActionKind::wait: return CallKind::wait;
    default: return CallKind::copy;
  }
}

// Where nothing of it waits it goes on: no detour, and errors show where they belong.
BeforeCall join(const Asked& asked) {
  const bool of_event = asked.action.kind == ActionKind::record || asked.action.kind == ActionKind::wait;
  const std::uint64_t event = of_event ? asked.event() : 0;
  const auto stream = asked.queueing.stream(asked.stream());
  if (!stream || !asked.queueing.may_wait()) return all(asked, Haste::patient);
  if (const int failure = asked.queues().take_failure(*stream)) return answer(failure);
  if (asked.queues().is_clear(*stream, event)) return kGo;
  QueuedCall call;
  call.kind = kind_of(asked.action.kind);
  call.stream = *stream;
  call.context = asked.queueing.context();
  call.object = event;
  call.flags = asked.index;
  for (unsigned i = 0; i < 6; ++i) call.words[i] = asked.integers[i];
  asked.thread.counters.add(Count::queued_calls);
  return answer(asked.queues().call(call));
}

// Pageable memory is read before the call returns; what goes from host to host is copied by then.
BeforeCall join_if_pinned(const Asked& asked) {
  return copy_may_wait(asked.integers[0], asked.integers[1]) ? join(asked) : stream_first(asked);
}

BeforeCall query_stream(const Asked& asked) {
  const auto stream = asked.queueing.stream(asked.stream());
  if (!stream) return all(asked, Haste::patient);
  if (const int failure = asked.queues().take_failure(*stream)) return answer(failure);
  const bool legacy = asked.stream() == nullptr || asked.stream() == CU_STREAM_LEGACY;
  const bool waits = legacy ? !asked.queues().is_clear(*stream) : asked.queues().waits(*stream);
  return waits ? answer(CUDA_ERROR_NOT_READY) : kGo;
}

BeforeCall begin_capture(const Asked& asked) {
  asked.queueing.capture_begins(asked.stream());
  asked.queues().submit_all(Haste::patient);
  const CUresult result = invoke(asked.index, asked.integers);
  if (result != CUDA_SUCCESS) asked.queueing.capture_ended(asked.stream());
  return answer(result);
}

BeforeCall end_capture(const Asked& asked) {
  const CUresult result = invoke(asked.index, asked.integers);
  if (result == CUDA_SUCCESS || !is_capturing(asked.stream())) asked.queueing.capture_ended(asked.stream());
  return answer(result);
}

// Libraries set the same value before each launch.
BeforeCall set_attribute(const Asked& asked) {
  const std::uint64_t* const a = asked.integers;
  const DriverTable& calls = driver();
  int now = 0;
  bool same = false;
  if (asked.action.kind == ActionKind::set_function_attribute)
    same = calls.cuFuncGetAttribute != nullptr &&
           calls.cuFuncGetAttribute(&now, static_cast<CUfunction_attribute>(a[1]), reinterpret_cast<CUfunction>(a[0])) == CUDA_SUCCESS &&
           now == static_cast<int>(a[2]);
  else
    same = calls.cuKernelGetAttribute != nullptr &&
           calls.cuKernelGetAttribute(&now, static_cast<CUfunction_attribute>(a[0]), reinterpret_cast<CUkernel>(a[2]),
                                      static_cast<CUdevice>(a[3])) == CUDA_SUCCESS &&
           now == static_cast<int>(a[1]);
  return same ? kGo : all(asked, Haste::urgent);
}

// What its launches have queued was made of the graph as it was.
void change_graph(CallQueues& queues, std::uint64_t exec) {
  queues.submit_all(Haste::urgent);
  if (UnrolledGraph* const graph = unrolled_form(reinterpret_cast<CUgraphExec>(exec))) graph_changes(*graph);
}

BeforeCall if_not_ready(bool waits) { return waits ? answer(CUDA_ERROR_NOT_READY) : kGo; }

// Only while something waits, or where it changes what the queues know.
BeforeCall decide(const Asked& asked) {
  CallQueues& queues = asked.queues();
  switch (asked.action.kind) {
    case ActionKind::pass: return kGo;
    case ActionKind::all_at_once: return all(asked, Haste::urgent);
    case ActionKind::all: return all(asked, Haste::patient);
    case ActionKind::stream: return stream_first(asked);
    case ActionKind::join:
    case ActionKind::record:
    case ActionKind::wait: return join(asked);
    case ActionKind::join_if_pinned: return join_if_pinned(asked);
    case ActionKind::stream_query: return query_stream(asked);
    case ActionKind::event_query: return if_not_ready(queues.record_waits(asked.event()));
    case ActionKind::event_elapsed:
      return if_not_ready(queues.record_waits(asked.integers[1]) || queues.record_waits(asked.integers[2]));
    case ActionKind::event_wait: return queues.submit_event(asked.event(), false, Haste::patient), kGo;
    case ActionKind::event_end: return queues.submit_event(asked.event(), true), kGo;
    case ActionKind::begin_capture: return begin_capture(asked);
    case ActionKind::end_capture: return end_capture(asked);
    case ActionKind::set_function_attribute:
    case ActionKind::set_kernel_attribute: return set_attribute(asked);
    case ActionKind::end_stream: return asked.queueing.stream_ends(asked.stream()), kGo;
    case ActionKind::end_context: return asked.queueing.context_ends(), kGo;
    case ActionKind::change_graph: return change_graph(queues, asked.integers[0]), kGo;
    case ActionKind::graph_owns: return graphs_own_objects(), kGo;
    case ActionKind::share_event: return asked.queueing.end("shares an event with other processes", "this program"), kGo;
  }
  return kGo;
}

bool concerns_nobody(ActionKind kind, const CallQueues& queues) {
  switch (kind) {
    case ActionKind::begin_capture:
    case ActionKind::end_capture:
    case ActionKind::end_stream:
    case ActionKind::end_context:
    case ActionKind::change_graph:
    case ActionKind::graph_owns:
    case ActionKind::share_event: return false;
    default: return queues.waiting() == 0 && !queues.has_failures();
  }
}

// Nobody need be asked before it: it means nothing to what waits, or launch.cpp asks for itself.
bool is_known_to_be_free(const char* symbol) {
  const DriverCall* const call = find_driver_call(symbol);
  return call != nullptr && (call->call_class == CallClass::harmless || call->call_class == CallClass::launch ||
                             call->call_class == CallClass::resolve);
}

}  // namespace

void* before_which(const char* symbol, void* function) {
  void* best = nullptr;
  const std::string_view wanted = symbol;
  for (unsigned i = 0; i < exported_calls().size(); ++i) {
    if (target(i) != function) continue;
    const bool named = std::string_view(exported_calls()[i]).starts_with(wanted);
    if (best == nullptr || named) best = trampoline(i);
    if (named) break;
  }
  if (best == nullptr && !is_known_to_be_free(symbol)) Queueing::meet_stranger(symbol);
  return best != nullptr ? best : function;
}

}  // namespace lithos::cuda::shim

using namespace lithos::cuda::shim;

BeforeCall lithos_before_call(std::uint64_t index, const SavedArguments* saved) {
  Queueing* const queueing = Queueing::instance();
  if (queueing == nullptr) return kGo;
  const Action& what = action(static_cast<unsigned>(index));
  if (concerns_nobody(what.kind, queueing->queues())) return kGo;
  ThreadState* const thread = managing_thread();
  if (thread == nullptr) {
    // A call of the driver's own, or the process is not managed; or of a thread that is ending and has nothing left to manage it by.
    if (!Process::instance().active() || thread_state() != nullptr) return kGo;
    if (what.kind == ActionKind::change_graph) change_graph(queueing->queues(), saved->integers[0]);
    else queueing->queues().submit_all(lithos::cuda::Haste::urgent);
    return kGo;
  }
  const Inside inside(*thread);
  return decide({*queueing, *thread, what, static_cast<unsigned>(index), saved->integers});
}
