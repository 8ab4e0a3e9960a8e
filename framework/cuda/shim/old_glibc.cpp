// SPDX-License-Identifier: Apache-2.0
// Keeps the shim loadable where glibc is older than the one it was built with (Debian 10 and newer: GLIBC_2.28).
//
// glibc 2.34 moved libdl and libpthread into libc and gave their functions new versions; a library linked against it
// asks for those, and an older loader refuses it. The functions here take their place inside the shim, under the same
// names but hidden, and go on to the old versions, which every glibc has. A test reads the versions that the finished
// library asks for (tests/cuda/symbols_test.cpp); a function missing here fails it.
#include <features.h>

#if defined(__x86_64__) && defined(__GLIBC__) && !defined(LITHOS_SANITIZED)
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#define LITHOS_OLD(result, name, parameters, arguments)           \
  extern "C" result lithos_old_##name parameters;                 \
  __asm__(".symver lithos_old_" #name ", " #name "@GLIBC_2.2.5"); \
  extern "C" __attribute__((visibility("hidden"))) result name parameters { return lithos_old_##name arguments; }

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wattributes"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"  // of a value that is only passed on

LITHOS_OLD(void*, dlopen, (const char* path, int mode) noexcept, (path, mode))
LITHOS_OLD(void*, dlsym, (void* __restrict library, const char* __restrict name) noexcept, (library, name))
LITHOS_OLD(int, dlclose, (void* library) noexcept, (library))
LITHOS_OLD(int, dladdr, (const void* address, Dl_info* about) noexcept, (address, about))  // the tests' stand-in driver
LITHOS_OLD(int, pthread_create,
           (pthread_t* __restrict thread, const pthread_attr_t* __restrict attributes, void* (*start)(void*),
            void* __restrict argument) noexcept,
           (thread, attributes, start, argument))
LITHOS_OLD(int, pthread_detach, (pthread_t thread) noexcept, (thread))
LITHOS_OLD(int, pthread_join, (pthread_t thread, void** result), (thread, result))
LITHOS_OLD(int, pthread_once, (pthread_once_t * control, void (*start)()), (control, start))
LITHOS_OLD(int, pthread_key_create, (pthread_key_t * key, void (*end)(void*)) noexcept, (key, end))
LITHOS_OLD(int, __pthread_key_create, (pthread_key_t * key, void (*end)(void*)) noexcept, (key, end))
LITHOS_OLD(int, pthread_sigmask, (int how, const sigset_t* __restrict set, sigset_t* __restrict before) noexcept,
           (how, set, before))
LITHOS_OLD(int, pthread_key_delete, (pthread_key_t key) noexcept, (key))
LITHOS_OLD(void*, pthread_getspecific, (pthread_key_t key) noexcept, (key))
LITHOS_OLD(int, pthread_setspecific, (pthread_key_t key, const void* value) noexcept, (key, value))
LITHOS_OLD(int, pthread_mutex_trylock, (pthread_mutex_t * mutex) noexcept, (mutex))
LITHOS_OLD(int, pthread_rwlock_rdlock, (pthread_rwlock_t * lock) noexcept, (lock))
LITHOS_OLD(int, pthread_rwlock_wrlock, (pthread_rwlock_t * lock) noexcept, (lock))
LITHOS_OLD(int, pthread_rwlock_unlock, (pthread_rwlock_t * lock) noexcept, (lock))

#pragma GCC diagnostic pop

// A function since 2.33, and a macro around another one before: the system call is the same.
extern "C" __attribute__((visibility("hidden"))) int lstat(const char* __restrict path,
                                                           struct stat* __restrict about) noexcept {
  return static_cast<int>(::syscall(SYS_newfstatat, AT_FDCWD, path, about, AT_SYMLINK_NOFOLLOW));
}

// Since glibc 2.30; what it is called with is a moment of the steady clock, and every condition variable here was made for the other one. A
// clock that is set meanwhile makes the wait longer or shorter, and all who wait here look again.
extern "C" __attribute__((visibility("hidden"))) int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex,
                                                                           clockid_t clock, const timespec* until) {
  constexpr long kSecond = 1'000'000'000;
  timespec now{}, real{};
  ::clock_gettime(clock, &now);
  ::clock_gettime(CLOCK_REALTIME, &real);
  const long left = std::max((until->tv_sec - now.tv_sec) * kSecond + until->tv_nsec - now.tv_nsec, 0L);
  const long at = real.tv_nsec + left % kSecond;
  const timespec then{real.tv_sec + left / kSecond + at / kSecond, at % kSecond};
  return ::pthread_cond_timedwait(condition, mutex, &then);
}

// The runtime libraries ask whether there is more than one thread, to save atomic operations: we never know.
extern "C" __attribute__((visibility("hidden"))) char __libc_single_threaded;
char __libc_single_threaded = 0;

// The unwinder's shortcut since glibc 2.35. "Not found" makes it ask dl_iterate_phdr, as before.
#ifdef DLFO_EH_SEGMENT_TYPE
extern "C" __attribute__((visibility("hidden"))) int _dl_find_object(void*, dl_find_object*) noexcept { return -1; }
#endif

#endif
