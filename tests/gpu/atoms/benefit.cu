// SPDX-License-Identifier: Apache-2.0
// Must show: a 10 µs kernel beside a 10 ms kernel on the same TPCs: p99 ≥ 20 × better than uncut, and within the outstanding limit plus one
// atom. And: a lease changed during a 20 ms kernel takes effect within the same bound, seen in %smid. One stream takes atoms one ahead
// of the GPU, the other a short kernel at random times.
#include <atomic>
#include <mutex>
#include <random>
#include <thread>

#include "common/kernels.cuh"
#include "common/report.hpp"
#include "cut_launcher.hpp"

using namespace lithos;
using namespace lithos::probe;

namespace {

constexpr std::uint32_t kBlocks = 132 * 4 * 40;  // 40 waves of four blocks an SM

struct Background {
  CUfunction function = nullptr;
  CUlaunchConfig config{};
  BlockMark* marks = nullptr;
  std::uint64_t spin_ns = 0;
  void* parameters[2] = {&marks, &spin_ns};

  Background(gpu::CutLauncher& launcher, std::uint64_t wave_ns, cudaStream_t stream) : spin_ns(wave_ns) {
    PROBE_CUDA(cudaMallocManaged(&marks, kBlocks * sizeof(BlockMark)));
    PROBE_CUDA(cudaGetFuncBySymbol(&function, reinterpret_cast<const void*>(&marked_spin_kernel)));
    config.gridDimX = kBlocks, config.gridDimY = config.gridDimZ = 1;
    config.blockDimX = 512, config.blockDimY = config.blockDimZ = 1;
    config.hStream = stream;
    launcher.whole(function, config, parameters);
    launcher.whole(function, config, parameters);
  }
};

// Submits one part after the other, at most one behind the one that runs.
class OneAhead {
 public:
  explicit OneAhead(cudaStream_t stream) : stream_(stream) {
    for (cudaEvent_t& event : events_) PROBE_CUDA(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
  }
  template <class F>
  void submit(F&& launch) {
    cudaEvent_t& oldest = events_[next_ % 2];
    while (cudaEventQuery(oldest) == cudaErrorNotReady) {}
    launch();
    PROBE_CUDA(cudaEventRecord(oldest, stream_));
    ++next_;
  }

 private:
  cudaStream_t stream_;
  cudaEvent_t events_[2];
  unsigned next_ = 0;
};

// The foreground's latencies beside a background cut into so many atoms. Launching is one thread's: both kinds go through one lock.
Json beside(gpu::CutLauncher& launcher, Background& background, cudaStream_t back, cudaStream_t front,
            std::uint32_t atoms) {
  std::mutex launching;
  std::atomic<bool> ending{false};
  const auto ranges = gpu::even_cuts(background.config, atoms);
  std::thread behind([&] {
    OneAhead ahead(back);
    while (!ending)
      for (const BlockRange& range : ranges) {
        ahead.submit([&] {
          const std::lock_guard lock(launching);
          if (ranges.size() > 1)
            launcher.part(background.function, background.config, background.parameters, range, nullptr);
          else PROBE_CUDA(cuLaunchKernelEx(&background.config, background.function, background.parameters, nullptr));
        });
        if (ending) break;
      }
  });
  std::mt19937 random(7);
  std::vector<double> latencies_us;
  const int requests = atoms > 1 ? 2000 : 300;
  for (int i = 0; i < requests; ++i) {
    std::this_thread::sleep_for(std::chrono::microseconds(1000 + random() % 3000));
    const auto from = now_ns(CLOCK_MONOTONIC);
    {
      const std::lock_guard lock(launching);
      spin_kernel<<<132, 256, 0, front>>>(10'000);
    }
    PROBE_CUDA(cudaStreamSynchronize(front));
    latencies_us.push_back(static_cast<double>(now_ns(CLOCK_MONOTONIC) - from) / 1000);
  }
  ending = true;
  behind.join();
  launcher.settle();
  return spread(latencies_us).number("atoms", static_cast<double>(ranges.size()));
}

// The lease moves from the lower to the upper half of the TPCs in the middle of a launch.
Json reassigned(gpu::CutLauncher& launcher, Background& background, cudaStream_t stream, std::uint32_t atoms) {
  const auto map = load_tpc_map();
  if (map.size() < 4) return Json().text("skipped", "LITHOS_TPC_MAP names no map");
  const std::size_t half = map.size() / 2;
  const probe::TpcSet sets[] = {tpc_range(map, 0, half), tpc_range(map, half, map.size() - half)};
  std::atomic<int> lease{0};
  std::atomic<std::uint64_t> changed_ns{0};
  std::thread policy([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(8));
    lease = 1;
    changed_ns = static_cast<std::uint64_t>(now_ns());
  });
  OneAhead ahead(stream);
  for (const BlockRange& range : gpu::even_cuts(background.config, atoms))
    ahead.submit(
        [&] { launcher.part(background.function, background.config, background.parameters, range, &sets[lease]); });
  policy.join();
  launcher.settle();
  std::vector<bool> upper(1024, false);
  for (std::size_t i = half; i < map.size(); ++i) upper[map[i].sm0] = upper[map[i].sm1] = true;
  std::uint64_t last_old = 0, first_new = ~0ull, begin = ~0ull, end = 0;
  for (std::uint32_t i = 0; i < kBlocks; ++i) {
    const BlockMark& mark = background.marks[i];
    begin = std::min<std::uint64_t>(begin, mark.begin_ns), end = std::max<std::uint64_t>(end, mark.end_ns);
    if (upper[mark.sm]) first_new = std::min<std::uint64_t>(first_new, mark.begin_ns);
    else last_old = std::max<std::uint64_t>(last_old, mark.begin_ns);
  }
  const auto since = [&](std::uint64_t t) {
    return (static_cast<double>(t) - static_cast<double>(changed_ns.load())) / 1000;
  };
  return Json()
      .number("atoms", atoms)
      .number("launch_us", static_cast<double>(end - begin) / 1000)
      .number("first_block_on_new_tpcs_us", since(first_new))
      .number("last_block_on_old_tpcs_us", since(last_old))
      .text("note", "host and GPU clocks differ by up to 0.3 ms (docs/design/hardware.md section 3)");
}

}  // namespace

int main(int argc, char** argv) {
  gpu::CutLauncher launcher;
  cudaStream_t back, front;
  PROBE_CUDA(cudaStreamCreateWithFlags(&back, cudaStreamNonBlocking));
  PROBE_CUDA(cudaStreamCreateWithFlags(&front, cudaStreamNonBlocking));
  Background ten(launcher, 250'000, back);
  spin_kernel<<<132, 256, 0, front>>>(10'000);
  PROBE_CUDA(cudaDeviceSynchronize());
  std::vector<Json> rows, moves;
  for (const std::uint32_t atoms : {1u, 10u, 20u, 40u}) rows.push_back(beside(launcher, ten, back, front, atoms));
  for (const std::uint32_t atoms : {20u, 40u, 40u, 40u}) moves.push_back(reassigned(launcher, ten, back, atoms));
  auto j = report("benefit", "must show: benefit, mid-kernel reassignment", argc, argv)
               .list("beside", rows)
               .list("reassigned", moves);
  j.number("refused", launcher.result().refused).text("first_refusal", launcher.result().first_refusal);
  std::printf("%s\n", j.str().c_str());
  return 0;
}
