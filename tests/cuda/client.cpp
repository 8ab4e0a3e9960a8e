// SPDX-License-Identifier: Apache-2.0
// CUDA programs of every kind, as small as can be, for tests of the shim: `client MODE [N]` does one thing and says on
// stdout what it saw, one "key value" a line. Linked against libcuda.so.1 as programs are (and against functions that
// only the stand-in has); `client_alone` is the same for modes that find the driver by dlopen.
#include <dlfcn.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include "cuda/client_calls.hpp"
#include "cuda/stand_in.h"

#undef cuGetProcAddress

namespace {

void say(const char* key, long long value) { std::printf("%s %lld\n", key, value); }

#ifndef CLIENT_ALONE

bool start() {
  const CUresult result = start_driver();
  say("init", result);
  return result == CUDA_SUCCESS;
}

CUresult launch(CUfunction f, unsigned blocks, CUstream stream = nullptr) {
  return cuLaunchKernel(f, blocks, 1, 1, 256, 1, 1, 0, stream, nullptr, nullptr);
}

void say_descriptors() {
  std::vector<CUstandInDescriptor> all(cuStandInDescriptors(nullptr, 0));
  cuStandInDescriptors(all.data(), static_cast<unsigned>(all.size()));
  say("descriptors", static_cast<long long>(all.size()));
  for (const CUstandInDescriptor& one : all)
    std::printf("descriptor %u %u %08x %08x %08x %08x %u %u\n", one.grid[0], one.mask_valid, one.off[0], one.off[1],
                one.off[2], one.off[3], one.timed, one.internal);
  unsigned long long blocks = 0, sum = 0;
  for (const CUstandInDescriptor& one : all) blocks += one.blocks, sum += one.block_sum;
  std::printf("blocks %llu\nblock_sum %llu\n", blocks, sum);
}

void many(CUfunction f, unsigned launches, CUstream stream) {
  for (unsigned i = 0; i < launches; ++i) launch(f, 5000 + i % 3, stream);
}

void from_threads(unsigned threads, unsigned launches) {
  const CUfunction f = kernel("threaded");
  CUcontext context = nullptr;
  cuCtxGetCurrent(&context);
  std::vector<std::thread> all;
  for (unsigned t = 0; t < threads; ++t)
    all.emplace_back([&, t] {
      cuCtxSetCurrent(context);
      CUstream stream = nullptr;
      cuStreamCreate(&stream, 0);
      many(f, launches, t % 2 == 0 ? stream : nullptr);
      cuStreamSynchronize(stream);
    });
  for (std::thread& thread : all) thread.join();
}

CUgraphExec captured(CUstream stream, unsigned nodes) {
  cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_GLOBAL);
  for (unsigned i = 0; i < nodes; ++i) say("launch", launch(kernel("node"), 5000 + i, stream));
  CUgraph graph = nullptr;
  say("capture", cuStreamEndCapture(stream, &graph));
  say("descriptors_in_capture", cuStandInDescriptors(nullptr, 0));
  CUgraphExec exec = nullptr;
  cuGraphInstantiateWithFlags(&exec, graph, 0);
  cuGraphDestroy(graph);
  return exec;
}

void graph(unsigned replays) {
  CUstream stream = nullptr;
  cuStreamCreate(&stream, 0);
  const CUgraphExec exec = captured(stream, 3);
  for (unsigned i = 0; i < replays; ++i) {
    say("graph_launch", cuGraphLaunch(exec, stream));
    cuStreamSynchronize(stream);
  }
  say_descriptors();
  cuGraphExecDestroy(exec);
}

// Whether LITHOS_TIMES names the launch as over, within a second or so. The program itself does not wait for the GPU.
bool is_seen_to_end(unsigned launch) {
  const std::string wanted = std::to_string(launch) + " ";
  for (unsigned looks = 0; looks < 5000; ++looks, ::usleep(100)) {
    std::ifstream file(std::getenv("LITHOS_TIMES"));
    for (std::string line; std::getline(file, line);)
      if (line.starts_with(wanted)) return true;
  }
  return false;
}

// Replays end within their launch calls here, unless they are held.
void graph_ends() {
  CUstream stream = nullptr;
  cuStreamCreate(&stream, 0);
  const CUgraphExec exec = captured(stream, 1);
  unsigned launched = 1;  // the captured one has a number, too
  const auto replay_is_seen = [&] {
    cuGraphLaunch(exec, stream);
    return is_seen_to_end(++launched);
  };
  const auto two_at_once = [&] {
    cuStandInHold(1);
    for (unsigned i = 0; i < 2; ++i) cuGraphLaunch(exec, stream);
    launched += 2;
    cuStandInHold(0);
  };
  for (unsigned i = 0; i < 3; ++i) say("each", replay_is_seen());
  for (unsigned i = 0; i < 100; ++i, ++launched) {  // the thread's list of streams is short
    CUstream other = nullptr;
    cuStreamCreate(&other, 0);
    launch(kernel("node"), 5000, other);
  }
  two_at_once();
  cuStreamSynchronize(stream);
  say("after_a_wait", replay_is_seen());
  two_at_once();
  bool seen = false;
  for (unsigned i = 0; i < 5 && !seen; ++i) seen = replay_is_seen();
  say("after_a_while", seen);
  cuGraphExecDestroy(exec);
}

void memory() {
  std::size_t free_bytes = 0, total = 0;
  const auto info = [&] {
    cuMemGetInfo_v2(&free_bytes, &total);
    say("free", static_cast<long long>(free_bytes));
  };
  info();
  say("total", static_cast<long long>(total));
  cuDeviceTotalMem_v2(&total, 0);
  say("device_total", static_cast<long long>(total));
  CUdeviceptr a = 0, b = 0, c = 0;
  CUarray array = nullptr;
  CUDA_ARRAY3D_DESCRIPTOR shape{};
  shape.Width = 1024, shape.Height = 1024, shape.Depth = 256, shape.Format = CU_AD_FORMAT_FLOAT, shape.NumChannels = 1;
  CUmemGenericAllocationHandle pages = 0;
  CUmemAllocationProp on_device{};
  on_device.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  constexpr std::size_t kGiB = std::size_t{1} << 30;
  say("malloc", cuMemAlloc_v2(&a, kGiB / 2));
  info();
  say("too_much", cuMemAlloc_v2(&b, kGiB));
  say("async_too_much", cuMemAllocAsync(&b, kGiB, nullptr));
  say("managed_too_much", cuMemAllocManaged(&b, kGiB, CU_MEM_ATTACH_GLOBAL));
  say("create_too_much", cuMemCreate(&pages, kGiB, &on_device, 0));
  say("array_too_much", cuArray3DCreate_v2(&array, &shape));
  say("async", cuMemAllocAsync(&c, kGiB / 4, nullptr));
  info();
  say("free_async", cuMemFreeAsync(c, nullptr));
  say("free_malloc", cuMemFree_v2(a));
  info();
  say("now_it_fits", cuMemAlloc_v2(&b, kGiB));
  say("free_twice", (cuMemFree_v2(b), cuMemFree_v2(b)));
  info();
}

void facts() {
  int value = 0, block = 0;
  cuDeviceGetAttribute(&value, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, 0);
  say("sms", value);
  cuDeviceGetAttribute(&value, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, 0);
  say("major", value);
  cuOccupancyMaxPotentialBlockSize(&value, &block, kernel("k"), nullptr, 0, 0);
  say("potential_grid", value);
  cuOccupancyMaxActiveClusters(&value, kernel("k"), nullptr);
  say("clusters", value);
}

void fork_and_launch(bool before_init) {
  if (before_init == false) start();
  const pid_t child = ::fork();
  if (child == 0) {
    if (before_init) {
      start();
      many(kernel("child"), 5, nullptr);
      say_report();
    } else {
      many(kernel("child"), 5, nullptr);  // the driver would refuse; the shim must not be in the way
    }
    std::fflush(stdout);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  say("child", status);
  if (before_init) start();
  many(kernel("parent"), 5, nullptr);
}

// cuLaunchKernel by every other way to say it.
void all_launches() {
  const CUfunction f = kernel("ways");
  CUlaunchConfig config{};
  config.gridDimX = 20000, config.gridDimY = config.gridDimZ = 1;
  config.blockDimX = 128, config.blockDimY = config.blockDimZ = 1;
  say("ex", cuLaunchKernelEx(&config, f, nullptr, nullptr));
  say("cooperative", cuLaunchCooperativeKernel(f, 40, 1, 1, 256, 1, 1, 0, nullptr, nullptr));
  say("bad", cuLaunchKernel(f, 0, 1, 1, 1, 1, 1, 0, nullptr, nullptr, nullptr));
  say("copy", cuMemcpyDtoDAsync_v2(0, 0, 8192, nullptr));
  say("driver_ex_calls", cuStandInCalls("cuLaunchKernelEx"));
  say_descriptors();
}

// A grid of 6000 blocks in turns after one of 4000 and one of 4001.
void in_turns(CUfunction f, unsigned rounds) {
  for (unsigned i = 0; i < rounds; ++i)
    for (const unsigned blocks : {4000u, 6000u, 4001u, 6000u}) launch(f, blocks);
}

// Launches until killed, or until its lease has changed to what is asked: what a test steers through the daemon.
void steady(const std::function<void(CUfunction, unsigned)>& launches) {
  const CUfunction f = kernel("steady");
  for (std::string line;;) {
    char buffer[64];
    if (std::fgets(buffer, sizeof buffer, stdin) == nullptr) return;
    cuStandInForget();
    const auto n = static_cast<unsigned>(std::atoi(buffer));
    launches(f, n);
    cuCtxSynchronize();
    say_descriptors();
    say("done", 1);
    std::fflush(stdout);
  }
}

// The same; of each line's launches nothing completes until a signal comes.
void held() {
  sigset_t go;
  sigemptyset(&go);
  sigaddset(&go, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &go, nullptr);
  static std::binary_semaphore released(0);
  std::thread([go] {
    for (int signal = 0; sigwait(&go, &signal) == 0; released.release()) cuStandInHold(0);
  }).detach();
  steady([](CUfunction f, unsigned n) {
    cuStandInHold(1);
    many(f, n, nullptr);
    released.acquire();
  });
}

void hang() {
  cuStandInHold(1);
  launch(kernel("hanging_kernel"), 5000);
  ::sleep(3);
  cuStandInHold(0);
  ::usleep(200'000);
}

int run(const std::string& mode, unsigned n) {
  if (mode == "fork") return fork_and_launch(false), say_report(), 0;
  if (mode == "fork_first") return fork_and_launch(true), 0;
  if (!start()) return say_report(), 1;
  if (mode == "launch") many(kernel("kernel"), n, nullptr), cuCtxSynchronize(), say_descriptors();
  if (mode == "shapes") {  // n times each: grids of one, two and three dimensions
    const CUfunction f = kernel("shaped_kernel");
    const unsigned grids[][3] = {{4001, 1, 1}, {61, 67, 1}, {11, 13, 17}, {5, 1, 701}};
    for (unsigned i = 0; i < n; ++i)
      for (const auto& grid : grids)
        cuLaunchKernel(f, grid[0], grid[1], grid[2], 256, 1, 1, 0, nullptr, nullptr, nullptr);
    cuCtxSynchronize();
    say_descriptors();
  }
  if (mode == "library") {  // as cudart launches: the library's kernel itself, 100 blocks that fit on the GPU at once
    CUlibrary library = nullptr;
    CUkernel found = nullptr;
    cuLibraryLoadData(&library, "", nullptr, nullptr, 0, nullptr, nullptr, 0);
    cuLibraryGetKernel(&found, library, "_ZN2at6native18elementwise_kernelILi128EEEvi");
    for (unsigned i = 0; i < n; ++i) launch(reinterpret_cast<CUfunction>(found), 100);
    say_descriptors();
  }
  if (mode == "one_then_threads") from_threads(1, 1);
  if (mode == "threads" || mode == "one_then_threads") from_threads(n, 200);
  if (mode == "graph") graph(n);
  if (mode == "graph_ends") graph_ends();
  if (mode == "memory") memory();
  if (mode == "facts") facts();
  if (mode == "ways") all_launches();
  if (mode == "steady") steady([](CUfunction f, unsigned launches) { many(f, launches, nullptr); });
  if (mode == "in_turns") steady(in_turns);
  if (mode == "held") held();
  if (mode == "hang") hang();
  if (mode == "speed") {
    const CUfunction f = kernel("speed");
    for (unsigned i = 0; i < n; ++i) launch(f, 5000);
  }
  ::usleep(20'000);  // completions
  say_report();
  return 0;
}

#else

// As a static runtime does it: the library by name, one function by dlsym, the others from that one.
int run(const std::string& mode, unsigned n) {
  void* const driver = ::dlopen("libcuda.so.1", RTLD_NOW);
  if (driver == nullptr) return say("dlopen", 0), 1;
  using GetProcAddress = CUresult (*)(const char*, void**, int, cuuint64_t, CUdriverProcAddressQueryResult*);
  const auto by_name = [&](const char* name) { return ::dlsym(driver, name); };
  auto get = reinterpret_cast<GetProcAddress>(by_name("cuGetProcAddress_v2"));
  void* again = nullptr;
  get("cuGetProcAddress", &again, 12000, 0, nullptr);
  say("itself", again == reinterpret_cast<void*>(get));
  const bool per_thread = mode == "per_thread";
  const auto find = [&](const char* name, int version) {
    void* function = nullptr;
    CUdriverProcAddressQueryResult status{};
    get(name, &function, version, per_thread ? CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM : 0, &status);
    return mode == "dlsym" ? by_name(name) : function;
  };
  say("unknown_function", find("cuStandInCalls", 13000) == by_name("cuStandInCalls"));
  say("not_there", find("cuNobodyHasThis", 13000) == nullptr);
  const auto init = reinterpret_cast<CUresult (*)(unsigned)>(find("cuInit", 13000));
  say("init", init(0));
  CUcontext context = nullptr;
  reinterpret_cast<CUresult (*)(CUcontext*, CUdevice)>(find("cuDevicePrimaryCtxRetain", 13000))(&context, 0);
  reinterpret_cast<CUresult (*)(CUcontext)>(find("cuCtxSetCurrent", 13000))(context);
  CUmodule module = nullptr;
  CUfunction f = nullptr;
  reinterpret_cast<CUresult (*)(CUmodule*, const void*)>(find("cuModuleLoadData", 13000))(&module, "");
  reinterpret_cast<CUresult (*)(CUfunction*, CUmodule, const char*)>(find("cuModuleGetFunction", 13000))(&f, module,
                                                                                                         "alone");
  using Launch = decltype(&cuLaunchKernel);
  const auto launch = reinterpret_cast<Launch>(find("cuLaunchKernel", 13000));
  for (unsigned i = 0; i < n; ++i) launch(f, 5000, 1, 1, 256, 1, 1, 0, nullptr, nullptr, nullptr);
  const auto calls = reinterpret_cast<unsigned (*)(const char*)>(by_name("cuStandInCalls"));
  say("calls", calls("cuLaunchKernel"));
  say("per_thread_calls", calls("cuLaunchKernel_ptsz"));
  ::usleep(20'000);
  say_report();
  return 0;
}

#endif

}  // namespace

int main(int argc, char** argv) {
  const int result = run(argc > 1 ? argv[1] : "launch", argc > 2 ? static_cast<unsigned>(std::atoi(argv[2])) : 10);
  std::fflush(stdout);
  return result;
}
