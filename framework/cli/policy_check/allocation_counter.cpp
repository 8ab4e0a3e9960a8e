// SPDX-License-Identifier: Apache-2.0
#include "cli/policy_check/allocation_counter.hpp"

#include <malloc.h>

#include <cerrno>
#include <cstddef>
#include <limits>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
#define LITHOS_COUNTS_ALLOCATIONS 0
#else
#define LITHOS_COUNTS_ALLOCATIONS 1
#endif

namespace lithos {
namespace {

constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

// Plain values: counting is for processes with one thread, and while it is off nothing is written.
bool counting = false;
bool failed = false;
std::uint64_t allocated = 0;
std::uint64_t released = 0;
std::int64_t bytes = 0;
std::uint64_t limit = kNever;

#if LITHOS_COUNTS_ALLOCATIONS
// True: this allocation may happen.
inline bool admit() {
  if (!counting) [[likely]]
    return true;
  if (allocated >= limit) {
    failed = true;
    errno = ENOMEM;
    return false;
  }
  ++allocated;
  return true;
}

inline void* taken(void* memory) {
  if (counting) [[unlikely]]
    bytes += static_cast<std::int64_t>(::malloc_usable_size(memory));  // 0 of null
  return memory;
}

inline void given_back(void* memory) {
  if (!counting || memory == nullptr) [[likely]]
    return;
  ++released;
  bytes -= static_cast<std::int64_t>(::malloc_usable_size(memory));
}
#endif

}  // namespace

bool AllocationCounter::available() { return LITHOS_COUNTS_ALLOCATIONS != 0; }
void AllocationCounter::fail_after(std::uint64_t successes) {
  start();
  limit = successes;
}
void AllocationCounter::start() {
  allocated = released = 0;
  bytes = 0;
  limit = kNever;
  failed = false;
  counting = true;
}
void AllocationCounter::stop() { counting = false; }
std::uint64_t AllocationCounter::allocations() { return allocated; }
std::int64_t AllocationCounter::outstanding() {
  return static_cast<std::int64_t>(allocated) - static_cast<std::int64_t>(released);
}
std::int64_t AllocationCounter::outstanding_bytes() { return bytes; }
bool AllocationCounter::failed_any() { return failed; }

}  // namespace lithos

#if LITHOS_COUNTS_ALLOCATIONS
// The C library's own, under the names by which it offers them to those who stand in front of it.
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* old, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
void __libc_free(void* memory);

void* malloc(std::size_t size) { return lithos::admit() ? lithos::taken(__libc_malloc(size)) : nullptr; }
void* calloc(std::size_t count, std::size_t size) {
  return lithos::admit() ? lithos::taken(__libc_calloc(count, size)) : nullptr;
}
void* realloc(void* old, std::size_t size) {
  if (!lithos::admit()) return nullptr;
  lithos::given_back(old);  // it may fail and stay: an error of the count, in a process that is out of memory
  return lithos::taken(__libc_realloc(old, size));
}
void* memalign(std::size_t alignment, std::size_t size) {
  return lithos::admit() ? lithos::taken(__libc_memalign(alignment, size)) : nullptr;
}
void* aligned_alloc(std::size_t alignment, std::size_t size) { return memalign(alignment, size); }
int posix_memalign(void** out, std::size_t alignment, std::size_t size) {
  void* memory = memalign(alignment, size);
  if (memory == nullptr) return ENOMEM;
  *out = memory;
  return 0;
}
void free(void* memory) {
  lithos::given_back(memory);
  __libc_free(memory);
}
}
#endif
