// SPDX-License-Identifier: Apache-2.0
// A stand-in for libcuda.so.1, for tests on machines without a GPU: as much of the driver API as the shim and its test
// programs use, with the tools table, descriptors of version 4.0 (GPU.md §1–2), completion writes, capture and graphs
// (hardware.md §6: first launch makes descriptors, last node first, then one null grid).
//
// Kernels do nothing and complete at once, unless held. One device with 132 SMs, compute capability 9.0 (environment:
// STAND_IN_CAPABILITY, STAND_IN_PROFILER=1 for a profiler that came first, STAND_IN_NO_DEVICE=1). Thread-safe by one lock,
// which is not held while a callback or a host function runs.
#include "cuda/stand_in.h"

#include <time.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cuda/atoms/atom_slot.hpp"
#include "cuda/descriptor.hpp"

#undef cuGetProcAddress

using lithos::cuda::all_layouts;
using lithos::cuda::Descriptor;
using lithos::cuda::DescriptorLayout;
using lithos::cuda::Dims;
using lithos::cuda::kDescriptorBytes;
using lithos::cuda::volume;

// Every function has code of its own somewhere.
std::uint64_t next_program() {
  static std::atomic<std::uint64_t> next{0x7f0000000000};
  return next.fetch_add(0x10000);
}
struct CUfunc_st {
  std::string name;
  int registers = 32, shared = 256;
  std::uint64_t program = next_program();
  bool loaded = false;
  bool of_library = false;  // a CUkernel: may be launched, but has no name or attributes as a function
  std::unique_ptr<CUfunc_st> function;
};
struct CUstream_st {
  struct CUgraph_st* capturing = nullptr;
  unsigned flags = 0;
  bool disturbed = false;  // by a call that ends a capture
};
struct CUctx_st {
  int device = 0;
};
struct CUmod_st {
  std::map<std::string, std::unique_ptr<CUfunc_st>> functions;
};
struct CUgraphNode_st {
  CUgraphNodeType type = CU_GRAPH_NODE_TYPE_KERNEL;
  struct CUgraph_st* graph = nullptr;  // it is in
  std::vector<CUgraphNode_st*> before;
  CUfunc_st* function = nullptr;
  Dims grid{}, block{};
  unsigned shared = 0;
  bool cooperative = false, packed = false;
  CUlaunchAttributeValue cluster{};
  std::vector<std::vector<char>> values;  // its parameters; if packed all in one
  std::vector<void*> pointers;
  std::size_t bytes = 0;
  void* extra[5] = {};
  CUDA_MEMSET_NODE_PARAMS set{};
  CUDA_MEMCPY3D copy{};
  CUDA_HOST_NODE_PARAMS host{};
  CUgraph_st* child = nullptr;
};
struct CUgraph_st {
  std::vector<std::unique_ptr<CUgraphNode_st>> nodes;
};

namespace {

constexpr unsigned kSms = 132;
constexpr std::size_t kMemory = std::size_t{8} << 30;
const DescriptorLayout& layout() { return all_layouts()[1]; }

struct Write {
  std::uint64_t address = 0, payload = 0;
};
struct Baked {
  std::unique_ptr<CUgraphNode_st> node;
  const CUgraphNode_st* of = nullptr;
  std::vector<Write> writes;
};
}  // namespace
struct CUgraphExec_st {
  std::vector<Baked> nodes;
  bool uploaded = false;
};
namespace {

using Callback = void (*)(void*, int, int, const void*);
struct State {
  std::mutex mutex;
  Callback callback = nullptr;
  void* user = nullptr;
  bool enabled = false, held = false, ready = false;
  unsigned subscribers = 0;
  std::vector<CUstandInDescriptor> log;
  std::vector<Write> pending;
  std::map<std::string, unsigned> calls;
  std::map<CUdeviceptr, std::size_t> memory;
  std::vector<const CUfunc_st*> preludes;
  std::size_t used = 0;
  CUctx_st primary;
  std::atomic<std::uint64_t> last_time{0};
};
State& state() {
  static State* const made = new State;
  return *made;
}
thread_local CUcontext current_context = nullptr;
thread_local CUstream capturing_stream = nullptr;
thread_local CUstreamCaptureMode capture_mode = CU_STREAM_CAPTURE_MODE_GLOBAL;

bool flag(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && std::string(value) == "1";
}

// The "GPU's" clock: Unix time, and never the same twice.
std::uint64_t gpu_now() {
  timespec now;
  ::clock_gettime(CLOCK_REALTIME, &now);
  const std::uint64_t time =
      static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(now.tv_nsec);
  std::uint64_t before = state().last_time.load();
  while (!state().last_time.compare_exchange_weak(before, time > before ? time : before + 1)) {}
  return state().last_time.load();
}

void complete(const Write& write) {
  auto* const words = reinterpret_cast<std::uint64_t*>(write.address);
  std::atomic_ref<std::uint64_t>(words[1]).store(gpu_now());
  std::atomic_ref<std::uint64_t>(words[0]).store(write.payload);
}

void run(const std::vector<Write>& writes) {
  State& all = state();
  const std::lock_guard lock(all.mutex);
  for (const Write& write : writes) {
    if (all.held) all.pending.push_back(write);
    else complete(write);
  }
}

// Makes a descriptor, shows it to the subscriber, logs what became of it.
// Which blocks of the grid run: all of them, or, if the descriptor names a prelude's code, those that it lets go on.
void run_blocks(const Descriptor& descriptor, std::uint64_t program, CUstandInDescriptor& seen) {
  if (descriptor.type() < 2) return;
  const CUfunc_st* prelude = nullptr;
  for (const CUfunc_st* known : state().preludes)
    if (descriptor.program() - known->program < 0x1000) prelude = known;
  if (prelude == nullptr && descriptor.program() != program) std::abort();  // a GPU would run whatever is there
  lithos::cuda::AtomSlot slot;
  if (prelude != nullptr) {
    if (descriptor.bank_state(6) != 9) std::abort();
    slot = *reinterpret_cast<const lithos::cuda::AtomSlot*>(descriptor.bank_address(6));
    if (descriptor.program() != prelude->program && slot.entry != program) std::abort();
  }
  const Dims grid = descriptor.grid();
  const char kind = prelude == nullptr ? '-' : prelude->name.back();  // lithos_prelude_x, _y, _z, _any
  for (std::uint64_t z = 0; z < grid[2]; ++z)
    for (std::uint64_t y = 0; y < grid[1]; ++y)
      for (std::uint64_t x = 0; x < grid[0]; ++x) {
        const std::uint64_t key = (z << 16 | y) << 32 | x;
        const bool any = prelude != nullptr && prelude->name.size() > 16 && prelude->name.ends_with("any");
        const bool leaves = any           ? key < slot.first || key >= slot.end
                            : kind == 'x' ? x < slot.first
                            : kind == 'y' ? y < slot.first
                            : kind == 'z' ? z < slot.first
                                          : false;
        if (leaves) continue;
        ++seen.blocks;
        seen.block_sum += key;
      }
}

std::vector<Write> upload(const Dims& grid, const Dims& block, unsigned shared, unsigned type, bool internal,
                          std::uint64_t program = 0) {
  alignas(8) std::uint8_t bytes[kDescriptorBytes] = {};
  Descriptor descriptor(bytes, &layout());
  descriptor.set(layout().version_field, layout().version);
  descriptor.set(layout().type, type);
  for (unsigned axis = 0; axis < 3; ++axis) {
    descriptor.set(layout().grid[axis], grid[axis]);
    descriptor.set(layout().block[axis], block[axis]);
    if (type == lithos::cuda::kGridTogether) descriptor.set(layout().gpu_cluster[axis], grid[axis]);
  }
  descriptor.set(layout().shared_bytes, (shared + 1024 + 127) / 128 * 128);
  descriptor.set_program(program);
  descriptor.set(layout().release_control, 1);  // slot 0: the driver's own
  State& all = state();
  Callback callback = nullptr;
  {
    const std::lock_guard lock(all.mutex);
    if (all.enabled) callback = all.callback;
  }
  const struct {
    std::uint32_t size, unused;
    void* elements[10];
  } parameters{88, 0, {nullptr, nullptr, nullptr, bytes}};
  if (callback != nullptr) callback(all.user, 0xb, 1, &parameters);
  CUstandInDescriptor seen{};
  std::vector<Write> writes;
  for (unsigned axis = 0; axis < 3; ++axis) {
    seen.grid[axis] = descriptor.grid()[axis];
    seen.block[axis] = descriptor.block()[axis];
  }
  seen.mask_valid = descriptor.mask_valid() ? 1 : 0;
  for (unsigned word = 0; word < 4; ++word) seen.off[word] = descriptor.mask_word(word);
  for (unsigned slot = 1; slot <= 2; ++slot)
    if ((descriptor.release_control(slot) & 1u) != 0) {
      const bool whole = (descriptor.release_control(slot) & lithos::cuda::kReleasePayload64) != 0;
      const std::uint64_t payload = descriptor.release_payload(slot);
      writes.push_back({descriptor.release_address(slot), whole ? payload : payload & 0xffffffffu});
    }
  seen.timed = static_cast<unsigned>(writes.size());
  seen.internal = internal ? 1 : 0;
  run_blocks(descriptor, program, seen);
  if (volume(descriptor.grid()) != 0 && seen.blocks != 0) {
    const std::lock_guard lock(all.mutex);
    all.log.push_back(seen);
  }
  return writes;
}

void count(const char* function) {
  const std::lock_guard lock(state().mutex);
  ++state().calls[function];
}

// "lithos_mark_sm" counts, for each SM whose TPC is on, that a block ran there: TPC n of the H200's map has SMs 2n, 2n+1.
void mark_sms(void** parameters) {
  static const std::vector<unsigned> kBits = [] {
    std::vector<unsigned> bits;
    const std::pair<unsigned, unsigned> ranges[] = {{0, 3},   {9, 16},  {18, 25}, {27, 34},
                                                    {36, 43}, {45, 52}, {54, 62}, {63, 71}};
    for (const auto& [first, last] : ranges)
      for (unsigned bit = first; bit <= last; ++bit) bits.push_back(bit);
    for (const unsigned bit : {75u, 78u, 81u, 83u}) bits.push_back(bit);
    return bits;
  }();
  const std::lock_guard lock(state().mutex);
  const CUstandInDescriptor& last = state().log.back();
  auto* const counts = reinterpret_cast<unsigned*>(*static_cast<CUdeviceptr*>(parameters[0]));
  for (unsigned tpc = 0; tpc < kBits.size(); ++tpc) {
    const bool off = last.mask_valid != 0 && (last.off[kBits[tpc] / 32] >> (kBits[tpc] % 32) & 1u) != 0;
    if (!off) ++counts[2 * tpc], ++counts[2 * tpc + 1];
  }
}

CUgraphNode_st* captured(CUstream stream, CUgraphNodeType type);
void keep_parameters(CUgraphNode_st& node, void** parameters, void** extra);

CUresult launch(CUfunction f, const Dims& grid, const Dims& block, unsigned shared, CUstream stream, unsigned type,
                void** parameters = nullptr, void** extra = nullptr) {
  if (!state().ready) return CUDA_ERROR_NOT_INITIALIZED;
  if (current_context == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
  if (f == nullptr || volume(grid) == 0 || volume(block) == 0 || volume(block) > 1024) return CUDA_ERROR_INVALID_VALUE;
  if (CUgraphNode_st* const node = captured(stream, CU_GRAPH_NODE_TYPE_KERNEL)) {
    node->function = f, node->grid = grid, node->block = block, node->shared = shared;
    node->cooperative = type == lithos::cuda::kGridTogether;
    keep_parameters(*node, parameters, extra);
    return CUDA_SUCCESS;
  }
  // Lazy loading: the first launch of a function takes as long as its code takes to load.
  static const char* const lazy = std::getenv("STAND_IN_LAZY_MS");
  if (lazy != nullptr && !std::exchange(f->loaded, true)) ::usleep(static_cast<unsigned>(1000 * std::atoi(lazy)));
  run(upload(grid, block, static_cast<unsigned>(f->shared) + shared, type, false, f->program));
  return CUDA_SUCCESS;
}

#define STAND_IN_KERNELS
#include "cuda/stand_in_order.inc"
#include "cuda/stand_in_graphs.inc"
#undef STAND_IN_KERNELS

void upload_graph(CUgraphExec exec) {
  if (exec->uploaded) return;
  exec->uploaded = true;
  for (auto node = exec->nodes.rbegin(); node != exec->nodes.rend(); ++node)
    if (node->node->type == CU_GRAPH_NODE_TYPE_KERNEL) node->writes = upload(node->node->grid, node->node->block,
                          static_cast<unsigned>(node->node->function->shared) + node->node->shared, 2, false,
                          node->node->function->program);
  upload({0, 0, 0}, {1, 1, 1}, 0, 1, true);
}

// ---- the tools table -------------------------------------------------------------------------------------
int subscribe(std::uint32_t* handle, Callback callback, void* user) {
  State& all = state();
  const std::lock_guard lock(all.mutex);
  if (all.callback != nullptr || flag("STAND_IN_PROFILER")) return 210;
  all.callback = callback;
  all.user = user;
  ++all.subscribers;
  *handle = 7;
  return 0;
}
int unsubscribe(std::uint32_t) {
  const std::lock_guard lock(state().mutex);
  state().callback = nullptr;
  --state().subscribers;
  return 0;
}
int enable(std::uint32_t on, std::uint32_t handle, int domain, int cbid) {
  if (handle != 7 || domain != 0xb || cbid != 1 || flag("STAND_IN_REFUSES_CALLBACK")) return 1;
  const std::lock_guard lock(state().mutex);
  state().enabled = on != 0;
  return 0;
}
void* tools_table[] = {reinterpret_cast<void*>(sizeof(void*) * 8),
                       nullptr,
                       nullptr,
                       reinterpret_cast<void*>(&subscribe),
                       reinterpret_cast<void*>(&unsubscribe),
                       nullptr,
                       reinterpret_cast<void*>(&enable),
                       nullptr};

}  // namespace

extern "C" {

// ---- set-up ----------------------------------------------------------------------------------------------
CUresult cuInit(unsigned) {
  if (flag("STAND_IN_NO_DEVICE")) return CUDA_ERROR_NO_DEVICE;
  state().ready = true;
  return CUDA_SUCCESS;
}
CUresult cuDriverGetVersion(int* version) { return *version = 13000, CUDA_SUCCESS; }
CUresult cuDeviceGetCount(int* devices) { return *devices = 1, CUDA_SUCCESS; }
CUresult cuDeviceGet(CUdevice* device, int) { return *device = 0, CUDA_SUCCESS; }
CUresult cuDeviceGetName(char* name, int size, CUdevice) {
  return std::strncpy(name, "stand-in", static_cast<std::size_t>(size)), CUDA_SUCCESS;
}
CUresult cuDeviceGetAttribute(int* value, CUdevice_attribute attribute, CUdevice) {
  const char* capability = std::getenv("STAND_IN_CAPABILITY");
  const int version = capability == nullptr ? 90 : std::atoi(capability);
  switch (attribute) {
    case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT: *value = kSms; break;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: *value = version / 10; break;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR: *value = version % 10; break;
    case CU_DEVICE_ATTRIBUTE_MPS_ENABLED: *value = flag("STAND_IN_MPS") ? 1 : 0; break;
    default: *value = 0;
  }
  return CUDA_SUCCESS;
}
CUresult cuDeviceGetUuid_v2(CUuuid* id, CUdevice) {
  for (unsigned i = 0; i < sizeof id->bytes; ++i) id->bytes[i] = static_cast<char>(i);
  return CUDA_SUCCESS;
}
CUresult cuDeviceTotalMem_v2(size_t* bytes, CUdevice) { return *bytes = kMemory, CUDA_SUCCESS; }
CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice) { return *context = &state().primary, CUDA_SUCCESS; }
CUresult cuDevicePrimaryCtxRelease_v2(CUdevice) { return CUDA_SUCCESS; }
CUresult cuDevicePrimaryCtxReset_v2(CUdevice) { return CUDA_SUCCESS; }
CUresult cuCtxSetCurrent(CUcontext context) { return current_context = context, CUDA_SUCCESS; }
CUresult cuCtxGetCurrent(CUcontext* context) { return *context = current_context, CUDA_SUCCESS; }
CUresult cuCtxGetDevice(CUdevice* device) { return *device = 0, CUDA_SUCCESS; }
CUresult cuCtxDestroy_v2(CUcontext) { return CUDA_SUCCESS; }
CUresult cuCtxSynchronize(void) { return CUDA_SUCCESS; }
CUresult cuGetExportTable(const void** table, const CUuuid* id) {
  if (static_cast<unsigned char>(id->bytes[0]) != 0x2c || flag("STAND_IN_NO_TOOLS")) return CUDA_ERROR_NOT_FOUND;
  *table = tools_table;
  return CUDA_SUCCESS;
}

// ---- modules and functions -------------------------------------------------------------------------------
CUresult cuModuleLoadData(CUmodule* module, const void*) { return *module = new CUmod_st, CUDA_SUCCESS; }
CUresult cuModuleUnload(CUmodule module) {
  delete module;
  return CUDA_SUCCESS;
}
CUresult cuLibraryLoadData(CUlibrary* library, const void*, CUjit_option*, void**, unsigned, CUlibraryOption*, void**,
                           unsigned) {
  return *library = reinterpret_cast<CUlibrary>(new CUmod_st), CUDA_SUCCESS;
}
CUresult cuLibraryGetKernel(CUkernel* kernel, CUlibrary library, const char* name) {
  auto& made = reinterpret_cast<CUmodule>(library)->functions[name];
  if (made == nullptr) {
    made = std::make_unique<CUfunc_st>();
    made->name = name;
    made->of_library = true;
    made->function = std::make_unique<CUfunc_st>();
    made->function->name = name;
  }
  *kernel = reinterpret_cast<CUkernel>(made.get());
  return CUDA_SUCCESS;
}
CUresult cuKernelGetFunction(CUfunction* function, CUkernel kernel) {
  *function = reinterpret_cast<CUfunction>(kernel)->function.get();
  return CUDA_SUCCESS;
}
CUresult cuLibraryUnload(CUlibrary) { return CUDA_SUCCESS; }
CUresult cuModuleGetFunction(CUfunction* function, CUmodule module, const char* name) {
  auto& made = module->functions[name];
  if (made == nullptr) {
    made = std::make_unique<CUfunc_st>();
    made->name = name;
    const std::lock_guard lock(state().mutex);
    if (made->name.starts_with("lithos_prelude_")) state().preludes.push_back(made.get());
  }
  *function = made.get();
  return CUDA_SUCCESS;
}
CUresult cuFuncGetName(const char** name, CUfunction function) {
  if (function->of_library) return CUDA_ERROR_INVALID_HANDLE;
  return *name = function->name.c_str(), CUDA_SUCCESS;
}
CUresult cuFuncGetAttribute(int* value, CUfunction_attribute attribute, CUfunction function) {
  if (function->of_library) return CUDA_ERROR_INVALID_HANDLE;
  *value = attribute == CU_FUNC_ATTRIBUTE_NUM_REGS            ? function->registers
           : attribute == CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES ? function->shared
                                                              : 0;
  return CUDA_SUCCESS;
}
CUresult cuOccupancyMaxPotentialBlockSize(int* grid, int* block, CUfunction, CUoccupancyB2DSize, size_t, int) {
  *grid = 2 * kSms;
  *block = 1024;
  return CUDA_SUCCESS;
}
CUresult cuOccupancyMaxPotentialBlockSizeWithFlags(int* grid, int* block, CUfunction f, CUoccupancyB2DSize d, size_t s,
                                                   int l, unsigned) {
  return cuOccupancyMaxPotentialBlockSize(grid, block, f, d, s, l);
}
CUresult cuOccupancyMaxActiveClusters(int* clusters, CUfunction, const CUlaunchConfig*) {
  return *clusters = 66, CUDA_SUCCESS;
}

// ---- launches --------------------------------------------------------------------------------------------
CUresult cuLaunchKernel(CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                        unsigned shared, CUstream stream, void** parameters, void** extra) {
  count("cuLaunchKernel");
  if (f->name == "failing" && std::exchange(f->loaded, true)) return CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES;  // but not at first
  const CUresult result = launch(f, {gx, gy, gz}, {bx, by, bz}, shared, stream, 2, parameters, extra);
  if (is_captured(stream)) return result;
  if (result == CUDA_SUCCESS && f->name == "lithos_mark_sm") mark_sms(parameters);
  if (result == CUDA_SUCCESS && f->name == "fold") fold(parameters, extra);
  return result;
}
CUresult cuLaunchKernel_ptsz(CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                             unsigned shared, CUstream stream, void**, void**) {
  count("cuLaunchKernel_ptsz");
  return launch(f, {gx, gy, gz}, {bx, by, bz}, shared, stream, 2);
}
CUresult cuLaunchKernelEx(const CUlaunchConfig* c, CUfunction f, void** parameters, void** extra) {
  count("cuLaunchKernelEx");
  bool cooperative = false;
  CUlaunchAttributeValue cluster{};
  for (unsigned i = 0; i < c->numAttrs; ++i) {
    cooperative |= c->attrs[i].id == CU_LAUNCH_ATTRIBUTE_COOPERATIVE && c->attrs[i].value.cooperative != 0;
    if (c->attrs[i].id == CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION) cluster = c->attrs[i].value;
  }
  const CUresult result = launch(f, {c->gridDimX, c->gridDimY, c->gridDimZ}, {c->blockDimX, c->blockDimY, c->blockDimZ},
                                 c->sharedMemBytes, c->hStream, cooperative ? 4 : 2, parameters, extra);
  if (is_captured(c->hStream)) c->hStream->capturing->nodes.back()->cluster = cluster;
  else if (result == CUDA_SUCCESS && cluster.clusterDim.x == 2) count("in pairs");
  if (!is_captured(c->hStream) && result == CUDA_SUCCESS && f->name == "fold") fold(parameters, extra);
  return result;
}
CUresult cuLaunchKernelEx_ptsz(const CUlaunchConfig* c, CUfunction f, void** p, void** e) {
  count("cuLaunchKernelEx_ptsz");
  (void)p, (void)e;
  return launch(f, {c->gridDimX, c->gridDimY, c->gridDimZ}, {c->blockDimX, c->blockDimY, c->blockDimZ},
                c->sharedMemBytes, c->hStream, 2);
}
// Through the exported name, so that the call comes back to whoever has put itself before the driver: a driver might.
CUresult cuLaunchCooperativeKernel(CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                                   unsigned bz, unsigned shared, CUstream stream, void** p) {
  count("cuLaunchCooperativeKernel");
  CUlaunchAttribute attribute{};
  attribute.id = CU_LAUNCH_ATTRIBUTE_COOPERATIVE;
  attribute.value.cooperative = 1;
  const CUlaunchConfig config{gx, gy, gz, bx, by, bz, shared, stream, &attribute, 1};
  return cuLaunchKernelEx(&config, f, p, nullptr);
}
CUresult cuLaunchGrid(CUfunction f, int width, int height) {
  count("cuLaunchGrid");
  return launch(f, {static_cast<unsigned>(width), static_cast<unsigned>(height), 1}, {64, 1, 1}, 0, nullptr, 2);
}
// A copy on the device is a kernel of the driver's own (hardware.md §7).
CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
  if (capture_copy(stream, to, from, bytes, CU_MEMORYTYPE_DEVICE, CU_MEMORYTYPE_DEVICE)) return CUDA_SUCCESS;
  if (to != 0) std::memmove(reinterpret_cast<void*>(to), reinterpret_cast<const void*>(from), bytes);
  run(upload({static_cast<unsigned>(bytes / 4096 + 1), 1, 1}, {256, 1, 1}, 0, 2, true));
  return CUDA_SUCCESS;
}

// ---- streams, capture, graphs ----------------------------------------------------------------------------
CUresult cuStreamCreate(CUstream* stream, unsigned flags) {
  return *stream = new CUstream_st{nullptr, flags}, CUDA_SUCCESS;
}
CUresult cuStreamDestroy_v2(CUstream stream) {
  delete stream;
  return CUDA_SUCCESS;
}
CUresult cuStreamSynchronize(CUstream) { return CUDA_SUCCESS; }
CUresult cuStreamSynchronize_ptsz(CUstream) { return CUDA_SUCCESS; }
CUresult cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode* mode) {
  return std::swap(*mode, capture_mode), CUDA_SUCCESS;
}
CUresult cuStreamIsCapturing(CUstream stream, CUstreamCaptureStatus* status) {
  const bool is =
      stream != nullptr && stream != CU_STREAM_LEGACY && stream != CU_STREAM_PER_THREAD && stream->capturing != nullptr;
  *status = is ? CU_STREAM_CAPTURE_STATUS_ACTIVE : CU_STREAM_CAPTURE_STATUS_NONE;
  return CUDA_SUCCESS;
}
CUresult cuStreamBeginCapture_v2(CUstream stream, CUstreamCaptureMode) {
  stream->capturing = new CUgraph_st;
  capturing_stream = stream;
  return CUDA_SUCCESS;
}
CUresult cuStreamEndCapture(CUstream stream, CUgraph* graph) {
  *graph = std::exchange(stream->capturing, nullptr);
  capturing_stream = nullptr;
  if (!std::exchange(stream->disturbed, false)) return CUDA_SUCCESS;
  delete std::exchange(*graph, nullptr);
  return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
}
#include "cuda/stand_in_graphs.inc"

// ---- memory ----------------------------------------------------------------------------------------------
CUresult cuMemAlloc_v2(CUdeviceptr* out, size_t bytes) {
  State& all = state();
  const std::lock_guard lock(all.mutex);
  if (bytes == 0 || bytes > kMemory - all.used) return CUDA_ERROR_OUT_OF_MEMORY;
  static CUdeviceptr next = CUdeviceptr{1} << 40;
  *out = next;
  next += (bytes + 511) / 512 * 512;
  all.memory[*out] = bytes;
  all.used += bytes;
  return CUDA_SUCCESS;
}
CUresult cuMemFree_v2(CUdeviceptr pointer) {
  State& all = state();
  const std::lock_guard lock(all.mutex);
  const auto known = all.memory.find(pointer);
  if (known == all.memory.end()) return CUDA_ERROR_INVALID_VALUE;
  all.used -= known->second;
  all.memory.erase(known);
  return CUDA_SUCCESS;
}
CUresult cuMemGetInfo_v2(size_t* free_bytes, size_t* total) {
  const std::lock_guard lock(state().mutex);
  *free_bytes = kMemory - state().used;
  *total = kMemory;
  return CUDA_SUCCESS;
}
CUresult cuMemAllocManaged(CUdeviceptr* out, size_t bytes, unsigned) { return cuMemAlloc_v2(out, bytes); }
CUresult cuMemAllocAsync(CUdeviceptr* out, size_t bytes, CUstream) { return cuMemAlloc_v2(out, bytes); }
CUresult cuMemAllocAsync_ptsz(CUdeviceptr* out, size_t bytes, CUstream) { return cuMemAlloc_v2(out, bytes); }
CUresult cuMemFreeAsync(CUdeviceptr pointer, CUstream) { return cuMemFree_v2(pointer); }
CUresult cuMemCreate(CUmemGenericAllocationHandle* handle, size_t bytes, const CUmemAllocationProp*,
                     unsigned long long) {
  CUdeviceptr made = 0;
  const CUresult result = cuMemAlloc_v2(&made, bytes);
  *handle = made;
  return result;
}
CUresult cuMemRelease(CUmemGenericAllocationHandle handle) { return cuMemFree_v2(handle); }
CUresult cuArray3DCreate_v2(CUarray* array, const CUDA_ARRAY3D_DESCRIPTOR* d) {
  CUdeviceptr made = 0;
  const CUresult result =
      cuMemAlloc_v2(&made, d->Width * (d->Height + !d->Height) * (d->Depth + !d->Depth) * 4 * d->NumChannels);
  *array = reinterpret_cast<CUarray>(made);
  return result;
}
CUresult cuArrayDestroy(CUarray array) { return cuMemFree_v2(reinterpret_cast<CUdeviceptr>(array)); }
CUresult cuMemHostAlloc(void** out, size_t bytes, unsigned flags) {
  *out = std::calloc(1, bytes);
  remember_host(*out, bytes, flags);
  return CUDA_SUCCESS;
}
CUresult cuMemHostRegister_v2(void*, size_t, unsigned) {
  // Forbidden during a capture in global mode, as many calls are.
  return capturing_stream != nullptr && capture_mode == CU_STREAM_CAPTURE_MODE_GLOBAL
             ? CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED
             : CUDA_SUCCESS;
}
CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr* out, void* host, unsigned) {
  return *out = reinterpret_cast<CUdeviceptr>(host), CUDA_SUCCESS;
}

#include "cuda/stand_in_order.inc"

// ---- looking in ------------------------------------------------------------------------------------------
unsigned cuStandInDescriptors(CUstandInDescriptor* out, unsigned most) {
  const std::lock_guard lock(state().mutex);
  for (unsigned i = 0; i < most && i < state().log.size(); ++i) out[i] = state().log[i];
  return static_cast<unsigned>(state().log.size());
}
void cuStandInForget(void) {
  const std::lock_guard lock(state().mutex);
  state().log.clear();
  state().calls.clear();
}
void cuStandInHold(int hold) {
  const std::lock_guard lock(state().mutex);
  state().held = hold != 0;
  if (state().held) return;
  for (const Write& write : state().pending) complete(write);
  state().pending.clear();
}
unsigned cuStandInCalls(const char* function) {
  const std::lock_guard lock(state().mutex);
  return state().calls[function];
}
unsigned cuStandInSubscribers(void) { return state().subscribers; }

// ---- by name ---------------------------------------------------------------------------------------------
// A static runtime asks the real driver for everything: versions and per-thread variants included. Local addresses:
// a driver hands out its own, whoever stands before it.
CUresult cuGetProcAddress_v2(const char* symbol, void** out, int version, cuuint64_t flags,
                             CUdriverProcAddressQueryResult* status);
CUresult cuGetProcAddress(const char* symbol, void** out, int version, cuuint64_t flags) {
  return cuGetProcAddress_v2(symbol, out, version, flags, nullptr);
}

}  // extern "C"

#include "cuda/stand_in_names.inc"
