// SPDX-License-Identifier: Apache-2.0
// Waiting for what nobody will signal: another process's pressure word, a completion that the GPU writes.
//
// How long to sleep between looks follows how long one has waited already, so what is seen late is late by a share of the wait, and
// a long wait costs little. The kernel lets a thread oversleep by its timer slack, 50 us unless it is told otherwise.
#pragma once

#include <sys/prctl.h>
#include <time.h>

#include <algorithm>

#include "base/time.hpp"

namespace lithos::cuda::shim {

inline constexpr Nanoseconds kNapLeast{5'000};
inline constexpr unsigned long kFineSlackNs = 1'000;

// `waited`: since the last thing was seen.
inline void nap(Nanoseconds waited, Nanoseconds most) {
  constexpr int kShare = 8;
  const timespec length{0, std::clamp(waited / kShare, kNapLeast, most).count()};
  ::nanosleep(&length, nullptr);
}

// The program's own thread sleeps finely for a while; afterwards its slack is what it was.
class FineSlack {
 public:
  FineSlack() : before_(::prctl(PR_GET_TIMERSLACK)) { ::prctl(PR_SET_TIMERSLACK, kFineSlackNs); }
  ~FineSlack() {
    if (before_ > 0) ::prctl(PR_SET_TIMERSLACK, static_cast<unsigned long>(before_));
  }
  FineSlack(const FineSlack&) = delete;
  FineSlack& operator=(const FineSlack&) = delete;

 private:
  int before_;
};

}  // namespace lithos::cuda::shim
