// Question 7: for which driver calls the descriptor callback fires, whether it can be switched off again, and what
// CUPTI says before and after.
#include <dlfcn.h>

#include "common/descriptor_hook.hpp"
#include "common/kernels.cuh"
#include "common/report.hpp"

using namespace lithos::probe;

namespace {

std::vector<std::array<std::uint32_t, 7>> g_seen;
void visit(Descriptor& d, void*) {
  g_seen.push_back({d.grid()[0], d.grid()[1], d.block()[0], d.registers(), d.shared_bytes(), std::uint32_t(d.type()), d.release_control(0)});
}

__global__ void print_kernel() { printf("\n"); }
__global__ void child_kernel() {}
__global__ void stack_kernel(int* out, int n) {
  volatile int big[2048];
  for (int i = 0; i < n; ++i) big[i] = i;
  *out = big[n / 2];
}

std::vector<Json> g_rows;
template <class F>
void step(const std::string& name, F&& f) {
  g_seen.clear();
  const int rc = f();
  PROBE_CUDA(cudaDeviceSynchronize());
  std::string shapes;
  for (std::size_t i = 0; i < std::min<std::size_t>(g_seen.size(), 3); ++i) {
    auto& s = g_seen[i];
    shapes += (i ? "; " : "") + std::to_string(s[0]) + "x" + std::to_string(s[1]) + " blocks of " + std::to_string(s[2]) +
              ", " + std::to_string(s[3]) + " registers, type " + std::to_string(s[5]) + ", release0 " + std::to_string(s[6]);
  }
  g_rows.push_back(Json().text("call", name).number("rc", rc).number("descriptors", g_seen.size()).text("shapes", shapes));
  cudaGetLastError();
}

// CUPTI's own subscription call, by name, so that the probe builds without CUPTI.
int cupti_subscribe() {
  void* lib = nullptr;
  for (const char* name : {"libcupti.so.13", "libcupti.so", "/usr/local/cuda/lib64/libcupti.so"})
    if ((lib = dlopen(name, RTLD_NOW))) break;
  if (lib == nullptr) return -1;
  auto subscribe = reinterpret_cast<int (*)(void**, void*, void*)>(dlsym(lib, "cuptiSubscribe"));
  auto enable = reinterpret_cast<int (*)(int)>(dlsym(lib, "cuptiActivityEnable"));
  void* handle = nullptr;
  const int rc = subscribe(&handle, reinterpret_cast<void*>(+[](void*, int, int, const void*) {}), nullptr);
  const int kernels = enable(10);  // concurrent kernels
  return rc * 1000 + kernels;
}

}  // namespace

int main(int argc, char** argv) {
  need_gpu();
  const std::string order = argc > 1 ? argv[1] : "hook_first";
  auto j = report("callback_coverage", "7", argc, argv).text("order", order);
  if (order == "cupti_first") j.number("cupti_subscribe_x1000_plus_activity", cupti_subscribe());
  const auto why = install_descriptor_hook();
  j.text("hook", why.empty() ? "installed" : why);
  if (order == "hook_first_then_cupti") j.number("cupti_subscribe_x1000_plus_activity", cupti_subscribe());
  set_visitor(&visit, nullptr);
  if (order == "unsubscribe") {
    // Entry 4 is a guess at the table's own unsubscribe; a wrong one may end the process.
    j.number("cupti_while_disabled_x1000", (enable_descriptor_hook(false), cupti_subscribe()));
    j.number("entry_4", call_table_entry(4)).number("cupti_after_entry_4_x1000", cupti_subscribe());
    empty_kernel<<<1, 32>>>();
    PROBE_CUDA(cudaDeviceSynchronize());
    j.number("descriptors_seen_after", descriptors_seen());
    std::printf("%s\n", j.str().c_str());
    return 0;
  }

  char *a, *b;
  PROBE_CUDA(cudaMalloc(&a, 1 << 26));
  PROBE_CUDA(cudaMalloc(&b, 1 << 26));
  cudaStream_t s;
  PROBE_CUDA(cudaStreamCreate(&s));
  std::vector<char> host(1 << 20);
  step("empty kernel, first launch of its module", [] { empty_kernel<<<1, 32>>>(); return cudaGetLastError(); });
  step("empty kernel again", [] { empty_kernel<<<1, 32>>>(); return cudaGetLastError(); });
  step("kernel with 8 KiB of local memory per thread, first", [&] { stack_kernel<<<132, 1024>>>((int*)a, 2000); return cudaGetLastError(); });
  step("the same again", [&] { stack_kernel<<<132, 1024>>>((int*)a, 2000); return cudaGetLastError(); });
  step("printf kernel", [] { print_kernel<<<1, 1>>>(); return cudaGetLastError(); });
  for (std::size_t n : {4ul, 1024ul, 1ul << 20, 1ul << 26})
    step("memset " + std::to_string(n), [&] { return cudaMemsetAsync(a, 1, n, s); });
  step("memset 2D", [&] { return cudaMemset2DAsync(a, 512, 1, 100, 64, s); });
  step("memset D32", [&] { return cuMemsetD32Async((CUdeviceptr)a, 7, 1 << 20, s); });
  for (std::size_t n : {4ul, 1024ul, 65536ul, 1ul << 26})
    step("copy on the device " + std::to_string(n), [&] { return cudaMemcpyAsync(b, a, n, cudaMemcpyDeviceToDevice, s); });
  step("copy 2D on the device", [&] { return cudaMemcpy2DAsync(b, 1024, a, 512, 100, 64, cudaMemcpyDeviceToDevice, s); });
  step("copy from host 4", [&] { return cudaMemcpyAsync(a, host.data(), 4, cudaMemcpyHostToDevice, s); });
  step("copy from host 1 MiB", [&] { return cudaMemcpyAsync(a, host.data(), 1 << 20, cudaMemcpyHostToDevice, s); });
  step("copy to host 1 MiB", [&] { return cudaMemcpyAsync(host.data(), a, 1 << 20, cudaMemcpyDeviceToHost, s); });
  step("stream write value", [&] { return cuStreamWriteValue32(s, (CUdeviceptr)a, 1, 0); });
  step("event record and wait", [&] { cudaEvent_t e; cudaEventCreate(&e); cudaEventRecord(e, s); return cudaStreamWaitEvent(s, e, 0); });
  step("malloc and free in stream order", [&] { void* p; cudaMallocAsync(&p, 1 << 20, s); return cudaFreeAsync(p, s); });
  step("host function", [&] { return cudaLaunchHostFunc(s, +[](void*) {}, nullptr); });
  step("off: empty kernel", [] { enable_descriptor_hook(false); empty_kernel<<<1, 32>>>(); return cudaGetLastError(); });
  step("on again: empty kernel", [] { enable_descriptor_hook(true); empty_kernel<<<1, 32>>>(); return cudaGetLastError(); });
  std::printf("\n%s\n", j.list("calls", g_rows).str().c_str());
  return 0;
}
