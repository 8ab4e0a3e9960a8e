// SPDX-License-Identifier: Apache-2.0
// cuGetProcAddress: the driver decides what a name means at a version, we put ours in its place.
//
// The answer is translated by address: whatever the driver hands out that it also exports under a name that we define
// becomes ours, whichever name, version and flags led there. Where a driver hands out an address that it does not
// export, the name and version decide. What we do not define stays the driver's.
#include <cstring>

#include "cuda/shim/driver.hpp"
#include "cuda/shim/queued/gate.hpp"

namespace lithos::cuda::shim {
namespace {

const InterceptEntry* by_address(const void* real) {
  const InterceptList list = intercepts();
  for (unsigned i = 0; i < list.count; ++i)
    if (list.entries[i].real == real) return &list.entries[i];
  return nullptr;
}

bool wants_per_thread(cuuint64_t flags) { return (flags & CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM) != 0; }

// The newest entry of the name that is not newer than asked for; of the per-thread kind if there is one and it is asked for.
const InterceptEntry* by_name(const char* symbol, int version, cuuint64_t flags) {
  const InterceptEntry* best = nullptr;
  const InterceptList list = intercepts();
  for (unsigned i = 0; i < list.count; ++i) {
    const InterceptEntry& entry = list.entries[i];
    if (entry.real == nullptr || entry.since > version || std::strcmp(entry.base, symbol) != 0) continue;
    if (entry.per_thread && !wants_per_thread(flags)) continue;
    const bool better = best == nullptr || entry.per_thread > best->per_thread ||
                        (entry.per_thread == best->per_thread && entry.since > best->since);
    if (better) best = &entry;
  }
  return best;
}

void put_ours(const char* symbol, void** function, int version, cuuint64_t flags) {
  if (symbol == nullptr || function == nullptr || *function == nullptr) return;
  const InterceptEntry* entry = by_address(*function);
  if (entry == nullptr) entry = by_name(symbol, version, flags);
  if (entry != nullptr) *function = entry->ours;
  if constexpr (kQueued) *function = before_which(symbol, *function);
}

}  // namespace
}  // namespace lithos::cuda::shim

using namespace lithos::cuda::shim;

extern "C" CUresult CUDAAPI cuGetProcAddress(const char* symbol, void** function, int version, cuuint64_t flags) {
  if (driver().cuGetProcAddress == nullptr) return CUDA_ERROR_NOT_FOUND;
  const CUresult result = driver().cuGetProcAddress(symbol, function, version, flags);
  if (result == CUDA_SUCCESS) put_ours(symbol, function, version, flags);
  return result;
}

extern "C" CUresult CUDAAPI cuGetProcAddress_v2(const char* symbol, void** function, int version, cuuint64_t flags,
                                                CUdriverProcAddressQueryResult* status) {
  if (driver().cuGetProcAddress_v2 == nullptr) return CUDA_ERROR_NOT_FOUND;
  const CUresult result = driver().cuGetProcAddress_v2(symbol, function, version, flags, status);
  if (result == CUDA_SUCCESS) put_ours(symbol, function, version, flags);
  return result;
}
