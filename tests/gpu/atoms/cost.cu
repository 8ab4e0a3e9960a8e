// SPDX-License-Identifier: Apache-2.0
// Must show: one atom through the prelude ≤ +0.5 % of a 3 ms kernel, 500 µs atoms ≤ +2 %, 100 000 short blocks ≤ +5 % at 4 atoms; and what
// the preludes of the other axes cost. Median of nine, cut and whole in turn.
#include <functional>

#include "common/kernels.cuh"
#include "common/report.hpp"
#include "cut_launcher.hpp"

using namespace lithos;
using namespace lithos::probe;

namespace {

struct Work {
  const char* name;
  Dim3 grid;
  int rounds;
  std::uint32_t threads;
};

double once_us(const std::function<void()>& launch) {
  static cudaEvent_t from = nullptr, to = nullptr;
  if (from == nullptr) {
    PROBE_CUDA(cudaEventCreate(&from));
    PROBE_CUDA(cudaEventCreate(&to));
  }
  spin_kernel<<<1, 1>>>(400'000);  // so that all launches are queued before the first runs
  PROBE_CUDA(cudaEventRecord(from));
  launch();
  PROBE_CUDA(cudaEventRecord(to));
  PROBE_CUDA(cudaEventSynchronize(to));
  float ms;
  PROBE_CUDA(cudaEventElapsedTime(&ms, from, to));
  return ms * 1000;
}

Json measure(gpu::CutLauncher& launcher, const Work& w, float* sink) {
  CUfunction function;
  PROBE_CUDA(cudaGetFuncBySymbol(&function, reinterpret_cast<const void*>(&fma_kernel)));
  CUlaunchConfig config{};
  config.gridDimX = w.grid.x, config.gridDimY = w.grid.y, config.gridDimZ = w.grid.z;
  config.blockDimX = w.threads, config.blockDimY = config.blockDimZ = 1;
  int rounds = w.rounds;
  void* parameters[] = {&sink, &rounds};
  launcher.whole(function, config, parameters);
  launcher.whole(function, config, parameters);
  Json row;
  row.text("kernel", w.name).number("blocks", static_cast<double>(w.grid.total())).number("threads", w.threads);
  for (const std::uint32_t atoms : {1u, 2u, 3u, 4u, 6u, 8u, 16u, 32u}) {
    const auto ranges = gpu::even_cuts(config, atoms);
    std::vector<double> bare, cut;
    for (int repeat = 0; repeat < 9; ++repeat) {
      CUlaunchConfig copy = config;
      bare.push_back(once_us([&] { PROBE_CUDA(cuLaunchKernelEx(&copy, function, parameters, nullptr)); }));
      cut.push_back(once_us([&] { launcher.parts(function, config, parameters, ranges, true); }));
      launcher.settle();
    }
    if (atoms == 1) row.number("bare_us", median(bare));
    row.number("atoms_" + std::to_string(atoms) + "_percent", 100 * (median(cut) / median(bare) - 1));
  }
  return row;
}

}  // namespace

int main(int argc, char** argv) {
  gpu::CutLauncher launcher;
  float* sink;
  PROBE_CUDA(cudaMalloc(&sink, 4));
  const Work works[] = {
      {"long blocks", {16'896, 1, 1}, 660, 1024},         {"long blocks, rows", {132, 128, 1}, 660, 1024},
      {"long blocks, planes", {32, 33, 16}, 660, 1024},   {"short blocks", {105'600, 1, 1}, 100, 1024},
      {"short blocks of 256", {105'600, 1, 1}, 400, 256}, {"short blocks, rows", {480, 220, 1}, 100, 1024}};
  std::vector<Json> rows;
  for (const Work& w : works) rows.push_back(measure(launcher, w, sink));
  auto j = report("cost", "must show: cost", argc, argv).list("cost", rows);
  j.number("refused", launcher.result().refused).text("first_refusal", launcher.result().first_refusal);
  std::printf("%s\n", j.str().c_str());
  return 0;
}
