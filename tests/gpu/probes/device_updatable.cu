// Questions 5 and 6, rest: graph nodes that a kernel changes on the device (cudaLaunchAttributeDeviceUpdatableKernelNode).
//
// A graph of an updater and an updatable worker. At its upload the worker's descriptor gets a 16-TPC mask, and a completion
// slot; a second graph's worker gets its grid cut natively instead. Then the updater changes argument, grid and enabled state,
// and each launch is asked: did the callback fire, how many blocks ran, where, with which argument, was the slot written, and
// is the cut still there?
#include "common/descriptor_hook.hpp"
#include "common/kernels.cuh"
#include "common/report.hpp"

using namespace lithos::probe;

namespace {

constexpr int kBlocks = 264, kThreads = 96, kMaskTpcs = 16, kCutTo = 100, kReleaseSlot = 1, kBlocksMax = 1024;
constexpr std::uint64_t kSpin = 20'000;
constexpr std::int64_t kPatience = 3'000'000'000;

enum Update : int { kNone, kArgument, kGrid, kDisable, kEnable, kGridBack };
const char* const kUpdates[] = {"none", "argument", "grid 264 to 500", "disabled", "enabled", "grid back to 264"};

struct Command {
  int update;
  unsigned argument, grid;
  int rc;
};

struct WorkerArguments {
  BlockMark* marks;
  unsigned value;
};

// `value` lies at a known offset of the parameter buffer: that is what the device API addresses.
__global__ void worker(WorkerArguments a) {
  const auto begin = global_ns();
  while (global_ns() - begin < kSpin) {
  }
  if (threadIdx.x == 0) a.marks[blockIdx.x] = {begin, global_ns(), sm_id(), a.value};
}

__global__ void updater(cudaGraphDeviceNode_t node, Command* c) {
  switch (c->update) {
    case kArgument: c->rc = cudaGraphKernelNodeSetParam(node, offsetof(WorkerArguments, value), c->argument); break;
    case kGrid:
    case kGridBack: c->rc = cudaGraphKernelNodeSetGridDim(node, dim3(c->grid)); break;
    case kDisable: c->rc = cudaGraphKernelNodeSetEnabled(node, false); break;
    case kEnable: c->rc = cudaGraphKernelNodeSetEnabled(node, true); break;
    default: c->rc = 0;
  }
}

struct Completion {
  std::uint64_t payload, time_ns;
};

struct Patch {
  TpcSet set;
  bool mask = false;
  std::uint32_t cut = 0;
  Completion* slot = nullptr;
  int callbacks = 0, of_worker = 0, masked = 0;
};
Patch g_patch;
void visit(Descriptor& d, void*) {
  ++g_patch.callbacks;
  if (d.grid()[0] == 0 || d.block()[0] != kThreads) return;
  ++g_patch.of_worker;
  if (g_patch.mask) g_patch.masked += confine(d, g_patch.set);
  if (g_patch.cut) d.set_grid(0, g_patch.cut);
  if (!(d.release_control(kReleaseSlot) & 1))
    d.set_release(kReleaseSlot, kReleasePlain, reinterpret_cast<std::uint64_t>(g_patch.slot), 7);
}

struct Graph {
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t exec = nullptr;
  int attribute_rc = 0, instantiate_rc = 0, upload_rc = 0;
};

void add_kernel(cudaGraph_t graph, cudaGraphNode_t* node, const cudaGraphNode_t* before, void* function, int blocks, int threads, void** arguments) {
  cudaKernelNodeParams p{};
  p.func = function, p.gridDim = blocks, p.blockDim = threads, p.kernelParams = arguments;
  PROBE_CUDA(cudaGraphAddKernelNode(node, graph, before, before ? 1 : 0, &p));
}

// The updater's argument is the worker's device handle, so the worker is added first and the edge afterwards.
Graph build(BlockMark* marks, Command* command, cudaStream_t s) {
  Graph g;
  cudaGraphNode_t worker_node, updater_node;
  WorkerArguments arguments{marks, 1};
  void* of_worker[] = {&arguments};
  PROBE_CUDA(cudaGraphCreate(&g.graph, 0));
  add_kernel(g.graph, &worker_node, nullptr, reinterpret_cast<void*>(&worker), kBlocks, kThreads, of_worker);
  cudaKernelNodeAttrValue value{};
  value.deviceUpdatableKernelNode.deviceUpdatable = 1;
  g.attribute_rc = cudaGraphKernelNodeSetAttribute(worker_node, cudaLaunchAttributeDeviceUpdatableKernelNode, &value);
  cudaGraphKernelNodeGetAttribute(worker_node, cudaLaunchAttributeDeviceUpdatableKernelNode, &value);
  void* of_updater[] = {&value.deviceUpdatableKernelNode.devNode, &command};
  add_kernel(g.graph, &updater_node, nullptr, reinterpret_cast<void*>(&updater), 1, 1, of_updater);
  PROBE_CUDA(cudaGraphAddDependencies(g.graph, &updater_node, &worker_node, nullptr, 1));
  g.instantiate_rc = cudaGraphInstantiate(&g.exec, g.graph, 0);
  if (g.instantiate_rc == 0) g.upload_rc = cudaGraphUpload(g.exec, s);
  PROBE_CUDA(cudaStreamSynchronize(s));
  return g;
}

struct Memory {
  BlockMark* marks;
  Command* command;
  Completion* slot;
  cudaStream_t stream;
  std::vector<bool> allowed;  // by SM
};

Json launch(const Graph& g, const Memory& m, Update update, unsigned argument, unsigned grid, bool& hung) {
  std::fill(m.marks, m.marks + kBlocksMax, BlockMark{});
  *m.command = {update, argument, grid, -1};
  *m.slot = {};
  const int before = g_patch.callbacks, worker_before = g_patch.of_worker;
  const int rc = cudaGraphLaunch(g.exec, m.stream);
  const auto limit = now_ns() + kPatience;
  while (cudaStreamQuery(m.stream) == cudaErrorNotReady && now_ns() < limit) {
  }
  hung = cudaStreamQuery(m.stream) == cudaErrorNotReady;
  int ran = 0, outside = 0, highest = -1;
  unsigned value = 0;
  for (int b = 0; b < kBlocksMax; ++b) {
    if (m.marks[b].end_ns == 0) continue;
    ++ran, highest = b, value = m.marks[b].pad;
    outside += !m.allowed[m.marks[b].sm];
  }
  return Json().text("update_on_the_device", kUpdates[update]).number("update_rc", m.command->rc).number("launch_rc", rc)
      .number("callbacks", g_patch.callbacks - before).number("callbacks_of_worker", g_patch.of_worker - worker_before)
      .number("blocks_run", ran).number("highest_block", highest).number("argument_seen", value)
      .number("blocks_outside_the_mask", outside).flag("slot_written", m.slot->payload == 7).flag("hung", hung);
}

// The same life for a worker that is masked, cut, or neither.
Json life(const Memory& m, const char* name, bool mask, std::uint32_t cut) {
  g_patch.mask = mask, g_patch.cut = cut, g_patch.slot = m.slot;
  g_patch.callbacks = g_patch.of_worker = g_patch.masked = 0;
  const Graph g = build(m.marks, m.command, m.stream);
  Json out;
  out.text("worker", name).number("attribute_rc", g.attribute_rc).number("instantiate_rc", g.instantiate_rc).number("upload_rc", g.upload_rc)
      .number("callbacks_until_uploaded", g_patch.callbacks).number("of_worker", g_patch.of_worker).number("masked", g_patch.masked);
  std::vector<Json> rows;
  bool hung = g.instantiate_rc != 0;
  const struct { Update update; unsigned argument, grid; } steps[] = {{kNone, 0, 0}, {kArgument, 42, 0}, {kNone, 0, 0}, {kGrid, 0, 500}, {kNone, 0, 0},
                                                                      {kDisable, 0, 0}, {kEnable, 0, 0}, {kGridBack, 0, kBlocks}};
  for (const auto& step : steps)
    if (!hung) rows.push_back(launch(g, m, step.update, step.argument, step.grid, hung));
  return out.list("launches", rows).flag("stopped_early", hung);
}

}  // namespace

int main(int argc, char** argv) {
  need_gpu();
  const auto map = need_tpc_map();
  if (auto why = install_descriptor_hook(); !why.empty()) skip(why);
  Memory m;
  PROBE_CUDA(cudaMallocHost(&m.marks, sizeof(BlockMark) * kBlocksMax));
  PROBE_CUDA(cudaMallocHost(&m.command, sizeof(Command)));
  PROBE_CUDA(cudaMallocHost(&m.slot, sizeof(Completion)));
  PROBE_CUDA(cudaStreamCreateWithFlags(&m.stream, cudaStreamNonBlocking));
  m.allowed.assign(4096, false);
  for (int i = 4; i < 4 + kMaskTpcs; ++i) m.allowed[map[i].sm0] = m.allowed[map[i].sm1] = true;
  g_patch.set = tpc_range(map, 4, kMaskTpcs), g_patch.slot = m.slot;
  set_visitor(&visit, nullptr);
  std::vector<Json> rows = {life(m, "untouched but for the slot", false, 0), life(m, "masked to 16 TPCs", true, 0),
                            life(m, "cut to 100 of 264 blocks", false, kCutTo)};
  std::printf("%s\n", report("device_updatable", "5, 6", argc, argv).list("rows", rows).str().c_str());
  std::fflush(stdout);
  std::_Exit(0);
}
