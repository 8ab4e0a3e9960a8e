// SPDX-License-Identifier: Apache-2.0
#include "cuda/calibrate.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <set>

#include "cuda/gpu_uuid.hpp"
#include "cuda/patch.hpp"

namespace lithos::cuda {
namespace {

// Positions 0 … 71 are GPCs of nine; single TPCs above (GPU.md §3).
constexpr unsigned kClusterBits = 72, kBitsPerGpc = 9;
constexpr unsigned kMaskBits = 128;
constexpr std::size_t kSmsPerTpc = 2;
constexpr unsigned kSmsMax = 1024;
constexpr unsigned kThreads = 1024, kBlocksPerSm = 4;
constexpr std::uint64_t kSpinNs = 20'000;

// Each block keeps its SM busy for a while, then says where it was. Written by hand so that no CUDA compiler is needed
// to build this; tests assemble it.
constexpr const char* kMarkSm = R"(
.version 7.8
.target sm_80
.address_size 64
.visible .entry lithos_mark_sm(.param .u64 counts, .param .u64 spin_ns)
{
  .reg .pred %p<3>;
  .reg .b32 %r<3>;
  .reg .b64 %rd<8>;
  ld.param.u64 %rd1, [counts];
  ld.param.u64 %rd2, [spin_ns];
  cvta.to.global.u64 %rd1, %rd1;
  mov.u32 %r1, %smid;
  mov.u64 %rd3, %globaltimer;
SPIN:
  mov.u64 %rd4, %globaltimer;
  sub.u64 %rd5, %rd4, %rd3;
  setp.lt.u64 %p1, %rd5, %rd2;
  @%p1 bra SPIN;
  mov.u32 %r2, %tid.x;
  setp.ne.u32 %p2, %r2, 0;
  @%p2 bra DONE;
  mul.wide.u32 %rd6, %r1, 4;
  add.s64 %rd7, %rd1, %rd6;
  red.global.add.u32 [%rd7], 1;
DONE:
  ret;
}
)";

// The few calls of the driver that this needs, without its header.
struct Calls {
  int (*init)(unsigned) = nullptr;
  int (*device_name)(char*, int, int) = nullptr;
  int (*uuid)(void*, int) = nullptr;
  int (*attribute)(int*, int, int) = nullptr;
  int (*retain)(void**, int) = nullptr;
  int (*set_current)(void*) = nullptr;
  int (*load)(void**, const void*) = nullptr;
  int (*function)(void**, void*, const char*) = nullptr;
  int (*host_alloc)(void**, std::size_t, unsigned) = nullptr;
  int (*device_pointer)(std::uint64_t*, void*, unsigned) = nullptr;
  int (*launch)(void*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void*, void**,
                void**) = nullptr;
  int (*synchronize)() = nullptr;
  int (*export_table)(const void**, const void*) = nullptr;
};
constexpr int kSmCount = 16, kMajor = 75, kMinor = 76;  // CUdevice_attribute
constexpr unsigned kHostMemory = 1 | 2;                 // CU_MEMHOSTALLOC_PORTABLE | _DEVICEMAP

template <class Function>
bool find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  return function != nullptr;
}

Result<Calls> open_driver(const std::string& path) {
  void* const library = ::dlopen(path.c_str(), RTLD_NOW);
  if (library == nullptr) return unavailable(std::string("no CUDA driver: ") + ::dlerror());
  Calls calls;
  const bool all =
      find(library, "cuInit", calls.init) && find(library, "cuDeviceGetName", calls.device_name) &&
      find(library, "cuDeviceGetUuid_v2", calls.uuid) && find(library, "cuDeviceGetAttribute", calls.attribute) &&
      find(library, "cuDevicePrimaryCtxRetain", calls.retain) && find(library, "cuCtxSetCurrent", calls.set_current) &&
      find(library, "cuModuleLoadData", calls.load) && find(library, "cuModuleGetFunction", calls.function) &&
      find(library, "cuMemHostAlloc", calls.host_alloc) &&
      find(library, "cuMemHostGetDevicePointer_v2", calls.device_pointer) &&
      find(library, "cuLaunchKernel", calls.launch) && find(library, "cuCtxSynchronize", calls.synchronize) &&
      find(library, "cuGetExportTable", calls.export_table);
  if (!all) return incompatible(path + ": not a driver that has all we need");
  return calls;
}

Status failed(const char* what, int code) {
  return unavailable(std::string(what) + " failed: CUDA error " + std::to_string(code));
}

// ---- the hook --------------------------------------------------------------------------------------------

struct Hook {
  const DescriptorLayout* layout = nullptr;
  unsigned off = kMaskBits;  // this position; kMaskBits: none
};
Hook hook;

void on_descriptor(void*, int domain, int cbid, const void* params) {
  if (domain != 0xb || cbid != 1 || params == nullptr || hook.off >= kMaskBits) return;
  void* const bytes = static_cast<void* const*>(params)[4];
  if (bytes == nullptr || !is_of(bytes, *hook.layout)) return;
  Descriptor descriptor(bytes, hook.layout);
  if (!descriptor.is_grid() || volume(descriptor.grid()) < 2) return;
  const unsigned word = hook.off / 32;
  const std::uint32_t before = descriptor.mask_valid() ? descriptor.mask_word(word) : 0;
  if (!descriptor.mask_valid())
    for (unsigned other = 0; other < descriptor.mask_words(); ++other) descriptor.set_mask_word(other, 0);
  descriptor.set_mask_word(word, before | 1u << (hook.off % 32));
  descriptor.set_mask_valid(true);
}

Status install_hook(const Calls& calls, std::uint32_t& handle, void* const*& table) {
  static constexpr unsigned char kId[16] = {0x2c, 0x8e, 0x0a, 0xd8, 0x07, 0x10, 0xab, 0x4e,
                                            0x90, 0xdd, 0x54, 0x71, 0x9f, 0xe5, 0xf7, 0x4b};
  const void* found = nullptr;
  if (calls.export_table(&found, kId) != 0 || found == nullptr) return unavailable("the driver has no tools table");
  table = static_cast<void* const*>(found);
  const auto subscribe =
      reinterpret_cast<int (*)(std::uint32_t*, void (*)(void*, int, int, const void*), void*)>(table[3]);
  const auto enable = reinterpret_cast<int (*)(std::uint32_t, std::uint32_t, int, int)>(table[6]);
  if (const int code = subscribe(&handle, &on_descriptor, nullptr); code != 0)
    return code == 210 ? unavailable("a profiler has the tools interface") : failed("the hook", code);
  if (const int code = enable(1, handle, 0xb, 1); code != 0) return failed("the descriptor callback", code);
  return {};
}

// Driver, device, hook; the GPU's name and uuid.
Status prepare(const Calls& calls, int device, Calibration& out) {
  int major = 0, minor = 0, sms = 0;
  unsigned char id[16] = {};
  char name[96] = {};
  if (const int code = calls.init(0); code != 0) return failed("cuInit", code);
  if (const int code = calls.attribute(&major, kMajor, device); code != 0) return failed("asking the device", code);
  calls.attribute(&minor, kMinor, device);
  calls.attribute(&sms, kSmCount, device);
  calls.device_name(name, sizeof name - 1, device);
  calls.uuid(id, device);
  out.gpu = name;
  out.uuid = uuid_text(id);
  out.sms = static_cast<unsigned>(sms);
  hook.layout = layout_for_capability(major, minor);
  if (hook.layout == nullptr || !hook.layout->may_run)
    return incompatible(out.gpu + ": launch descriptors of compute capability " + std::to_string(major) + "." +
                        std::to_string(minor) + " are not changed by this version");
  if (out.sms == 0 || out.sms > kSmsMax) return incompatible("a GPU with " + std::to_string(sms) + " SMs");
  return {};
}

struct Grid {
  void* function = nullptr;
  std::uint32_t* counts = nullptr;
  std::uint64_t counts_on_device = 0;
};

Status load_grid(const Calls& calls, int device, Grid& grid) {
  void *context = nullptr, *module = nullptr, *memory = nullptr;
  if (const int code = calls.retain(&context, device); code != 0) return failed("making a context", code);
  calls.set_current(context);
  if (const int code = calls.load(&module, kMarkSm); code != 0) return failed("loading the kernel", code);
  if (const int code = calls.function(&grid.function, module, "lithos_mark_sm"); code != 0)
    return failed("the kernel", code);
  if (const int code = calls.host_alloc(&memory, kSmsMax * sizeof(std::uint32_t), kHostMemory); code != 0)
    return failed("allocating", code);
  grid.counts = static_cast<std::uint32_t*>(memory);
  if (const int code = calls.device_pointer(&grid.counts_on_device, memory, 0); code != 0)
    return failed("mapping", code);
  return {};
}

// The SMs that had no block with this position off.
Status idle_with(const Calls& calls, const Grid& grid, unsigned sms, unsigned bit, std::vector<unsigned>& idle) {
  std::fill_n(grid.counts, kSmsMax, 0u);
  std::uint64_t counts = grid.counts_on_device, spin = kSpinNs;
  void* parameters[] = {&counts, &spin};
  hook.off = bit;
  const int launched =
      calls.launch(grid.function, sms * kBlocksPerSm, 1, 1, kThreads, 1, 1, 0, nullptr, parameters, nullptr);
  hook.off = kMaskBits;
  if (launched != 0) return failed("launching", launched);
  if (const int code = calls.synchronize(); code != 0) return failed("the kernel", code);
  for (unsigned sm = 0; sm < sms; ++sm)
    if (reinterpret_cast<volatile std::uint32_t*>(grid.counts)[sm] == 0) idle.push_back(sm);
  return {};
}

}  // namespace

Result<Calibration> make_calibration(const std::vector<std::vector<unsigned>>& idle_sms_by_bit, unsigned sms) {
  Calibration calibration;
  calibration.sms = sms;
  std::set<unsigned> seen;
  for (unsigned bit = 0; bit < idle_sms_by_bit.size(); ++bit) {
    if (idle_sms_by_bit[bit].empty()) continue;
    CalibratedTpc tpc{bit, bit < kClusterBits ? static_cast<int>(bit / kBitsPerGpc) : -1, idle_sms_by_bit[bit]};
    for (const unsigned sm : tpc.sms)
      if (sm >= sms || !seen.insert(sm).second)
        return internal_error("SM " + std::to_string(sm) +
                              " went away with more than one mask position: was something "
                              "else using the GPU?");
    calibration.tpcs.push_back(std::move(tpc));
  }
  if (seen.size() != sms)
    return internal_error(std::to_string(sms - seen.size()) + " of " + std::to_string(sms) +
                          " SMs went away with no mask position: is this under MPS?");
  // Room is counted by TPCs: for blocks that wait for each other, and for clusters of two on one alone (engine/tpc_map.hpp).
  for (const CalibratedTpc& tpc : calibration.tpcs)
    if (tpc.sms.size() != kSmsPerTpc)
      return internal_error("the TPC at mask position " + std::to_string(tpc.bit) + " has " + std::to_string(tpc.sms.size()) +
                            " SMs, not " + std::to_string(kSmsPerTpc) + ": LithOS could not count on what fits there");
  return calibration;
}

Result<Calibration> try_hook(const std::string& driver, int device) {
  Result<Calls> calls = open_driver(driver);
  if (!calls.ok()) return calls.status();
  Calibration out;
  std::uint32_t handle = 0;
  void* const* table = nullptr;
  if (Status status = prepare(calls.value(), device, out); !status.ok()) return status;
  if (Status status = install_hook(calls.value(), handle, table); !status.ok()) return status;
  if (table[4] != nullptr) reinterpret_cast<int (*)(std::uint32_t)>(table[4])(handle);
  return out;
}

Result<Calibration> calibrate_here(const std::string& driver, int device) {
  Result<Calls> calls = open_driver(driver);
  if (!calls.ok()) return calls.status();
  Calibration about;
  std::uint32_t handle = 0;
  void* const* table = nullptr;
  Grid grid;
  if (Status status = prepare(calls.value(), device, about); !status.ok()) return status;
  if (Status status = install_hook(calls.value(), handle, table); !status.ok()) return status;
  if (Status status = load_grid(calls.value(), device, grid); !status.ok()) return status;
  std::vector<std::vector<unsigned>> idle(kMaskBits);
  for (unsigned bit = 0; bit < kMaskBits; ++bit)
    if (Status status = idle_with(calls.value(), grid, about.sms, bit, idle[bit]); !status.ok()) return status;
  Result<Calibration> made = make_calibration(idle, about.sms);
  if (!made.ok()) return made;
  made.value().uuid = about.uuid;
  made.value().gpu = about.gpu;
  return made;
}

std::string to_text(const Calibration& calibration) {
  std::string text = "# TPC map of " + calibration.gpu + ", " + calibration.uuid + ", made by lithos calibrate\n" +
                     "# tpc MASK-BIT GPC SM SM\n";
  for (const CalibratedTpc& tpc : calibration.tpcs) {
    text += "tpc " + std::to_string(tpc.bit) + " " + (tpc.gpc < 0 ? "-" : std::to_string(tpc.gpc));
    for (const unsigned sm : tpc.sms) text += " " + std::to_string(sm);
    text += "\n";
  }
  return text;
}

}  // namespace lithos::cuda
