// SPDX-License-Identifier: Apache-2.0
#include "cuda/shim/graphs.hpp"

#include <algorithm>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "cuda/shim/annotations.hpp"
#include "cuda/shim/process.hpp"
#include "cuda/shim/queued/gate.hpp"
#include "cuda/shim/quiet.hpp"
#include "cuda/shim/submission.hpp"
#include "cuda/shim/tenancy.hpp"
#include "cuda/shim/thread_state.hpp"

namespace lithos::cuda::shim {
namespace {

constexpr std::uint32_t kLeavesTimedMax = 16;  // more leaves than this: the first ones stand for all
constexpr unsigned kDepthMax = 16;             // of child graphs

struct GraphBook {
  std::mutex mutex;
  std::unordered_map<CUgraphExec, GraphExec*> execs;
};
GraphBook& graph_book() {
  static GraphBook* const made = new GraphBook;
  return *made;
}

GraphExec* find(CUgraphExec exec) {
  GraphBook& all = graph_book();
  const std::lock_guard lock(all.mutex);
  const auto known = all.execs.find(exec);
  return known == all.execs.end() ? nullptr : known->second;
}

// ---- describing ------------------------------------------------------------------------------------------

// One is enough to know. The older function refuses edges that say more than "after" (programmatic launches).
bool has_followers(CUgraphNode node) {
  const DriverTable& calls = driver();
  CUgraphNode first = nullptr;
  CUgraphEdgeData edge{};
  std::size_t count = 1;
  if (calls.cuGraphNodeGetDependentNodes_v2 != nullptr)
    return calls.cuGraphNodeGetDependentNodes_v2(node, &first, &edge, &count) == CUDA_SUCCESS && count != 0;
  return calls.cuGraphNodeGetDependentNodes != nullptr &&
         calls.cuGraphNodeGetDependentNodes(node, nullptr, &count) == CUDA_SUCCESS && count != 0;
}

std::vector<CUgraphNode> nodes_of(CUgraph graph) {
  std::size_t count = 0;
  const DriverTable& calls = driver();
  if (calls.cuGraphGetNodes == nullptr || calls.cuGraphGetNodes(graph, nullptr, &count) != CUDA_SUCCESS) return {};
  std::vector<CUgraphNode> nodes(count);
  if (calls.cuGraphGetNodes(graph, nodes.data(), &count) != CUDA_SUCCESS) return {};
  nodes.resize(std::min(count, nodes.size()));
  return nodes;
}

LaunchKey key_of(const CUDA_KERNEL_NODE_PARAMS& node) {
  LaunchKey key;
  key.function =
      reinterpret_cast<std::uint64_t>(node.func != nullptr ? node.func : reinterpret_cast<CUfunction>(node.kern));
  key.grid = {node.gridDimX, node.gridDimY, node.gridDimZ};
  key.block = {node.blockDimX, node.blockDimY, node.blockDimZ};
  key.dynamic_shared_bytes = node.sharedMemBytes;
  return key;
}

void describe_kernel(CUgraphNode node, bool leaf, GraphExec& exec) {
  CUDA_KERNEL_NODE_PARAMS parameters{};
  const DriverTable& calls = driver();
  const Operator* op = nullptr;
  if (calls.cuGraphKernelNodeGetParams_v2 != nullptr &&
      calls.cuGraphKernelNodeGetParams_v2(node, &parameters) == CUDA_SUCCESS)
    op = describe_operator(key_of(parameters));
  if (op == nullptr) {
    exec.has_unknown = true;
    return;
  }
  exec.nodes.push_back({op, leaf});
}

void describe(CUgraph graph, bool last, unsigned depth, GraphExec& exec) {
  const DriverTable& calls = driver();
  for (CUgraphNode node : nodes_of(graph)) {
    CUgraphNodeType type{};
    if (calls.cuGraphNodeGetType == nullptr || calls.cuGraphNodeGetType(node, &type) != CUDA_SUCCESS) continue;
    const bool leaf = last && !has_followers(node);
    CUgraph child = nullptr;
    if (type == CU_GRAPH_NODE_TYPE_KERNEL) describe_kernel(node, leaf, exec);
    else if (type == CU_GRAPH_NODE_TYPE_CONDITIONAL) exec.has_unknown = true;
    else if (type == CU_GRAPH_NODE_TYPE_GRAPH && depth < kDepthMax && calls.cuGraphChildGraphNodeGetGraph != nullptr &&
             calls.cuGraphChildGraphNodeGetGraph(node, &child) == CUDA_SUCCESS)
      describe(child, leaf, depth + 1, exec);
  }
}

void give_slots_to_leaves(ThreadState& thread, GraphExec& exec) {
  const auto leaves = static_cast<std::uint32_t>(
      std::count_if(exec.nodes.begin(), exec.nodes.end(), [](const GraphExec::Node& node) { return node.leaf; }));
  CUcontext context = nullptr;
  if (leaves == 0 || driver().cuCtxGetCurrent == nullptr || driver().cuCtxGetCurrent(&context) != CUDA_SUCCESS) return;
  CompletionMemory& memory = Process::instance().tenancy()->completions();
  exec.slots_base = memory.device_base(reinterpret_cast<std::uint64_t>(context));
  const std::uint32_t wanted = std::min(leaves, kLeavesTimedMax);
  exec.first_slot = exec.slots_base == 0 ? ipc::RunPool::kNone : memory.take(wanted);
  if (exec.first_slot == ipc::RunPool::kNone) return;
  exec.slots = wanted;
  exec.generation = ++thread.next_generation;
  std::uint32_t next = 0;
  for (GraphExec::Node& node : exec.nodes)
    if (node.leaf && next < wanted) node.slot = 1 + exec.first_slot + next++;
  for (std::uint32_t i = 0; i < wanted; ++i) memory.slot(exec.first_slot + i) = {};
}

void retire(GraphExec* exec) {
  UnrolledGraph* const unrolled = std::exchange(exec->unrolled, nullptr);
  if constexpr (kQueued)
    if (unrolled != nullptr) graph_ends(unrolled);
  exec->release();
}

void remember(ThreadState& thread, CUgraphExec handle, CUgraph graph, unsigned long long flags) {
  const QuietCapture quiet;
  auto exec = std::make_unique<GraphExec>();
  describe(graph, true, 0, *exec);
  std::vector<const KernelInfo*> kernels;
  for (const GraphExec::Node& node : exec->nodes) kernels.push_back(&node.op->info);
  exec->info = make_graph_info("graph of " + std::to_string(kernels.size()), std::move(kernels));
  give_slots_to_leaves(thread, *exec);
  if constexpr (kQueued) exec->unrolled = unroll_graph(graph, flags);
  GraphBook& all = graph_book();
  GraphExec* before = nullptr;
  {
    const std::lock_guard lock(all.mutex);
    GraphExec*& known = all.execs[handle];
    before = std::exchange(known, exec.release());
  }
  if (before != nullptr) retire(before);  // destroyed behind our back
}

// ---- launching -------------------------------------------------------------------------------------------

void arm(ThreadState& thread, GraphExec* exec) {
  Armed& armed = thread.armed;
  armed.kind = Armed::Kind::graph;
  armed.graph = exec;
  armed.nodes = 0;
  armed.wish = {};
  TpcSet home;
  armed.wish.mask = thread.decider != nullptr && thread.decider->home(home);
  armed.wish.enabled = Process::instance().geometry().bits_of(home);
  if (exec == nullptr) return;
  if (armed.wish.mask) exec->baked = home;
  for (GraphExec::Node& node : exec->nodes) node.seen = false;
}

// Everything of an instantiate, upload or launch whose descriptors may come by.
template <class Call>
CUresult with_nodes(ThreadState& thread, GraphExec* exec, Call&& call) {
  const Inside inside(thread);
  arm(thread, exec);
  const CUresult result = call();
  thread.armed.kind = Armed::Kind::nothing;
  thread.counters.add(Count::graph_nodes, thread.armed.nodes);
  return result;
}

// `before_ns`: the leaves' newest time before the launch. The replay may end before its launch returns, when the thread was stopped in between.
void report(ThreadState& thread, GraphExec& exec, CUstream stream, std::uint64_t launch, std::uint64_t before_ns, Nanoseconds now) {
  Tenancy& tenancy = *Process::instance().tenancy();
  LaunchReport told;
  told.kind = LaunchReport::graph_submitted;
  told.kernel = reinterpret_cast<std::uint64_t>(&exec);
  told.launch = launch;
  told.queue = queue_of(thread, stream).queue - 1;  // the thread's own list has it from now on: a wait for the stream is noticed
  told.generation = before_ns;
  told.submitted_ns = to_u64(now);
  told.coverage = static_cast<std::uint8_t>(exec.baked.empty() ? Coverage::unmasked : Coverage::graph);
  thread.use(exec.baked.empty() ? tenancy.gpu().all() : exec.baked);
  told.tpcs = thread.tpc_sets.name();
  tenancy.report(thread, told);
}

template <class Call>
CUresult launch_graph(CUgraphExec handle, CUstream stream, Call&& call) {
  ThreadState* const thread = managing_thread();
  if (thread == nullptr) {
    AnnotatedRange range;
    range.passed_on(0, 0);
    return call();
  }
  thread->counters.add(Count::graph_launches);
  GraphExec* const exec = find(handle);
  UnrolledGraph* const unrolled = exec == nullptr ? nullptr : exec->unrolled;
  if constexpr (kQueued)
    if (const std::optional<CUresult> answered = queue_graph(*thread, unrolled, stream)) return *answered;
  const Nanoseconds now = host_now();
  Tenancy& tenancy = *Process::instance().tenancy();
  const std::uint64_t number = tenancy.raise_pressure(now);
  const std::uint64_t before_ns = exec == nullptr ? 0 : exec->newest_leaf_ns(tenancy.completions());
  const CUresult result = with_nodes(*thread, exec, call);
  if (result == CUDA_SUCCESS && exec != nullptr) thread->counters.add(Count::graph_kernels, exec->nodes.size());
  if constexpr (kQueued)
    if (result == CUDA_SUCCESS && unrolled != nullptr) graph_went_whole(*thread, *unrolled, stream);
  const bool flies = result == CUDA_SUCCESS && exec != nullptr && exec->slots != 0 && !is_capturing(stream);
  // A launch that nobody is told of may write into the slots at any time: they are never free again.
  if (flies) exec->users.fetch_add(1, std::memory_order_relaxed);
  if (flies && thread->reports.has_room()) report(*thread, *exec, stream, number, before_ns, now);
  else tenancy.never_flew();
  return result;
}

template <class Call>
CUresult upload_graph(CUgraphExec handle, Call&& call) {
  ThreadState* const thread = managing_thread();
  return thread == nullptr ? call() : with_nodes(*thread, find(handle), call);
}

// With the upload flag, descriptors come by inside the call, before there is an exec to name: they are judged by what
// stands in them.
template <class Call>
CUresult instantiate(CUgraphExec* handle, CUgraph graph, unsigned long long flags, Call&& call) {
  ThreadState* const thread = managing_thread();
  if (thread == nullptr) return call();
  const CUresult result = with_nodes(*thread, nullptr, call);
  if (result == CUDA_SUCCESS && handle != nullptr) {
    const Inside inside(*thread);
    remember(*thread, *handle, graph, flags);
  }
  return result;
}

unsigned long long flags_of(const CUDA_GRAPH_INSTANTIATE_PARAMS* parameters) { return parameters == nullptr ? 0 : parameters->flags; }

// ---- callback --------------------------------------------------------------------------------------------

GraphExec::Node* match(GraphExec& exec, const Descriptor& descriptor) {
  GraphExec::Node* again = nullptr;
  for (GraphExec::Node& node : exec.nodes) {
    if (!matches(descriptor, node.op->shape)) continue;
    if (!node.seen) return &node;
    again = &node;
  }
  return again;
}

// Nobody described it, so its blocks may wait for each other: if its grid could be on the device at once, it needs room
// for all of it (DESIGN.md §5.1). How many blocks an SM holds is not known either: by threads at most so many, at least one.
void be_careful(const Descriptor& descriptor, PatchWish& wish, const GpuShape& gpu) {
  const std::uint64_t blocks = volume(descriptor.grid()) * volume(descriptor.cluster());
  const std::uint64_t threads = std::max<std::uint64_t>(volume(descriptor.block()), 1);
  const std::uint64_t most_per_sm = std::clamp<std::uint64_t>(gpu.threads_per_sm / threads, 1, gpu.blocks_per_sm);
  const std::uint64_t sms = std::uint64_t{gpu.tpcs} * gpu.sms_per_tpc;
  if (blocks > sms * most_per_sm) return;
  const std::uint64_t tpcs = (blocks + gpu.sms_per_tpc - 1) / gpu.sms_per_tpc;
  wish.min_tpcs = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(tpcs, 1, gpu.tpcs));
}

}  // namespace

UnrolledGraph* unrolled_form(CUgraphExec exec) {
  const GraphExec* const known = find(exec);
  return known == nullptr ? nullptr : known->unrolled;
}

std::uint64_t GraphExec::newest_leaf_ns(const CompletionMemory& memory) const {
  std::uint64_t newest = 0;
  for (std::uint32_t i = 0; i < slots; ++i) {
    const ipc::CompletionSlot& slot = memory.slot(first_slot + i);
    if (ipc::has_completed(slot, generation)) newest = std::max(newest, ipc::load(&slot.completed_ns));
  }
  return newest;
}

void GraphExec::release() {
  if (users.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  if (slots != 0) Process::instance().tenancy()->completions().give_back(first_slot, slots);
  // The daemon and records in flight may name its operator: the description stays, the rest goes.
  nodes.clear();
  nodes.shrink_to_fit();
}

void patch_node(ThreadState& thread, Descriptor& descriptor, Process& process) {
  if (!descriptor.is_grid()) return;
  ++thread.armed.nodes;
  PatchWish wish = thread.armed.wish;
  GraphExec* const exec = thread.armed.graph;
  if (GraphExec::Node* node = exec == nullptr ? nullptr : match(*exec, descriptor)) {
    node->seen = true;
    wish.min_tpcs = node->op->info.min_tpcs;
    wish.blocks_per_tpc = node->op->info.blocks_per_tpc;
    if (node->slot != 0)
      wish.completion = {exec->slots_base + (node->slot - 1) * sizeof(ipc::CompletionSlot), exec->generation};
  } else {
    be_careful(descriptor, wish, process.gpu());
  }
  const PatchOutcome outcome = apply(descriptor, wish, process.geometry());
  thread.counters.add(outcome.mask == MaskOutcome::masked ? Count::graph_nodes_masked : Count::graph_nodes_left);
}

}  // namespace lithos::cuda::shim

using namespace lithos::cuda::shim;

extern "C" {

CUresult CUDAAPI cuGraphLaunch(CUgraphExec exec, CUstream stream) {
  return launch_graph(exec, stream, [&] { return driver().cuGraphLaunch(exec, stream); });
}
CUresult CUDAAPI cuGraphLaunch_ptsz(CUgraphExec exec, CUstream stream) {
  return launch_graph(exec, stream == nullptr ? CU_STREAM_PER_THREAD : stream,
                      [&] { return driver().cuGraphLaunch_ptsz(exec, stream); });
}
CUresult CUDAAPI cuGraphUpload(CUgraphExec exec, CUstream stream) {
  return upload_graph(exec, [&] { return driver().cuGraphUpload(exec, stream); });
}
CUresult CUDAAPI cuGraphUpload_ptsz(CUgraphExec exec, CUstream stream) {
  return upload_graph(exec, [&] { return driver().cuGraphUpload_ptsz(exec, stream); });
}
CUresult CUDAAPI cuGraphInstantiateWithFlags(CUgraphExec* exec, CUgraph graph, unsigned long long flags) {
  return instantiate(exec, graph, flags, [&] { return driver().cuGraphInstantiateWithFlags(exec, graph, flags); });
}
CUresult CUDAAPI cuGraphInstantiateWithParams(CUgraphExec* exec, CUgraph graph,
                                              CUDA_GRAPH_INSTANTIATE_PARAMS* parameters) {
  return instantiate(exec, graph, flags_of(parameters), [&] { return driver().cuGraphInstantiateWithParams(exec, graph, parameters); });
}
CUresult CUDAAPI cuGraphInstantiateWithParams_ptsz(CUgraphExec* exec, CUgraph graph,
                                                   CUDA_GRAPH_INSTANTIATE_PARAMS* parameters) {
  return instantiate(exec, graph, flags_of(parameters), [&] { return driver().cuGraphInstantiateWithParams_ptsz(exec, graph, parameters); });
}
CUresult CUDAAPI cuGraphExecDestroy(CUgraphExec exec) {
  if (managing_thread() != nullptr) {
    GraphExec* gone = nullptr;
    {
      GraphBook& all = graph_book();
      const std::lock_guard lock(all.mutex);
      const auto known = all.execs.find(exec);
      if (known != all.execs.end()) {
        gone = known->second;
        all.execs.erase(known);
      }
    }
    if (gone != nullptr) retire(gone);
  }
  return driver().cuGraphExecDestroy(exec);
}

}  // extern "C"
