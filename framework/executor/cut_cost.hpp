// SPDX-License-Identifier: Apache-2.0
// What cutting a launch costs, as measured (docs/design/hardware.md §2, prelude in a constant bank): one set of constants for the
// decision when to cut and for the virtual GPU. Plain values; any thread.
#pragma once

#include <algorithm>

#include "base/time.hpp"

namespace lithos {

struct CutCost {
  // Over the whole device, for blocks of `small_threads` or fewer and of `large_threads`; between them in proportion to the threads.
  double skip_ns_small = 0.63, skip_ns_large = 1.15;        // a block that starts and leaves
  double prelude_ns_small = 0.10, prelude_ns_large = 0.40;  // a block that stays
  double small_threads = 256, large_threads = 1024;
  Nanoseconds gap{1'200};  // end of one atom to the first block of the next: the gap between kernels of one stream

  double skip_ns(double threads) const { return between(threads, skip_ns_small, skip_ns_large); }
  double prelude_ns(double threads) const { return between(threads, prelude_ns_small, prelude_ns_large); }

 private:
  double between(double threads, double small, double large) const {
    return small + std::clamp((threads - small_threads) / (large_threads - small_threads), 0.0, 1.0) * (large - small);
  }
};

}  // namespace lithos
