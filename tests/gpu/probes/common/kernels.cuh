// Small kernels with known behaviour: spin for a time, stream memory, compute, mark the SM.
#pragma once

#include <cstdint>

namespace lithos::probe {

__device__ inline std::uint64_t global_ns() {
  std::uint64_t t;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(t));
  return t;
}

__device__ inline unsigned sm_id() {
  unsigned sm;
  asm volatile("mov.u32 %0, %%smid;" : "=r"(sm));
  return sm;
}

static __global__ void empty_kernel() {}

static __global__ void spin_kernel(std::uint64_t spin_ns) {
  const auto start = global_ns();
  while (global_ns() - start < spin_ns) {
  }
}

// What one block saw.
struct BlockMark {
  std::uint64_t begin_ns, end_ns;
  std::uint32_t sm, pad;
};

static __global__ void marked_spin_kernel(BlockMark* marks, std::uint64_t spin_ns) {
  const auto begin = global_ns();
  while (global_ns() - begin < spin_ns) {
  }
  if (threadIdx.x == 0) marks[blockIdx.x] = {begin, global_ns(), sm_id(), 0};
}

// Reads and writes `words` float4s, grid-stride, `rounds` times: bound by memory, or by L2 when small.
static __global__ void copy_kernel(const float4* __restrict__ in, float4* __restrict__ out, std::size_t words, int rounds) {
  const std::size_t stride = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  for (int r = 0; r < rounds; ++r)
    for (std::size_t i = blockIdx.x * static_cast<std::size_t>(blockDim.x) + threadIdx.x; i < words; i += stride) {
      float4 v = __ldcg(in + i);
      v.x += 1.f;
      __stcg(out + i, v);
    }
}

// Dependent fused multiply-adds in eight chains: bound by the arithmetic units.
static __global__ void fma_kernel(float* out, int rounds) {
  float a[8];
  for (int k = 0; k < 8; ++k) a[k] = threadIdx.x + k;
  for (int r = 0; r < rounds; ++r)
#pragma unroll
    for (int k = 0; k < 8; ++k) a[k] = fmaf(a[k], 1.000001f, 0.5f);
  float sum = 0;
  for (int k = 0; k < 8; ++k) sum += a[k];
  if (sum == 12345.f) *out = sum;
}

}  // namespace lithos::probe
