// SPDX-License-Identifier: Apache-2.0
// A graph launch of the program whose nodes may wait one by one. It is one call of its stream's queue, which Submitter gives to the driver
// node after node: nothing of another thread gets between them, and it takes one place however large it is.
#include <algorithm>

#include "cuda/shim/queued/gate.hpp"
#include "cuda/shim/queued/queueing.hpp"
#include "cuda/shim/queued/trampolines.hpp"
#include "cuda/shim/queued/unrolled_graph.hpp"
#include "cuda/shim/quiet.hpp"
#include "cuda/shim/submission.hpp"

namespace lithos::cuda::shim {
namespace {

CUstream one_name(CUstream stream) { return stream == CU_STREAM_LEGACY ? nullptr : stream; }

// The queue that it joins; empty: it goes whole.
std::optional<std::uint64_t> queue_for(Queueing& queueing, const ThreadState& thread, const UnrolledGraph* graph, CUstream stream) {
  if (graph == nullptr || graph->nodes.empty() || !graph->is_alive() || !queueing.may_wait() || thread.decider == nullptr) return std::nullopt;
  if (thread.context != graph->context) return std::nullopt;
  const auto queue = queueing.stream(stream, true);
  return thread.context == queueing.context() ? queue : std::nullopt;
}

// Whether a launch there would come after the last one anyway.
bool follows_by_itself(const UnrolledGraph& graph, CUstream stream, const Queueing& queueing) {
  return !graph.launched || graph.last == UnrolledGraph::Place{one_name(stream), queueing.streams_version()};
}

// The first launch of a function and shape goes through before it returns, and so does a graph that has one.
bool is_warm(UnrolledGraph& graph) {
  const auto is_known = [](const QueuedCall& call) {
    return call.kind != CallKind::kernel || reinterpret_cast<const Operator*>(call.words[KernelWords::op])->warm.load(std::memory_order_relaxed);
  };
  if (!graph.warm) graph.warm = std::all_of(graph.nodes.begin(), graph.nodes.end(), is_known);
  return graph.warm;
}

struct Target {
  CallQueues& queues;
  std::uint64_t queue;
  CUstream stream;
};

QueuedCall call_there(const Target& to, CallKind kind, const void* object, std::uint64_t context) {
  QueuedCall call;
  call.kind = kind;
  call.stream = to.queue;
  call.context = context;
  call.object = reinterpret_cast<std::uint64_t>(object);
  return call;
}

int wait_for_last(const Target& to, const UnrolledGraph& graph) {
  static const unsigned number = number_of("cuStreamWaitEvent");
  QueuedCall call = call_there(to, CallKind::wait, graph.over, graph.context);
  call.flags = number;
  call.words[0] = reinterpret_cast<std::uint64_t>(to.stream);
  call.words[1] = call.object;
  return to.queues.call(call);
}

int mark_its_end(const Target& to, const UnrolledGraph& graph) {
  static const unsigned number = number_of("cuEventRecord");
  QueuedCall call = call_there(to, CallKind::record, graph.over, graph.context);
  call.flags = number;
  call.words[0] = call.object;
  call.words[1] = reinterpret_cast<std::uint64_t>(to.stream);
  return to.queues.call(call);
}

int launch_nodes(const Target& to, UnrolledGraph& graph) {
  QueuedCall call = call_there(to, CallKind::graph, &graph, graph.context);
  call.words[KernelWords::stream] = reinterpret_cast<std::uint64_t>(to.stream);
  return to.queues.call(call, {}, !is_warm(graph));
}

// Whole, but behind what went node by node.
void wait_before_whole(const UnrolledGraph& graph, CUstream stream, const Queueing& queueing) {
  if (!graph.last_by_nodes || !graph.is_alive() || follows_by_itself(graph, stream, queueing) || is_capturing(stream)) return;
  driver().cuStreamWaitEvent(stream, graph.over, 0);
}

}  // namespace

std::optional<CUresult> queue_graph(ThreadState& thread, UnrolledGraph* graph, CUstream stream) {
  Queueing* const queueing = Queueing::instance();
  if (queueing == nullptr) return std::nullopt;
  const Inside inside(thread);
  follow_context(thread);
  CallQueues& queues = queueing->queues();
  const auto queue = queue_for(*queueing, thread, graph, stream);
  if (!queue) {
    queues.submit_all(Haste::patient);
    if (graph != nullptr) wait_before_whole(*graph, stream, *queueing);
    return std::nullopt;
  }
  if (const int failure = queues.take_failure(*queue)) return static_cast<CUresult>(failure);
  const Target to{queues, *queue, stream};
  const int waited = follows_by_itself(*graph, stream, *queueing) ? 0 : wait_for_last(to, *graph);
  const int went = launch_nodes(to, *graph);
  const int marked = mark_its_end(to, *graph);
  graph->last = {one_name(stream), queueing->streams_version()};
  graph->launched = graph->last_by_nodes = true;
  for (const Count what : {Count::launches, Count::queued, Count::graph_kernels}) thread.counters.add(what, graph->kernels);
  thread.counters.add(Count::graph_unrolled);
  return static_cast<CUresult>(waited != 0 ? waited : went != 0 ? went : marked);
}

void graph_went_whole(ThreadState& thread, UnrolledGraph& graph, CUstream stream) {
  const Inside inside(thread);
  if (is_capturing(stream)) return;  // it becomes part of another graph
  graph.last = {};
  graph.launched = true;
  graph.last_by_nodes = false;
  // From here on, should the next one go node by node.
  if (!graph.nodes.empty() && graph.is_alive()) driver().cuEventRecord(graph.over, stream);
}

}  // namespace lithos::cuda::shim
