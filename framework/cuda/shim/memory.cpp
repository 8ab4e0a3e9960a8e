// SPDX-License-Identifier: Apache-2.0
// The tenant's memory limit over every way to allocate on the device, and what the program is told of its memory.
//
// Without a limit each function here is the driver's own after one load. Sizes are what the program asked for; the
// driver's rounding and its own needs (context, modules) are not counted. Not limited: memory that is mapped from
// elsewhere (IPC, external), host memory, and what pools keep after a free.
#include <cuda.h>

#include <algorithm>
#include <type_traits>

#include "cuda/shim/process.hpp"
#include "cuda/shim/thread_state.hpp"

namespace lithos::cuda::shim {
namespace {

// nullptr: nothing is limited.
MemoryBudget* limited() {
  Process& process = Process::instance();
  return process.active() && process.memory().limit() != 0 ? &process.memory() : nullptr;
}

CUresult refused() {
  if (ThreadState* const thread = thread_state()) thread->counters.add(Count::memory_refused);
  return CUDA_ERROR_OUT_OF_MEMORY;
}

// Takes from the budget, allocates, remembers. `handle()` names what was made, after success.
template <class Call, class Handle>
CUresult allocate(std::uint64_t bytes, Call&& call, Handle&& handle) {
  MemoryBudget* const budget = limited();
  ThreadState* const thread = budget == nullptr ? nullptr : managing_thread();
  if (thread == nullptr) return call();  // no limit, or a call of the driver's own inside another
  const Inside inside(*thread);
  if (!budget->take(bytes)) return refused();
  const CUresult result = call();
  if (result == CUDA_SUCCESS) budget->remember(handle(), bytes);
  else budget->give_back(bytes);
  return result;
}

// Pages and pools only exist after the call, when it is known what it came to.
template <class Call>
CUresult release(std::uint64_t handle, Call&& call) {
  const CUresult result = call();
  if (MemoryBudget* const budget = limited(); budget != nullptr && result == CUDA_SUCCESS) budget->forget(handle);
  return result;
}

std::uint64_t element_bytes(CUarray_format format, unsigned channels) {
  std::uint64_t bytes = 4;
  switch (format) {
    case CU_AD_FORMAT_UNSIGNED_INT8:
    case CU_AD_FORMAT_SIGNED_INT8: bytes = 1; break;
    case CU_AD_FORMAT_UNSIGNED_INT16:
    case CU_AD_FORMAT_SIGNED_INT16:
    case CU_AD_FORMAT_HALF: bytes = 2; break;
    default: break;  // 32 bits, and a guess for compressed and video formats
  }
  return bytes * std::max(channels, 1u);
}

template <class Descriptor>
std::uint64_t array_bytes(const Descriptor* descriptor) {
  if (descriptor == nullptr) return 0;
  return element_bytes(descriptor->Format, descriptor->NumChannels) * std::max<std::uint64_t>(descriptor->Width, 1) *
         std::max<std::uint64_t>(descriptor->Height, 1);
}

std::uint64_t array_bytes_3d(const CUDA_ARRAY3D_DESCRIPTOR* descriptor) {
  return descriptor == nullptr ? 0 : array_bytes(descriptor) * std::max<std::uint64_t>(descriptor->Depth, 1);
}

template <class T>
std::uint64_t as_number(T handle) {
  if constexpr (std::is_pointer_v<T>) return reinterpret_cast<std::uint64_t>(handle);
  else return static_cast<std::uint64_t>(handle);
}

// Handles of physical memory are small numbers, pointers are not: they cannot be taken for one another.
bool is_device_memory(const CUmemAllocationProp* properties) {
  return properties != nullptr && properties->location.type == CU_MEM_LOCATION_TYPE_DEVICE;
}

}  // namespace
}  // namespace lithos::cuda::shim

using namespace lithos::cuda::shim;

extern "C" {

CUresult CUDAAPI cuDeviceTotalMem_v2(size_t* bytes, CUdevice device) {
  const CUresult result = driver().cuDeviceTotalMem_v2(bytes, device);
  if (MemoryBudget* const budget = limited(); budget != nullptr && result == CUDA_SUCCESS && device == 0)
    *bytes = std::min<std::uint64_t>(*bytes, budget->limit());
  return result;
}

CUresult CUDAAPI cuMemGetInfo_v2(size_t* free_bytes, size_t* total_bytes) {
  const CUresult result = driver().cuMemGetInfo_v2(free_bytes, total_bytes);
  if (MemoryBudget* const budget = limited(); budget != nullptr && result == CUDA_SUCCESS) {
    if (free_bytes != nullptr) *free_bytes = std::min<std::uint64_t>(*free_bytes, budget->left());
    if (total_bytes != nullptr) *total_bytes = std::min<std::uint64_t>(*total_bytes, budget->limit());
  }
  return result;
}

CUresult CUDAAPI cuMemAlloc_v2(CUdeviceptr* out, size_t bytes) {
  return allocate(
      bytes, [&] { return driver().cuMemAlloc_v2(out, bytes); }, [&] { return as_number(*out); });
}
CUresult CUDAAPI cuMemAllocPitch_v2(CUdeviceptr* out, size_t* pitch, size_t width, size_t height, unsigned element) {
  return allocate(
      std::uint64_t{width} * height, [&] { return driver().cuMemAllocPitch_v2(out, pitch, width, height, element); },
      [&] { return as_number(*out); });
}
CUresult CUDAAPI cuMemAllocManaged(CUdeviceptr* out, size_t bytes, unsigned flags) {
  return allocate(
      bytes, [&] { return driver().cuMemAllocManaged(out, bytes, flags); }, [&] { return as_number(*out); });
}
CUresult CUDAAPI cuMemAllocAsync(CUdeviceptr* out, size_t bytes, CUstream stream) {
  return allocate(
      bytes, [&] { return driver().cuMemAllocAsync(out, bytes, stream); }, [&] { return as_number(*out); });
}
CUresult CUDAAPI cuMemAllocAsync_ptsz(CUdeviceptr* out, size_t bytes, CUstream stream) {
  return allocate(
      bytes, [&] { return driver().cuMemAllocAsync_ptsz(out, bytes, stream); }, [&] { return as_number(*out); });
}
CUresult CUDAAPI cuMemAllocFromPoolAsync(CUdeviceptr* out, size_t bytes, CUmemoryPool pool, CUstream stream) {
  return allocate(
      bytes, [&] { return driver().cuMemAllocFromPoolAsync(out, bytes, pool, stream); },
      [&] { return as_number(*out); });
}
CUresult CUDAAPI cuMemAllocFromPoolAsync_ptsz(CUdeviceptr* out, size_t bytes, CUmemoryPool pool, CUstream stream) {
  return allocate(
      bytes, [&] { return driver().cuMemAllocFromPoolAsync_ptsz(out, bytes, pool, stream); },
      [&] { return as_number(*out); });
}
CUresult CUDAAPI cuMemCreate(CUmemGenericAllocationHandle* handle, size_t size, const CUmemAllocationProp* properties,
                             unsigned long long flags) {
  const auto call = [&] { return driver().cuMemCreate(handle, size, properties, flags); };
  return is_device_memory(properties) ? allocate(size, call, [&] { return as_number(*handle); }) : call();
}
CUresult CUDAAPI cuArrayCreate_v2(CUarray* array, const CUDA_ARRAY_DESCRIPTOR* descriptor) {
  return allocate(
      array_bytes(descriptor), [&] { return driver().cuArrayCreate_v2(array, descriptor); },
      [&] { return as_number(*array); });
}
CUresult CUDAAPI cuArray3DCreate_v2(CUarray* array, const CUDA_ARRAY3D_DESCRIPTOR* descriptor) {
  return allocate(
      array_bytes_3d(descriptor), [&] { return driver().cuArray3DCreate_v2(array, descriptor); },
      [&] { return as_number(*array); });
}
CUresult CUDAAPI cuMipmappedArrayCreate(CUmipmappedArray* array, const CUDA_ARRAY3D_DESCRIPTOR* descriptor,
                                        unsigned levels) {
  const std::uint64_t bytes = array_bytes_3d(descriptor) / 3 * 4;  // a quarter for each further level, at most a third
  return allocate(
      bytes, [&] { return driver().cuMipmappedArrayCreate(array, descriptor, levels); },
      [&] { return as_number(*array); });
}

CUresult CUDAAPI cuMemFree_v2(CUdeviceptr pointer) {
  return release(as_number(pointer), [&] { return driver().cuMemFree_v2(pointer); });
}
CUresult CUDAAPI cuMemFreeAsync(CUdeviceptr pointer, CUstream stream) {
  return release(as_number(pointer), [&] { return driver().cuMemFreeAsync(pointer, stream); });
}
CUresult CUDAAPI cuMemFreeAsync_ptsz(CUdeviceptr pointer, CUstream stream) {
  return release(as_number(pointer), [&] { return driver().cuMemFreeAsync_ptsz(pointer, stream); });
}
CUresult CUDAAPI cuMemRelease(CUmemGenericAllocationHandle handle) {
  return release(as_number(handle), [&] { return driver().cuMemRelease(handle); });
}
CUresult CUDAAPI cuArrayDestroy(CUarray array) {
  return release(as_number(array), [&] { return driver().cuArrayDestroy(array); });
}
CUresult CUDAAPI cuMipmappedArrayDestroy(CUmipmappedArray array) {
  return release(as_number(array), [&] { return driver().cuMipmappedArrayDestroy(array); });
}

}  // extern "C"
