// SPDX-License-Identifier: Apache-2.0
// The SM count that the program is told, and everything that the driver derives from it.
//
// Persistent kernels make their grids as large as the GPU: told fewer SMs, they fit the tenant's own TPCs (GPU.md §10).
// Never more than there are, and fixed for the program's life. Not changed: what a program reads of SM resources for
// green contexts, which it needs as they are.
#include <cuda.h>

#include <algorithm>

#include "cuda/shim/process.hpp"
#include "cuda/shim/thread_state.hpp"

namespace lithos::cuda::shim {
namespace {

// What a program on the managed GPU is told; 0: the truth.
int advertised_sms() {
  Process& process = Process::instance();
  if (!process.active() || process.advertised_tpcs() == 0) return 0;
  return static_cast<int>(process.advertised_tpcs() * process.gpu().sms_per_tpc);
}

int real_sms() {
  int sms = 0;
  return driver().cuDeviceGetAttribute(&sms, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, 0) == CUDA_SUCCESS ? sms : 0;
}

// A count that grows with the number of SMs, as it would be with those advertised. Once, where one of the driver's
// functions asks another.
template <class Call>
CUresult scaled(int* count, Call&& call) {
  const int told = advertised_sms();
  ThreadState* const thread = told == 0 ? nullptr : managing_thread();
  if (thread == nullptr) return call();
  const Inside inside(*thread);
  const CUresult result = call();
  const int real = real_sms();
  if (result == CUDA_SUCCESS && count != nullptr && *count > 0 && real > told)
    *count = static_cast<int>(std::max<long long>(static_cast<long long>(*count) * told / real, 1));
  return result;
}

}  // namespace
}  // namespace lithos::cuda::shim

using namespace lithos::cuda::shim;

extern "C" {

CUresult CUDAAPI cuDeviceGetAttribute(int* value, CUdevice_attribute attribute, CUdevice device) {
  const CUresult result = driver().cuDeviceGetAttribute(value, attribute, device);
  if (attribute != CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT || device != 0 || result != CUDA_SUCCESS) return result;
  if (const int told = advertised_sms(); told > 0) *value = std::min(*value, told);
  return result;
}

CUresult CUDAAPI cuOccupancyMaxPotentialBlockSize(int* grid, int* block, CUfunction f, CUoccupancyB2DSize dynamic,
                                                  size_t shared, int limit) {
  return scaled(grid,
                [&] { return driver().cuOccupancyMaxPotentialBlockSize(grid, block, f, dynamic, shared, limit); });
}

CUresult CUDAAPI cuOccupancyMaxPotentialBlockSizeWithFlags(int* grid, int* block, CUfunction f,
                                                           CUoccupancyB2DSize dynamic, size_t shared, int limit,
                                                           unsigned flags) {
  return scaled(grid, [&] {
    return driver().cuOccupancyMaxPotentialBlockSizeWithFlags(grid, block, f, dynamic, shared, limit, flags);
  });
}

CUresult CUDAAPI cuOccupancyMaxActiveClusters(int* clusters, CUfunction f, const CUlaunchConfig* config) {
  return scaled(clusters, [&] { return driver().cuOccupancyMaxActiveClusters(clusters, f, config); });
}

}  // extern "C"
