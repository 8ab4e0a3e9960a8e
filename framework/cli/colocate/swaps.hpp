// SPDX-License-Identifier: Apache-2.0
// Does exchanging a scheduler hurt those who are being served? One run without, one with so many exchanges spread over it, the same
// arrivals; the requests are compared pair by pair. Errors: unavailable. One thread.
#pragma once

#include "cli/colocate/result.hpp"
#include "cli/colocate/stage.hpp"

namespace lithos {

// The stage is prepared for `way`, a set under lithosd. Each exchange puts another instance of the set's own scheduler in force: loaded,
// created, committed and probed as any other.
Result<SwapResult> measure_swaps(Stage& stage, const Config& config, const Way& way, const Demand& demand, unsigned swaps);

// Of the 99th percentiles. Bootstrap over blocks of neighbours, since latencies in a queue depend on each other.
Difference p99_difference(const std::vector<std::int64_t>& a_ns, const std::vector<std::int64_t>& b_ns, std::uint64_t seed);

}  // namespace lithos
