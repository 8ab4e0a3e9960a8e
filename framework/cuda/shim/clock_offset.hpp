// SPDX-License-Identifier: Apache-2.0
// The GPU's clock against CLOCK_MONOTONIC, from what launches show anyway: a kernel completes after it was submitted
// and before its completion was seen, so each one bounds the offset from both sides.
//
// The bounds are not equally good. A completion is seen within one look, now and then at once; from submission to
// completion it takes as long as the kernel, milliseconds where all that a program launches is a graph. So the offset is
// taken from the side of what was seen, and from the middle only where both bounds are closer than a look.
//
// The clocks drift by some microseconds a second (2.7: hardware.md §3; 11 beside a virtual machine's clock), so bounds are
// forgotten after one window and kept for one more. Pure; one thread.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.hpp"

namespace lithos::cuda::shim {

class ClockOffset {
 public:
  static constexpr Nanoseconds kWindow{100'000'000};
  static constexpr Nanoseconds kSeenWithin{4'000};  // the soonest of a window's completions

  // Times of one kernel: submitted and seen by our clock, completed by the GPU's.
  void observe(Nanoseconds submitted, Nanoseconds completed_gpu, Nanoseconds seen) {
    if (seen < submitted) return;
    if (seen - window_began_ >= kWindow) {
      before_ = now_;
      now_ = {};
      window_began_ = seen;
    }
    now_.least = std::max(now_.least, completed_gpu - seen);
    now_.most = std::min(now_.most, completed_gpu - submitted);
  }
  bool known() const { return now_.known() || before_.known(); }
  // GPU time minus ours.
  Nanoseconds offset() const {
    const Bounds possible = bounds();
    return possible.least + std::min((possible.most - possible.least) / 2, kSeenWithin / 2);
  }
  // Half the width of what is possible.
  Nanoseconds uncertainty() const {
    const Bounds possible = bounds();
    return (possible.most - possible.least) / 2;
  }
  Nanoseconds to_host(Nanoseconds gpu) const { return gpu - offset(); }

 private:
  static constexpr Nanoseconds kNone{std::int64_t{1} << 62};
  struct Bounds {
    Nanoseconds least{-kNone}, most{kNone};
    bool known() const { return least > -kNone; }
  };
  Bounds bounds() const {
    const Bounds both{std::max(now_.least, before_.least), std::min(now_.most, before_.most)};
    // Drift has pulled the windows apart: the newer one is right.
    if (both.least > both.most) return now_.known() ? now_ : before_;
    return both;
  }

  Bounds now_, before_;
  Nanoseconds window_began_{0};
};

}  // namespace lithos::cuda::shim
