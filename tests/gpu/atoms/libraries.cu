// SPDX-License-Identifier: Apache-2.0
// Must show: bit-identical under forced cutting for code that nobody here compiled: CUB scan and sort, cuBLAS, cuFFT. Each piece of work is
// captured into a graph; the graph's kernels are then launched one by one, whole and in parts, and the outputs compared.
#include <cublas_v2.h>
#include <cufft.h>

#include <cub/cub.cuh>
#include <functional>

#include "common/captured_steps.hpp"
#include "common/report.hpp"
#include "cut_launcher.hpp"

using namespace lithos::probe;
namespace gpu = lithos::gpu;  // not all of lithos: its namespace cuda would stand beside the toolkit's

namespace {

constexpr int kSide = 2048, kCount = 1 << 24;

struct Work {
  const char* name;
  std::function<void()> prepare, run;
  void* output;
  std::size_t bytes;
};

std::vector<char> output_of(const Work& work) {
  PROBE_CUDA(cudaDeviceSynchronize());
  std::vector<char> bytes(work.bytes);
  PROBE_CUDA(cudaMemcpy(bytes.data(), work.output, work.bytes, cudaMemcpyDeviceToHost));
  return bytes;
}

// atoms 0: whole.
void play(gpu::CutLauncher& launcher, std::vector<Step>& steps, std::uint32_t atoms, int& kernels_cut) {
  for (Step& step : steps) {
    if (step.function == nullptr) {
      if (step.other != nullptr) PROBE_CUDA(cuGraphLaunch(step.other, nullptr));
      PROBE_CUDA(cudaDeviceSynchronize());
      continue;
    }
    const std::uint64_t blocks = std::uint64_t{step.config.gridDimX} * step.config.gridDimY * step.config.gridDimZ;
    const bool cut = atoms > 0 && blocks > 1 && !gpu::cut_forbidden(step.config);
    if (!cut) {
      launcher.whole(step.function, step.config, step.parameters);
      continue;
    }
    ++kernels_cut;
    launcher.parts(step.function, step.config, step.parameters, gpu::odd_cuts(step.config, atoms));
    launcher.settle();
  }
}

Json compare(gpu::CutLauncher& launcher, cudaStream_t stream, const Work& work) {
  work.prepare();
  work.run();  // loads what is loaded lazily
  std::vector<Step> steps = captured_steps(stream, [&] { return work.run(), 0; });
  if (steps.empty()) PROBE_CUDA(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);  // nothing to compare is no agreement
  int kernels_cut = 0;
  for (int sighting = 0; sighting < 2; ++sighting) {
    work.prepare();
    play(launcher, steps, 0, kernels_cut);
  }
  const std::vector<char> expected = output_of(work);
  Json row;
  row.text("work", work.name).number("steps", static_cast<double>(steps.size()));
  for (const std::uint32_t atoms : {2u, 3u, 7u, 64u}) {
    work.prepare();
    kernels_cut = 0;
    play(launcher, steps, atoms, kernels_cut);
    row.flag("same_at_" + std::to_string(atoms), output_of(work) == expected);
  }
  return row.number("kernels_cut", kernels_cut);
}

__global__ void fill(float* out, std::size_t n, std::uint32_t seed) {
  for (std::size_t i = blockIdx.x * std::size_t{blockDim.x} + threadIdx.x; i < n;
       i += std::size_t{gridDim.x} * blockDim.x)
    out[i] = static_cast<float>((static_cast<std::uint32_t>(i) * 2654435761u + seed) >> 8) / 16777216.f;
}

template <class T>
T* device(std::size_t n) {
  T* p;
  PROBE_CUDA(cudaMalloc(&p, n * sizeof(T)));
  return p;
}

}  // namespace

int main(int argc, char** argv) {
  gpu::CutLauncher launcher;
  cudaStream_t s;
  PROBE_CUDA(cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking));
  float *a = device<float>(kCount), *b = device<float>(kCount), *c = device<float>(kCount);
  const auto prepare = [&] {
    fill<<<512, 256>>>(a, kCount, 1);
    fill<<<512, 256>>>(b, kCount, 2);
    PROBE_CUDA(cudaMemset(c, 0, kCount * sizeof(float)));
    PROBE_CUDA(cudaDeviceSynchronize());
  };
  auto *ints = reinterpret_cast<std::uint32_t*>(a), *sums = reinterpret_cast<std::uint32_t*>(c);
  std::size_t scan_bytes = 0, sort_bytes = 0;
  cub::DeviceScan::InclusiveSum(nullptr, scan_bytes, ints, sums, kCount, s);
  cub::DeviceRadixSort::SortKeys(nullptr, sort_bytes, ints, sums, kCount, 0, 32, s);
  char* scratch = device<char>(std::max(scan_bytes, sort_bytes));
  cublasHandle_t blas;
  PROBE_CUDA(cublasCreate(&blas));
  PROBE_CUDA(cublasSetStream(blas, s));
  void* workspace = device<char>(64 << 20);
  PROBE_CUDA(cublasSetWorkspace(blas, workspace, 64 << 20));
  cufftHandle fft;
  PROBE_CUDA(cufftPlan1d(&fft, 1 << 20, CUFFT_C2C, 4));
  PROBE_CUDA(cufftSetStream(fft, s));
  const float one = 1, zero = 0;
  const std::size_t square = std::size_t{kSide} * kSide * sizeof(float);
  const Work works[] = {
      {"CUB inclusive scan", prepare,
       [&] { cub::DeviceScan::InclusiveSum(scratch, scan_bytes, ints, sums, kCount, s); }, c, kCount * 4},
      {"CUB radix sort", prepare,
       [&] { cub::DeviceRadixSort::SortKeys(scratch, sort_bytes, ints, sums, kCount, 0, 32, s); }, c, kCount * 4},
      {"cuBLAS SGEMM 2048", prepare,
       [&] {
         cublasSgemm(blas, CUBLAS_OP_N, CUBLAS_OP_N, kSide, kSide, kSide, &one, a, kSide, b, kSide, &zero, c, kSide);
       },
       c, square},
      {"cuBLAS SGEMM 777 x 1531 x 333", prepare,
       [&] { cublasSgemm(blas, CUBLAS_OP_T, CUBLAS_OP_N, 777, 1531, 333, &one, a, 333, b, 333, &zero, c, 777); }, c,
       777 * 1531 * 4},
      {"cuBLAS TF32 GEMM 2048", prepare,
       [&] {
         cublasGemmEx(blas, CUBLAS_OP_N, CUBLAS_OP_N, kSide, kSide, kSide, &one, a, CUDA_R_32F, kSide, b, CUDA_R_32F,
                      kSide, &zero, c, CUDA_R_32F, kSide, CUBLAS_COMPUTE_32F_FAST_TF32, CUBLAS_GEMM_DEFAULT);
       },
       c, square},
      {"cuFFT 4 x 2^20", prepare,
       [&] {
         cufftExecC2C(fft, reinterpret_cast<cufftComplex*>(a), reinterpret_cast<cufftComplex*>(c), CUFFT_FORWARD);
       },
       c, (1 << 22) * 8}};
  std::vector<Json> rows;
  for (const Work& work : works) rows.push_back(compare(launcher, s, work));
  auto j = report("libraries", "must show: bit-identical libraries", argc, argv).list("works", rows);
  j.number("refused", launcher.result().refused).text("first_refusal", launcher.result().first_refusal);
  j.number("bank_conflicts", launcher.constant_bank_conflicts()).number("redirected", launcher.result().redirected);
  std::printf("%s\n", j.str().c_str());
  return 0;
}
