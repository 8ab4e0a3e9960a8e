// SPDX-License-Identifier: Apache-2.0
#include "cuda/shim/completion_memory.hpp"

#include <sys/mman.h>

#include "cuda/shim/driver.hpp"
#include "cuda/shim/quiet.hpp"

namespace lithos::cuda::shim {
namespace {

constexpr std::size_t kBytes = sizeof(ipc::CompletionSlot) * ipc::kSlots;
static_assert(kBytes % ipc::kPage == 0);

// The same pages once more, at another address: mremap of a shared mapping with an old size of 0.
void* map_again(void* pages) {
  void* const at = ::mremap(pages, 0, kBytes, MREMAP_MAYMOVE);
  return at == MAP_FAILED ? nullptr : at;
}

}  // namespace

CompletionMemory::CompletionMemory() : pool_(ipc::kSlots) {}

bool CompletionMemory::open(ipc::CompletionSlot* shared) {
  if (shared != nullptr) {
    slots_ = static_cast<ipc::CompletionSlot*>(map_again(shared));
    if (slots_ != nullptr) return true;
  }
  void* const own = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (own == MAP_FAILED) return false;
  slots_ = static_cast<ipc::CompletionSlot*>(own);
  return true;
}

std::uint64_t CompletionMemory::device_base(std::uint64_t context) {
  const std::lock_guard lock(mutex_);
  for (const Known& known : known_)
    if (known.context == context) return known.base;
  const std::uint64_t base = register_in(context);
  known_.push_back({context, base});
  return base;
}

std::uint64_t CompletionMemory::register_in(std::uint64_t) {
  const DriverTable& calls = driver();
  if (slots_ == nullptr || calls.cuMemHostRegister_v2 == nullptr || calls.cuMemHostGetDevicePointer_v2 == nullptr)
    return 0;
  void* const alias = map_again(slots_);
  if (alias == nullptr) return 0;
  const QuietCapture quiet;
  CUdeviceptr base = 0;
  constexpr unsigned kFlags = CU_MEMHOSTREGISTER_PORTABLE | CU_MEMHOSTREGISTER_DEVICEMAP;
  if (calls.cuMemHostRegister_v2(alias, kBytes, kFlags) != CUDA_SUCCESS ||
      calls.cuMemHostGetDevicePointer_v2(&base, alias, 0) != CUDA_SUCCESS) {
    ::munmap(alias, kBytes);
    return 0;
  }
  return base;
}

// A context's registration went with it; its mapping stays, since nobody can say when the last write has arrived.
void CompletionMemory::forget_contexts() {
  const std::lock_guard lock(mutex_);
  known_.clear();
}

std::uint32_t CompletionMemory::take(std::uint32_t count) {
  const std::lock_guard lock(mutex_);
  return pool_.take(count);
}

void CompletionMemory::give_back(std::uint32_t first, std::uint32_t count) {
  const std::lock_guard lock(mutex_);
  pool_.give_back(first, count);
}

}  // namespace lithos::cuda::shim
