// Marker blocks: one for each SM, started on a low-priority stream behind the kernel under test. A marker takes all of
// an SM's shared memory, so it begins when the SM has become free; the begins show the tail of that kernel.
#include "kernels.cuh"

namespace {

constexpr int kWholeSm = 227 << 10;

// Holds its SM until every marker has begun, so that no SM gets two; gives up after `patience_ns`.
__global__ void marker(lithos::probe::BlockMark* marks, int* arrived, std::uint64_t patience_ns) {
  const auto begin = lithos::probe::global_ns();
  if (threadIdx.x != 0) return;
  atomicAdd(arrived, 1);
  while (*reinterpret_cast<volatile int*>(arrived) < static_cast<int>(gridDim.x) &&
         lithos::probe::global_ns() - begin < patience_ns) {
  }
  marks[blockIdx.x] = {begin, lithos::probe::global_ns(), lithos::probe::sm_id(), 1};
}

}  // namespace

// `marks` has one 24-byte entry for each block, `arrived` is zero before.
extern "C" int ph_launch_markers(void* stream, int blocks, void* marks, int* arrived, unsigned long long patience_ns) {
  cudaFuncSetAttribute(marker, cudaFuncAttributeMaxDynamicSharedMemorySize, kWholeSm);
  marker<<<blocks, 32, kWholeSm, static_cast<cudaStream_t>(stream)>>>(static_cast<lithos::probe::BlockMark*>(marks),
                                                                       arrived, patience_ns);
  return cudaGetLastError();
}
