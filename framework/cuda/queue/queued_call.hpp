// SPDX-License-Identifier: Apache-2.0
// One call of the driver API that waits for its turn: everything it needs, by value. Handles are the driver's, as numbers. Plain data.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/operator.hpp"

namespace lithos::cuda {

enum class CallKind : std::uint8_t {
  kernel,         // arguments, grid, block
  copy,           // of memory that nobody may change after the call: words
  set,            // memset: words
  host_function,  // words: function, pointer
  record,         // object: the event
  wait,           // object: the event
  graph,          // object: several calls, one after another with nothing between them
};

struct QueuedCall {
  CallKind kind{};
  std::uint64_t stream = 0;
  std::uint64_t context = 0;  // in which it was called
  std::uint64_t object = 0;   // function or event
  Dim3 grid, block;
  std::uint32_t shared_bytes = 0;  // dynamic
  std::uint32_t argument_bytes = 0;
  const std::byte* arguments = nullptr;  // kernels: packed as the kernel reads them; else what `words` cannot hold
  std::uint64_t words[6] = {};  // the driver's business: whoever makes the call and CallDriver agree on them
  std::uint64_t flags = 0;
  std::uint64_t sequence = 0;  // set by the queue: order of arrival over all streams, from 1
};

}  // namespace lithos::cuda
