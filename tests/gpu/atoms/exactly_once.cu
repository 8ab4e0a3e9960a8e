// SPDX-License-Identifier: Apache-2.0
// Must show: every block once and every byte as before, under forced cutting into 2, 3, 7 and 64 atoms at odd places. Own kernels: counters
// on 1-D, 2-D, 3-D and clustered grids, shared memory with barriers, calls, a switch, a texture, printf, atomics.
#include <cooperative_groups.h>

#include <cstring>
#include <functional>

#include "common/report.hpp"
#include "cut_launcher.hpp"

using namespace lithos;
using namespace lithos::probe;

namespace {

constexpr std::uint32_t kThreads = 96;

__device__ std::uint32_t block_number() { return blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z); }

__global__ void counted(std::uint32_t* out) {
  if (threadIdx.x == 0) atomicAdd(&out[block_number()], 1 + gridDim.x + 3 * gridDim.y + 7 * gridDim.z);
}
__global__ void __cluster_dims__(2, 1, 1) counted_pairs(std::uint32_t* out) {
  const unsigned rank = cooperative_groups::this_cluster().block_rank();
  if (threadIdx.x == 0) atomicAdd(&out[block_number()], 1 + gridDim.x + rank);
}
__global__ void __cluster_dims__(2, 2, 1) counted_squares(std::uint32_t* out) {
  cooperative_groups::this_cluster().sync();
  if (threadIdx.x == 0) atomicAdd(&out[block_number()], 1 + gridDim.y);
}
__device__ __noinline__ std::uint32_t called(std::uint32_t x, std::uint32_t depth) {
  return depth == 0 ? x : called(x * 1664525u + 1013904223u, depth - 1);
}
__global__ void shared_and_calls(std::uint32_t* out) {
  __shared__ std::uint32_t tile[kThreads];
  tile[threadIdx.x] = called(block_number() * kThreads + threadIdx.x, threadIdx.x % 5);
  __syncthreads();
  std::uint32_t v = tile[(threadIdx.x * 7 + 1) % kThreads];
  if (threadIdx.x % 3 == 0) v = called(v, 3);
  __syncthreads();
  out[block_number() * kThreads + threadIdx.x] = v;
}
__global__ void switched(std::uint32_t* out) {
  std::uint32_t v = block_number();
  switch (v % 6) {
    case 0: v = __popc(v); break;
    case 1: v = __brev(v); break;
    case 2: v *= 3; break;
    case 3: v = called(v, 2); break;
    case 4: v = static_cast<std::uint32_t>(sqrtf(static_cast<float>(v)) * 1000); break;
    default: v = ~v;
  }
  out[block_number() * kThreads + threadIdx.x] = v + threadIdx.x;
}
__global__ void textured(std::uint32_t* out, cudaTextureObject_t texture) {
  const float v = tex1Dfetch<float>(texture, static_cast<int>((block_number() * 31 + threadIdx.x) % 1024));
  out[block_number() * kThreads + threadIdx.x] = __float_as_uint(v);
}
__global__ void printing(std::uint32_t* out) {
  if (threadIdx.x == 0 && block_number() % 500 == 0) printf("block %u\n", block_number());
  out[block_number() * kThreads + threadIdx.x] = block_number();
}
__global__ void summed(std::uint32_t* out) { atomicAdd(&out[threadIdx.x % 7], block_number()); }

struct Case {
  const char* name;
  const void* kernel;
  Dim3 grid;
  Dim3 cluster{};
  bool texture = false;
};

cudaTextureObject_t make_texture() {
  float host[1024], *device;
  for (int i = 0; i < 1024; ++i) host[i] = static_cast<float>(i) * 0.37f;
  PROBE_CUDA(cudaMalloc(&device, sizeof host));
  PROBE_CUDA(cudaMemcpy(device, host, sizeof host, cudaMemcpyHostToDevice));
  cudaResourceDesc resource{};
  resource.resType = cudaResourceTypeLinear;
  resource.res.linear = {device, cudaCreateChannelDesc<float>(), sizeof host};
  cudaTextureDesc description{};
  cudaTextureObject_t texture;
  PROBE_CUDA(cudaCreateTextureObject(&texture, &resource, &description, nullptr));
  return texture;
}

Json run(gpu::CutLauncher& launcher, const Case& c, std::uint32_t atoms, std::uint32_t* out, std::size_t words) {
  CUfunction function;
  PROBE_CUDA(cudaGetFuncBySymbol(&function, c.kernel));
  static cudaTextureObject_t texture = make_texture();
  CUlaunchAttribute cluster{};
  cluster.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
  cluster.value.clusterDim = {c.cluster.x, c.cluster.y, c.cluster.z};
  CUlaunchConfig config{};
  config.gridDimX = c.grid.x, config.gridDimY = c.grid.y, config.gridDimZ = c.grid.z;
  config.blockDimX = kThreads, config.blockDimY = config.blockDimZ = 1;
  if (c.cluster.total() > 1) config.attrs = &cluster, config.numAttrs = 1;
  void* parameters[] = {&out, &texture};
  std::vector<std::uint32_t> expected(words), got(words);
  for (int sighting = 0; sighting < 2; ++sighting) {
    PROBE_CUDA(cudaMemset(out, 0, words * 4));
    launcher.whole(function, config, parameters);
  }
  PROBE_CUDA(cudaMemcpy(expected.data(), out, words * 4, cudaMemcpyDeviceToHost));
  PROBE_CUDA(cudaMemset(out, 0, words * 4));
  const int refused_before = launcher.result().refused, redirected_before = launcher.result().redirected;
  const auto ranges = gpu::odd_cuts(config, atoms);
  launcher.parts(function, config, parameters, ranges);
  launcher.settle();
  PROBE_CUDA(cudaMemcpy(got.data(), out, words * 4, cudaMemcpyDeviceToHost));
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < words; ++i) wrong += got[i] != expected[i];
  return Json()
      .text("kernel", c.name)
      .number("atoms", static_cast<double>(ranges.size()))
      .number("wrong_words", static_cast<double>(wrong))
      .number("refused", launcher.result().refused - refused_before)
      .number("redirected", launcher.result().redirected - redirected_before);
}

}  // namespace

int main(int argc, char** argv) {
  gpu::CutLauncher launcher;
  const Case cases[] = {
      {"1-D", reinterpret_cast<const void*>(&counted), {10'007, 1, 1}},
      {"2-D", reinterpret_cast<const void*>(&counted), {101, 97, 1}},
      {"3-D", reinterpret_cast<const void*>(&counted), {23, 19, 17}},
      {"3-D, flat", reinterpret_cast<const void*>(&counted), {1, 37, 120}},
      {"pairs", reinterpret_cast<const void*>(&counted_pairs), {10'006, 1, 1}, {2, 1, 1}},
      {"pairs, 2-D", reinterpret_cast<const void*>(&counted_pairs), {102, 50, 1}, {2, 1, 1}},
      {"squares", reinterpret_cast<const void*>(&counted_squares), {102, 96, 1}, {2, 2, 1}},
      {"shared memory, barriers, calls", reinterpret_cast<const void*>(&shared_and_calls), {4'001, 1, 1}},
      {"switch", reinterpret_cast<const void*>(&switched), {61, 67, 1}},
      {"texture", reinterpret_cast<const void*>(&textured), {4'001, 1, 1}, {}, true},
      {"printf", reinterpret_cast<const void*>(&printing), {4'001, 1, 1}},
      {"atomics", reinterpret_cast<const void*>(&summed), {4'001, 3, 2}}};
  constexpr std::size_t kWords = 4'200 * kThreads;
  std::uint32_t* out;
  PROBE_CUDA(cudaMalloc(&out, kWords * 4));
  std::FILE* const printed =
      std::freopen("/dev/null", "w", stdout);  // of the kernel; the report goes to stderr's place below
  std::vector<Json> rows;
  for (const Case& c : cases)
    for (const std::uint32_t atoms : {2u, 3u, 7u, 64u}) rows.push_back(run(launcher, c, atoms, out, kWords));
  auto j = report("exactly_once", "must show: exactly once", argc, argv).list("cases", rows);
  j.text("first_refusal", launcher.result().first_refusal).number("bank_conflicts", launcher.constant_bank_conflicts());
  (void)printed;
  std::fprintf(stderr, "%s\n", j.str().c_str());
  return 0;
}
