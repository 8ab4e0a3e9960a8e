// SPDX-License-Identifier: Apache-2.0
// A thread of ours in somebody else's process: no signal of the program's may land on it, nobody waits for its end.
#pragma once

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>

#include "cuda/shim/nap.hpp"

namespace lithos::cuda::shim {

// False: there is none.
inline bool start_own_thread(void* (*run)(void*), void* argument) {
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, &before);
  pthread_t thread;
  const bool started = ::pthread_create(&thread, nullptr, run, argument) == 0;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (started) ::pthread_detach(thread);
  return started;
}

// The first thing it does itself: its name, and sleeps as short as they are asked for.
inline void settle_own_thread(const char* name) {
  ::prctl(PR_SET_NAME, name);
  ::prctl(PR_SET_TIMERSLACK, kFineSlackNs);
}

}  // namespace lithos::cuda::shim
