// SPDX-License-Identifier: Apache-2.0
#include "cuda/shim/pinned_pages.hpp"

#include <sys/mman.h>

#include "cuda/shim/driver.hpp"
#include "cuda/shim/quiet.hpp"

namespace lithos::cuda::shim {
namespace {

// The same pages once more, at another address: mremap of a shared mapping with an old size of 0.
void* map_again(void* pages, std::size_t bytes) {
  void* const at = ::mremap(pages, 0, bytes, MREMAP_MAYMOVE);
  return at == MAP_FAILED ? nullptr : at;
}

}  // namespace

bool PinnedPages::open(std::size_t bytes, void* shared) {
  bytes_ = bytes;
  if (shared != nullptr) pages_ = map_again(shared, bytes);
  if (pages_ != nullptr) return true;
  void* const own = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (own != MAP_FAILED) pages_ = own;
  return pages_ != nullptr;
}

std::uint64_t PinnedPages::device_base(std::uint64_t context) {
  const std::lock_guard lock(mutex_);
  for (const Known& known : known_)
    if (known.context == context) return known.base;
  const std::uint64_t base = register_pages();
  known_.push_back({context, base});
  return base;
}

std::uint64_t PinnedPages::register_pages() const {
  const DriverTable& calls = driver();
  if (pages_ == nullptr || calls.cuMemHostRegister_v2 == nullptr || calls.cuMemHostGetDevicePointer_v2 == nullptr)
    return 0;
  void* const alias = map_again(pages_, bytes_);
  if (alias == nullptr) return 0;
  const QuietCapture quiet;
  CUdeviceptr base = 0;
  constexpr unsigned kFlags = CU_MEMHOSTREGISTER_PORTABLE | CU_MEMHOSTREGISTER_DEVICEMAP;
  if (calls.cuMemHostRegister_v2(alias, bytes_, kFlags) != CUDA_SUCCESS ||
      calls.cuMemHostGetDevicePointer_v2(&base, alias, 0) != CUDA_SUCCESS) {
    ::munmap(alias, bytes_);
    return 0;
  }
  return base;
}

void PinnedPages::forget_contexts() {
  const std::lock_guard lock(mutex_);
  known_.clear();
}

}  // namespace lithos::cuda::shim
