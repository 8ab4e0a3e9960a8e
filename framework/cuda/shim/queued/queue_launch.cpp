// SPDX-License-Identifier: Apache-2.0
// A launch of the program that may wait: its arguments are copied, and it returns.
#include <algorithm>
#include <cstring>

#include "cuda/shim/process.hpp"
#include "cuda/shim/queued/gate.hpp"
#include "cuda/shim/queued/kernel_calls.hpp"
#include "cuda/shim/queued/queueing.hpp"

namespace lithos::cuda::shim {
namespace {

constexpr unsigned kAttributesMost = 16;

// Values, all of them: no event, no node, nothing that is written back.
bool may_be_kept(const CUlaunchAttribute& attribute) {
  switch (attribute.id) {
    case CU_LAUNCH_ATTRIBUTE_IGNORE:
    case CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW:
    case CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION:
    case CU_LAUNCH_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE:
    case CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION:
    case CU_LAUNCH_ATTRIBUTE_PRIORITY:
    case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP:
    case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN: return true;
    default: return false;
  }
}

bool may_be_kept(const LaunchRequest& request) {
  if (!request.may_wait || request.attribute_count > kAttributesMost) return false;
  for (unsigned i = 0; i < request.attribute_count; ++i)
    if (!may_be_kept(request.attributes[i])) return false;
  return true;
}

// Attributes stand before the arguments.
void put_attributes_first(ThreadState& thread, const LaunchRequest& request, CallArguments& arguments) {
  const std::size_t before = request.attribute_count * sizeof(CUlaunchAttribute), bytes = arguments.bytes();
  thread.scratch.resize(before + bytes);
  std::memcpy(thread.scratch.data(), request.attributes, before);
  std::byte* const packed = thread.scratch.data() + before;
  if (arguments.layout != nullptr) arguments.layout->pack(arguments.values, packed);
  else if (bytes != 0) std::memcpy(packed, arguments.packed.data, bytes);
  arguments = {{thread.scratch.data(), before + bytes}, nullptr, nullptr};
}

// What waits and must be there first.
std::optional<CUresult> go_through(CallQueues& queues, std::optional<std::uint64_t> stream) {
  if (!stream) {
    queues.submit_all(Haste::patient);
    return std::nullopt;
  }
  queues.submit_stream(*stream, Haste::patient);
  const int failure = queues.take_failure(*stream);
  return failure == 0 ? std::nullopt : std::optional(static_cast<CUresult>(failure));
}

}  // namespace

std::optional<CUresult> queue_launch(ThreadState& thread, const Operator* op, const LaunchRequest& request) {
  Queueing* const queueing = Queueing::instance();
  if (queueing == nullptr) return std::nullopt;
  CallQueues& queues = queueing->queues();
  if (!queueing->may_wait() || op == nullptr || thread.decider == nullptr) return go_through(queues, std::nullopt);
  const std::optional<std::uint64_t> stream = queueing->stream(request.stream, true);
  if (!stream || thread.context != queueing->context()) return go_through(queues, std::nullopt);
  if (!may_be_kept(request)) return go_through(queues, stream);
  std::optional<CallArguments> arguments = arguments_of(*op, request);
  if (!arguments) return go_through(queues, stream);
  const QueuedCall call = call_of(*op, request, *arguments, *stream, thread.context);
  if (request.attribute_count != 0) put_attributes_first(thread, request, *arguments);
  thread.counters.add(Count::queued);
  const bool first = !op->warm.load(std::memory_order_relaxed);
  return static_cast<CUresult>(queues.call(call, *arguments, first));
}

}  // namespace lithos::cuda::shim
