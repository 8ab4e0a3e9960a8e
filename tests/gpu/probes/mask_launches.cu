// Question 4: masks that change from launch to launch on one stream.
//
// Alternates two disjoint TPC sets on one stream, proves by %smid that each launch stayed inside its own, and
// compares the time of 900 launches with one mask, with no mask, and with alternating masks.
// "mask_launches empty" and "mask_launches cluster" ask what an impossible mask does: expect the timeout.
#include "common/descriptor_hook.hpp"
#include "common/kernels.cuh"
#include "common/report.hpp"

using namespace lithos::probe;

namespace {

TpcSet g_sets[2];
enum class Mode { kNone, kSame, kAlternate, kUnchecked } g_mode = Mode::kNone;
std::uint64_t g_launch = 0;

void visit(Descriptor& d, void*) {
  const auto i = g_launch++;
  if (g_mode == Mode::kSame) confine(d, g_sets[0]);
  if (g_mode == Mode::kAlternate) confine(d, g_sets[i % 2]);
  if (g_mode == Mode::kUnchecked) confine_unchecked(d, g_sets[0]);
}

double chain_us(Mode mode, int n, std::uint64_t spin_ns, int blocks) {
  cudaEvent_t e0, e1;
  PROBE_CUDA(cudaEventCreate(&e0));
  PROBE_CUDA(cudaEventCreate(&e1));
  std::vector<double> times;
  g_mode = mode;
  for (int r = 0; r < 9; ++r) {
    // A long kernel in front lets the CPU run ahead, so that the GPU-side gap is what is timed.
    spin_kernel<<<1, 1>>>(12'000'000);
    PROBE_CUDA(cudaEventRecord(e0));
    for (int i = 0; i < n; ++i) spin_kernel<<<blocks, 128>>>(spin_ns);
    PROBE_CUDA(cudaEventRecord(e1));
    PROBE_CUDA(cudaEventSynchronize(e1));
    float ms;
    PROBE_CUDA(cudaEventElapsedTime(&ms, e0, e1));
    times.push_back(ms * 1000 / n);
  }
  return median(times);
}

__global__ void __cluster_dims__(8, 1, 1) cluster_kernel(int* done) {
  if (threadIdx.x == 0) atomicAdd(done, 1);
}

// Launches with an impossible mask and waits three seconds.
int impossible(const std::vector<Tpc>& map, bool cluster, int argc, char** argv) {
  g_mode = Mode::kUnchecked;
  int* done;
  PROBE_CUDA(cudaMallocHost(&done, 4));
  *done = 0;
  if (cluster) {
    g_sets[0] = tpc_range(map, 0, 1);  // one TPC; a cluster of eight blocks of 200 KiB needs four
    PROBE_CUDA(cudaFuncSetAttribute(cluster_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 200 << 10));
    cluster_kernel<<<8, 128, 200 << 10>>>(done);
  } else {
    g_sets[0] = {};
    spin_kernel<<<1, 1>>>(1000);
  }
  const auto limit = now_ns() + 3'000'000'000ll;
  cudaError_t state = cudaErrorNotReady;
  while (now_ns() < limit && state == cudaErrorNotReady) state = cudaStreamQuery(nullptr);
  auto j = report("mask_launches", "4", argc, argv).text("case", cluster ? "cluster without room" : "empty mask");
  j.flag("finished_in_3_s", state != cudaErrorNotReady).number("state", state);
  std::printf("%s\n", j.str().c_str());
  std::fflush(stdout);
  std::_Exit(0);
}

}  // namespace

int main(int argc, char** argv) {
  need_gpu();
  const auto map = need_tpc_map();
  if (auto why = install_descriptor_hook(); !why.empty()) skip(why);
  set_visitor(&visit, nullptr);
  if (argc > 1) return impossible(map, std::string(argv[1]) == "cluster", argc, argv);

  g_sets[0] = tpc_range(map, 0, 32);
  g_sets[1] = tpc_range(map, 32, map.size() - 32);
  std::vector<bool> first(256, false);
  for (int i = 0; i < 32; ++i) first[map[i].sm0] = first[map[i].sm1] = true;

  constexpr int kLaunches = 400, kBlocks = 512;
  BlockMark* marks;
  PROBE_CUDA(cudaMallocHost(&marks, sizeof(BlockMark) * kLaunches * kBlocks));
  g_mode = Mode::kAlternate;
  g_launch = 0;
  for (int i = 0; i < kLaunches; ++i) marked_spin_kernel<<<kBlocks, 256>>>(marks + i * kBlocks, 2000);
  PROBE_CUDA(cudaDeviceSynchronize());
  int outside = 0;
  for (int i = 0; i < kLaunches * kBlocks; ++i) outside += first[marks[i].sm] != ((i / kBlocks) % 2 == 0);

  auto j = report("mask_launches", "4", argc, argv);
  j.number("alternating_launches", kLaunches).number("blocks_outside_their_mask", outside);
  std::vector<Json> rows;
  for (auto [spin, blocks] : {std::pair<std::uint64_t, int>{0, 1}, {0, 128}, {5000, 64}})
    rows.push_back(Json().number("spin_ns", spin).number("blocks", blocks)
                       .number("no_mask_us", chain_us(Mode::kNone, 900, spin, blocks))
                       .number("same_mask_us", chain_us(Mode::kSame, 900, spin, blocks))
                       .number("alternating_us", chain_us(Mode::kAlternate, 900, spin, blocks)));
  std::printf("%s\n", j.list("per_launch", rows).str().c_str());
  return 0;
}
