// SPDX-License-Identifier: Apache-2.0
// A launch of the program that may wait: its arguments are copied, and it returns.
#include <algorithm>
#include <cstring>

#include "cuda/shim/process.hpp"
#include "cuda/shim/queued/gate.hpp"
#include "cuda/shim/queued/queueing.hpp"
#include "cuda/shim/quiet.hpp"

namespace lithos::cuda::shim {
namespace {

const ParameterLayout kNotKnown;  // by its address: the driver does not say
constexpr unsigned kAttributesMost = 16;

const ParameterLayout* ask_layout(const Operator& op) {
  const DriverTable& calls = driver();
  if (calls.cuFuncGetParamInfo == nullptr) return &kNotKnown;
  const QuietCapture quiet;
  const CUfunction function = function_of(op.key.function);
  std::vector<ParameterPlace> places;
  for (;;) {
    std::size_t offset = 0, bytes = 0;
    const CUresult result = calls.cuFuncGetParamInfo(function, places.size(), &offset, &bytes);
    if (result == CUDA_ERROR_INVALID_VALUE) break;  // there are no more
    if (result != CUDA_SUCCESS || places.size() >= ParameterLayout::kMaxParameters || offset + bytes > ParameterLayout::kMaxBytes)
      return &kNotKnown;
    places.push_back({static_cast<std::uint32_t>(offset), static_cast<std::uint32_t>(bytes)});
  }
  Result<ParameterLayout> layout = ParameterLayout::make(places);
  return layout.ok() ? new ParameterLayout(std::move(layout).value()) : &kNotKnown;  // kept as long as its operator: for ever
}

const ParameterLayout* layout_of(const Operator& op) {
  const ParameterLayout* known = op.parameters.load(std::memory_order_acquire);
  if (known == nullptr) {
    known = ask_layout(op);
    op.parameters.store(known, std::memory_order_release);
  }
  return known == &kNotKnown ? nullptr : known;
}

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

// How the arguments can be copied; empty: they cannot.
std::optional<CallArguments> arguments_of(const Operator& op, const LaunchRequest& request) {
  if (request.parameters != nullptr && request.extra != nullptr) return std::nullopt;  // the driver's to refuse
  CallArguments arguments;
  if (request.extra != nullptr) {
    const auto packed = read_extra(request.extra);
    if (!packed) return std::nullopt;
    arguments.packed = *packed;
    return arguments;
  }
  arguments.layout = layout_of(op);
  arguments.values = request.parameters;
  if (arguments.layout == nullptr || (arguments.values == nullptr && arguments.layout->count() != 0)) return std::nullopt;
  return arguments;
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

QueuedCall call_of(const Operator& op, const LaunchRequest& request, std::uint64_t stream, std::uint64_t context) {
  QueuedCall call;
  call.kind = CallKind::kernel;
  call.stream = stream;
  call.context = context;
  call.object = reinterpret_cast<std::uint64_t>(request.function);
  call.grid = {request.grid[0], request.grid[1], request.grid[2]};
  call.block = {request.block[0], request.block[1], request.block[2]};
  call.shared_bytes = request.shared;
  call.words[KernelWords::op] = reinterpret_cast<std::uint64_t>(&op);
  call.words[KernelWords::attributes] = request.attribute_count;
  call.words[KernelWords::stream] = reinterpret_cast<std::uint64_t>(request.stream);
  return call;
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
  QueuedCall call = call_of(*op, request, *stream, thread.context);
  call.words[KernelWords::layout] = reinterpret_cast<std::uint64_t>(arguments->layout);
  if (request.attribute_count != 0) put_attributes_first(thread, request, *arguments);
  thread.counters.add(Count::queued);
  const bool first = !op->warm.load(std::memory_order_relaxed);
  return static_cast<CUresult>(queues.call(call, *arguments, first));
}

}  // namespace lithos::cuda::shim
