// The descriptor hook as a small C library, for probes written in Python (ctypes).
//
// Purpose: confine every launch of the process to a TPC set, write each completion's time into a slot, record
// what was launched, and cut the grid of one chosen launch. All state is global: one recording at a time.
#include <cuda.h>
#include <cxxabi.h>

#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <vector>

#include "descriptor_hook.hpp"

using namespace lithos::probe;

extern "C" {

struct ph_record {
  std::uint32_t grid[3], block[3], cluster[3];
  std::uint32_t registers, shared_bytes, type;
  std::uint32_t disabled[4];
  std::uint64_t program;
  std::int32_t slot, confined;
  std::uint32_t gpu_cluster[3], spare;
};

struct ph_completion {
  std::uint64_t payload, time_ns;
};

}  // extern "C"

namespace {

constexpr int kSlotsMax = 1 << 16;
constexpr int kReleaseSlot = 1;

struct State {
  std::mutex lock;
  bool mask = false, recording = false;
  TpcSet enabled;
  std::uint16_t release = kReleaseOff;
  std::vector<ph_record> records;
  ph_completion* slots = nullptr;
  int cut_ordinal = -1, cut_axis = 0;
  std::uint32_t cut_to = 0;
  std::uint64_t unconfined = 0, slot_taken = 0;
};
State g;
std::string g_error;

void visit(Descriptor& d, void*) {
  std::lock_guard hold(g.lock);
  const int ordinal = static_cast<int>(g.records.size());
  int confined = -1;
  if (g.mask && !(confined = confine(d, g.enabled))) ++g.unconfined;
  if (!g.recording) return;
  ph_record r{};
  for (int i = 0; i < 3; ++i) r.grid[i] = d.grid()[i], r.block[i] = d.block()[i], r.cluster[i] = d.cluster()[i], r.gpu_cluster[i] = d.gpu_cluster()[i];
  r.registers = d.registers(), r.shared_bytes = d.shared_bytes(), r.type = d.type(), r.program = d.program();
  for (int i = 0; i < 4; ++i) r.disabled[i] = d.mask_valid() ? d.disabled()[i] : 0;
  r.slot = -1, r.confined = confined;
  if (g.release != kReleaseOff && ordinal < kSlotsMax) {
    if (d.release_control(kReleaseSlot) & 1) ++g.slot_taken;
    else {
      d.set_release(kReleaseSlot, g.release, reinterpret_cast<std::uint64_t>(&g.slots[ordinal]), ordinal + 1);
      r.slot = ordinal;
    }
  }
  if (ordinal == g.cut_ordinal) d.set_grid(g.cut_axis, g.cut_to);
  g.records.push_back(r);
}

std::string demangled(const char* name) {
  int rc = 0;
  char* text = abi::__cxa_demangle(name, nullptr, nullptr, &rc);
  std::string out = rc == 0 && text ? text : name;
  std::free(text);
  return out;
}

}  // namespace

extern "C" {

// Needs a current context. Null on success, else why not.
const char* ph_install() {
  g_error = install_descriptor_hook();
  if (g_error.empty() && cuMemHostAlloc(reinterpret_cast<void**>(&g.slots), kSlotsMax * sizeof(ph_completion),
                                        CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP) != CUDA_SUCCESS)
    g_error = "no pinned memory";
  if (g_error.empty()) set_visitor(&visit, nullptr);
  return g_error.empty() ? nullptr : g_error.c_str();
}
void ph_mask(const std::uint32_t* words) {
  std::lock_guard hold(g.lock);
  g.mask = words != nullptr;
  for (int i = 0; i < 4; ++i) g.enabled.words[i] = words ? words[i] : 0;
}
void ph_record_start(int release_control) {
  std::lock_guard hold(g.lock);
  g.records.clear();
  g.recording = true;
  g.release = static_cast<std::uint16_t>(release_control);
}
int ph_record_stop() {
  std::lock_guard hold(g.lock);
  g.recording = false;
  g.cut_ordinal = -1;
  return static_cast<int>(g.records.size());
}
void ph_cut(int ordinal, int axis, std::uint32_t to) { g.cut_ordinal = ordinal, g.cut_axis = axis, g.cut_to = to; }
const ph_record* ph_records() { return g.records.data(); }
ph_completion* ph_completions() { return g.slots; }
std::uint64_t ph_unconfined() { return g.unconfined; }
std::uint64_t ph_slot_taken() { return g.slot_taken; }

// Kernel nodes of a graph in creation order, one line each: name, grid, block, registers, shared bytes, separated
// by tabs. The caller passes the buffer; returns the bytes needed.
long ph_describe_graph(CUgraph graph, char* buffer, long bytes) {
  std::size_t count = 0;
  if (cuGraphGetNodes(graph, nullptr, &count) != CUDA_SUCCESS) return -1;
  std::vector<CUgraphNode> nodes(count);
  cuGraphGetNodes(graph, nodes.data(), &count);
  std::string out;
  for (auto node : nodes) {
    CUgraphNodeType type;
    cuGraphNodeGetType(node, &type);
    if (type != CU_GRAPH_NODE_TYPE_KERNEL) {
      out += "node type " + std::to_string(static_cast<int>(type)) + "\t0\t0\t0\t0\t0\t0\t0\t0\n";
      continue;
    }
    CUDA_KERNEL_NODE_PARAMS p{};
    if (cuGraphKernelNodeGetParams(node, &p) != CUDA_SUCCESS) continue;
    CUfunction f = p.func;
    if (f == nullptr && p.kern) cuKernelGetFunction(&f, p.kern);
    const char* name = nullptr;
    int registers = 0, shared = 0;
    if (p.kern) cuKernelGetName(&name, p.kern);
    else if (f) cuFuncGetName(&name, f);
    if (f) cuFuncGetAttribute(&registers, CU_FUNC_ATTRIBUTE_NUM_REGS, f);
    if (f) cuFuncGetAttribute(&shared, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, f);
    char numbers[160];
    std::snprintf(numbers, sizeof numbers, "\t%u\t%u\t%u\t%u\t%u\t%u\t%d\t%u\n", p.gridDimX, p.gridDimY, p.gridDimZ,
                  p.blockDimX, p.blockDimY, p.blockDimZ, registers, shared + p.sharedMemBytes);
    out += demangled(name ? name : "") + numbers;
  }
  if (static_cast<long>(out.size()) < bytes) std::snprintf(buffer, bytes, "%s", out.c_str());
  return static_cast<long>(out.size()) + 1;
}
void* ph_instantiate(CUgraph graph) {
  CUgraphExec exec = nullptr;
  return cuGraphInstantiate(&exec, graph, 0) == CUDA_SUCCESS ? exec : nullptr;
}
int ph_launch(void* exec, CUstream stream) { return cuGraphLaunch(static_cast<CUgraphExec>(exec), stream); }
int ph_destroy(void* exec) { return cuGraphExecDestroy(static_cast<CUgraphExec>(exec)); }

}  // extern "C"
