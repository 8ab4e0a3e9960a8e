// SPDX-License-Identifier: Apache-2.0
#include "cuda/shim/queued/kernel_calls.hpp"

#include <vector>

#include "cuda/shim/quiet.hpp"
#include "cuda/shim/queued/submitter.hpp"

namespace lithos::cuda::shim {
namespace {

const ParameterLayout kNotKnown;  // by its address: the driver does not say

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

}  // namespace

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

QueuedCall call_of(const Operator& op, const LaunchRequest& request, const CallArguments& arguments, std::uint64_t stream,
                   std::uint64_t context) {
  QueuedCall call;
  call.kind = CallKind::kernel;
  call.stream = stream;
  call.context = context;
  call.object = reinterpret_cast<std::uint64_t>(request.function);
  call.grid = {request.grid[0], request.grid[1], request.grid[2]};
  call.block = {request.block[0], request.block[1], request.block[2]};
  call.shared_bytes = request.shared;
  call.words[KernelWords::op] = reinterpret_cast<std::uint64_t>(&op);
  call.words[KernelWords::layout] = reinterpret_cast<std::uint64_t>(arguments.layout);
  call.words[KernelWords::attributes] = request.attribute_count;
  call.words[KernelWords::stream] = reinterpret_cast<std::uint64_t>(request.stream);
  return call;
}

}  // namespace lithos::cuda::shim
