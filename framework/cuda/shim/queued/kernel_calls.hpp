// SPDX-License-Identifier: Apache-2.0
// A kernel launch as a call that waits, be it the program's or a graph node's: how its arguments can be copied, and the call itself.
// Any thread. The first question about a function asks the driver and allocates.
#pragma once

#include <cstdint>
#include <optional>

#include "cuda/queue/call_queues.hpp"
#include "cuda/shim/queued/gate.hpp"

namespace lithos::cuda::shim {

// How the arguments can be copied; empty: they cannot.
std::optional<CallArguments> arguments_of(const Operator& op, const LaunchRequest& request);
// Its words, but not the copy of its arguments: the queue makes that, or the graph's description.
QueuedCall call_of(const Operator& op, const LaunchRequest& request, const CallArguments& arguments, std::uint64_t stream,
                   std::uint64_t context);

}  // namespace lithos::cuda::shim
