// SPDX-License-Identifier: Apache-2.0
// The clock by which policies are timed. It is read before and after each of their calls, which are often shorter than a reading of
// CLOCK_MONOTONIC (23 ns): where the kernel itself keeps its time by the processor's counter, the counter is read alone (10 ns).
//
// Its zero means nothing; only differences do, right within 0.1 %. Of differences between two cores it can be off by what their counters
// are, well below a microsecond on a machine whose kernel trusts them.
#pragma once

#include <functional>

#include "base/time.hpp"

namespace lithos {

// [control] The first call of a process measures the counter's pace, which takes a millisecond. What is returned: any thread.
std::function<Nanoseconds()> call_clock();

}  // namespace lithos
