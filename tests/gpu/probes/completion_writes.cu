// Question 3: what a completion write costs the GPU, and how soon another process sees it.
//
// Times chains of 300 kernels, on a stream and in a graph, without a write, with a plain write, with a write after a
// system-scope barrier, and with a payload-only write. Then a second process polls shared memory for completions.
// "completion_writes watch" is that process.
#include <atomic>
#include <thread>

#include "common/child.hpp"
#include "common/clock.cuh"
#include "common/descriptor_hook.hpp"

using namespace lithos::probe;

namespace {

constexpr int kChain = 300;
constexpr int kSlot = 1;
constexpr int kPings = 2000;

struct Slot {
  volatile std::uint64_t payload, time_ns;
};
struct Shared {
  Slot slots[4096];
  volatile std::int64_t seen_ns[kPings + 1];
  std::atomic<int> ready;
};

Shared* g_shared = nullptr;
std::uint16_t g_control = kReleaseOff;
std::uint64_t g_payload = 0;
int g_next = 0;
bool g_first_slot_only = false;

void visit(Descriptor& d, void*) {
  if (g_control == kReleaseOff || d.grid()[0] == 0) return;
  const int i = g_first_slot_only ? 0 : g_next++ % 4096;
  d.set_release(kSlot, g_control, reinterpret_cast<std::uint64_t>(&g_shared->slots[i]), ++g_payload);
}

__global__ void write_kernel(float* out) { out[blockIdx.x * blockDim.x + threadIdx.x] += 1.f; }

void launch(const std::string& kind, float* out, cudaStream_t s) {
  if (kind == "empty_1_block") empty_kernel<<<1, 32, 0, s>>>();
  if (kind == "spin_5us_64_blocks") spin_kernel<<<64, 128, 0, s>>>(5000);
  if (kind == "write_1MiB") write_kernel<<<1024, 256, 0, s>>>(out);
}

double per_kernel_us(const std::string& kind, bool graph, std::uint16_t control, float* out) {
  cudaStream_t s;
  PROBE_CUDA(cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking));
  cudaEvent_t e0, e1;
  PROBE_CUDA(cudaEventCreate(&e0));
  PROBE_CUDA(cudaEventCreate(&e1));
  cudaGraphExec_t exec = nullptr;
  g_control = control;
  if (graph) {
    cudaGraph_t g;
    PROBE_CUDA(cudaStreamBeginCapture(s, cudaStreamCaptureModeThreadLocal));
    for (int i = 0; i < kChain; ++i) launch(kind, out, s);
    PROBE_CUDA(cudaStreamEndCapture(s, &g));
    PROBE_CUDA(cudaGraphInstantiate(&exec, g, 0));
    PROBE_CUDA(cudaGraphLaunch(exec, s));
    PROBE_CUDA(cudaStreamSynchronize(s));
  }
  std::vector<double> times;
  for (int r = 0; r < 15; ++r) {
    g_control = kReleaseOff;
    spin_kernel<<<1, 1, 0, s>>>(graph ? 100'000 : 3'000'000);
    g_control = control;
    PROBE_CUDA(cudaEventRecord(e0, s));
    if (graph) PROBE_CUDA(cudaGraphLaunch(exec, s));
    else
      for (int i = 0; i < kChain; ++i) launch(kind, out, s);
    PROBE_CUDA(cudaEventRecord(e1, s));
    PROBE_CUDA(cudaEventSynchronize(e1));
    float ms;
    PROBE_CUDA(cudaEventElapsedTime(&ms, e0, e1));
    times.push_back(ms * 1000 / kChain);
  }
  g_control = kReleaseOff;
  return median(times);
}

int watch() {
  auto* shared = open_shared<Shared>();
  shared->ready = 1;
  for (int i = 1; i <= kPings; ++i) {
    while (shared->slots[0].payload < static_cast<std::uint64_t>(i)) {
    }
    shared->seen_ns[i] = now_ns();
  }
  return 0;
}

Json visibility(std::uint16_t control, const ClockOffset& clock) {
  std::memset(static_cast<void*>(g_shared), 0, sizeof *g_shared);
  g_payload = 0, g_first_slot_only = true;
  const pid_t child = start_child({"watch"});
  while (g_shared->ready == 0) usleep(100);
  std::vector<double> seen, host_loop, kernel_to_write;
  g_control = control;
  for (int i = 1; i <= kPings; ++i) {
    const auto begin = now_ns();
    spin_kernel<<<1, 32>>>(3000);
    while (g_shared->slots[0].payload != static_cast<std::uint64_t>(i)) {
    }
    host_loop.push_back((now_ns() - begin) / 1000.0);
    PROBE_CUDA(cudaDeviceSynchronize());
    while (g_shared->seen_ns[i] == 0) usleep(5);
    const auto written = static_cast<std::int64_t>(g_shared->slots[0].time_ns) - clock.gpu_minus_host_ns;
    seen.push_back((g_shared->seen_ns[i] - written) / 1000.0);
  }
  g_control = kReleaseOff, g_first_slot_only = false;
  end_child(child, 2);
  return Json().number("control", control).object("gpu_time_to_seen_by_other_process_us", spread(seen))
      .object("launch_3us_kernel_to_seen_by_launcher_us", spread(host_loop));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == "watch") return watch();
  g_shared = create_shared<Shared>();
  need_gpu();
  if (auto why = install_descriptor_hook(); !why.empty()) skip(why);
  set_visitor(&visit, nullptr);
  PROBE_CUDA(cudaHostRegister(g_shared, sizeof *g_shared, cudaHostRegisterPortable | cudaHostRegisterMapped));
  float* out;
  PROBE_CUDA(cudaMalloc(&out, 1 << 20));
  std::vector<Json> rows;
  for (std::string kind : {"empty_1_block", "spin_5us_64_blocks", "write_1MiB"})
    for (bool graph : {false, true}) {
      Json row;
      row.text("kernel", kind).text("via", graph ? "graph" : "stream");
      row.number("none_us", per_kernel_us(kind, graph, kReleaseOff, out));
      row.number("plain_us", per_kernel_us(kind, graph, kReleasePlain, out));
      row.number("system_barrier_us", per_kernel_us(kind, graph, kReleaseSystemBarrier, out));
      row.number("payload_only_us", per_kernel_us(kind, graph, kReleasePlain | kReleaseOneWord, out));
      row.number("none_again_us", per_kernel_us(kind, graph, kReleaseOff, out));
      rows.push_back(row);
    }
  const auto clock = measure_clock_offset();
  auto j = report("completion_writes", "3", argc, argv);
  j.flag("mps", std::getenv("CUDA_MPS_PIPE_DIRECTORY") != nullptr).list("per_kernel", rows);
  j.number("gpu_clock_minus_realtime_us", clock.gpu_minus_host_ns / 1000).number("clock_round_trip_min_us", clock.round_trip_min_ns / 1000);
  std::vector<Json> visible;
  for (auto control : {kReleasePlain, kReleaseSystemBarrier}) visible.push_back(visibility(control, measure_clock_offset()));
  j.list("visibility", visible);
  // How fast the two clocks part.
  const auto first = measure_clock_offset();
  const auto from = now_ns();
  usleep(2'000'000);
  const auto second = measure_clock_offset();
  j.number("clock_drift_us_per_s", (second.gpu_minus_host_ns - first.gpu_minus_host_ns) / 1000.0 / ((now_ns() - from) * 1e-9));
  std::printf("%s\n", j.str().c_str());
  return 0;
}
