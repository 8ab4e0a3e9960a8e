// SPDX-License-Identifier: Apache-2.0
#include "cuda/shim/queued/actions.hpp"

#include <string_view>
#include <vector>

#include "cuda/queue/driver_calls.hpp"
#include "cuda/shim/queued/trampolines.hpp"

namespace lithos::cuda::shim {
namespace {

struct Line {
  std::string_view name;  // with its version, without the stream variant; or without both, for all versions
  ActionKind kind;
  std::uint8_t stream = 0, event = 0;
};

// Reviewed against cuda.h 13.0; a function that is not here does what its class says, for everything that waits.
constexpr Line kLines[] = {
    // ---- joins the queue
    {"cuMemcpyDtoDAsync", ActionKind::join, 3},
    {"cuMemsetD8Async", ActionKind::join, 3},
    {"cuMemsetD16Async", ActionKind::join, 3},
    {"cuMemsetD32Async", ActionKind::join, 3},
    {"cuMemsetD2D8Async", ActionKind::join, 5},
    {"cuMemsetD2D16Async", ActionKind::join, 5},
    {"cuMemsetD2D32Async", ActionKind::join, 5},
    {"cuLaunchHostFunc", ActionKind::join, 0},
    {"cuStreamAddCallback", ActionKind::join, 0},
    {"cuMemcpyAsync", ActionKind::join_if_pinned, 3},
    {"cuMemcpyHtoDAsync", ActionKind::join_if_pinned, 3},
    {"cuMemcpyDtoHAsync", ActionKind::join_if_pinned, 3},
    {"cuEventRecord", ActionKind::record, 1, 0},
    {"cuEventRecordWithFlags", ActionKind::record, 1, 0},
    {"cuStreamWaitEvent", ActionKind::wait, 0, 1},
    // ---- its stream first
    {"cuMemcpy2DAsync", ActionKind::stream, 1},
    {"cuMemcpy3DAsync", ActionKind::stream, 1},
    {"cuMemcpy3DPeerAsync", ActionKind::stream, 1},
    {"cuMemcpyPeerAsync", ActionKind::stream, 5},
    {"cuMemcpyAtoHAsync", ActionKind::stream, 4},
    {"cuMemcpyHtoAAsync", ActionKind::stream, 4},
    {"cuMemcpy3DBatchAsync", ActionKind::stream, 4},
    {"cuMemcpy3DBatchAsync_v2", ActionKind::stream, 3},
    {"cuMemAllocAsync", ActionKind::stream, 2},
    {"cuMemAllocFromPoolAsync", ActionKind::stream, 3},
    {"cuMemFreeAsync", ActionKind::stream, 1},
    {"cuMemPrefetchAsync", ActionKind::stream, 3},
    {"cuMemPrefetchAsync_v2", ActionKind::stream, 4},
    {"cuMemMapArrayAsync", ActionKind::stream, 2},
    {"cuMemDiscardBatchAsync", ActionKind::stream, 4},
    {"cuMemBatchDecompressAsync", ActionKind::stream, 4},
    {"cuSignalExternalSemaphoresAsync", ActionKind::stream, 3},
    {"cuWaitExternalSemaphoresAsync", ActionKind::stream, 3},
    {"cuStreamSynchronize", ActionKind::stream, 0},
    {"cuStreamAttachMemAsync", ActionKind::stream, 0},
    {"cuStreamBatchMemOp", ActionKind::stream, 0},
    {"cuStreamWaitValue32", ActionKind::stream, 0},
    {"cuStreamWaitValue64", ActionKind::stream, 0},
    {"cuStreamWriteValue32", ActionKind::stream, 0},
    {"cuStreamWriteValue64", ActionKind::stream, 0},
    {"cuStreamSetAttribute", ActionKind::stream, 0},
    {"cuStreamQuery", ActionKind::stream_query, 0},
    // ---- events
    {"cuEventQuery", ActionKind::event_query, 0, 0},
    {"cuEventElapsedTime", ActionKind::event_elapsed, 0, 1},
    {"cuEventSynchronize", ActionKind::event_wait, 0, 0},
    {"cuEventDestroy", ActionKind::event_end, 0, 0},
    {"cuIpcGetEventHandle", ActionKind::share_event},
    {"cuIpcOpenEventHandle", ActionKind::share_event},
    // ---- captures
    {"cuStreamBeginCapture", ActionKind::begin_capture, 0},
    {"cuStreamBeginCaptureToGraph", ActionKind::begin_capture, 0},
    {"cuStreamEndCapture", ActionKind::end_capture, 0},
    {"cuStreamGetCaptureInfo", ActionKind::pass},
    {"cuStreamIsCapturing", ActionKind::pass},
    {"cuStreamUpdateCaptureDependencies", ActionKind::pass},
    // ---- functions, streams, contexts
    {"cuFuncSetAttribute", ActionKind::set_function_attribute},
    {"cuKernelSetAttribute", ActionKind::set_kernel_attribute},
    {"cuStreamDestroy", ActionKind::end_stream, 0},
    {"cuStreamCreate", ActionKind::pass},
    {"cuStreamCreateWithPriority", ActionKind::pass},
    {"cuGreenCtxStreamCreate", ActionKind::pass},
    {"cuCtxCreate", ActionKind::pass},
    {"cuCtxAttach", ActionKind::pass},
    {"cuGreenCtxCreate", ActionKind::pass},
    {"cuDevicePrimaryCtxRetain", ActionKind::pass},
    {"cuCtxDestroy", ActionKind::end_context},
    {"cuCtxDetach", ActionKind::end_context},
    {"cuGreenCtxDestroy", ActionKind::end_context},
    {"cuDevicePrimaryCtxRelease", ActionKind::end_context},
    {"cuDevicePrimaryCtxReset", ActionKind::end_context},
    // ---- wait for the GPU themselves
    {"cuCtxSynchronize", ActionKind::all},
    {"cuGraphUpload", ActionKind::all},
    // ---- graphs: of a launch graphs.cpp asks by itself
    {"cuGraphLaunch", ActionKind::pass},
    {"cuGraphRetainUserObject", ActionKind::graph_owns},
    {"cuGraphNodeSetEnabled", ActionKind::change_graph},
};

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view without_version(std::string_view name) {
  std::size_t end = name.size();
  while (end > 0 && is_digit(name[end - 1])) --end;
  return end < name.size() && end >= 2 && name.substr(end - 2, 2) == "_v" ? name.substr(0, end - 2) : name;
}

const Line* find_line(std::string_view name) {
  for (const std::string_view wanted : {name, without_version(name)})
    for (const Line& line : kLines)
      if (line.name == wanted) return &line;
  return nullptr;
}

Action work_out(std::string_view symbol) {
  Action made;
  for (const std::string_view variant : {"_ptsz", "_ptds"})
    if (symbol.ends_with(variant)) {
      symbol.remove_suffix(variant.size());
      made.per_thread = true;
    }
  const CallClass call_class = class_of_driver_call(symbol);
  const std::string_view base = without_version(symbol);
  if (const Line* line = find_line(symbol)) {
    made.kind = line->kind;
    made.stream = line->stream;
    made.event = line->event;
  } else if (call_class == CallClass::harmless || call_class == CallClass::launch || call_class == CallClass::resolve) {
    made.kind = ActionKind::pass;
  } else if (base.starts_with("cuGraphExec") && base != "cuGraphExecDestroy") {
    made.kind = ActionKind::change_graph;  // all that are not harmless; the exec is their first argument
  } else if (base.starts_with("cuMemcpy") || base.starts_with("cuMemset")) {
    made.kind = ActionKind::all;  // synchronous, or with the stream on the stack
  }
  return made;
}

std::vector<Action> work_out_all() {
  std::vector<Action> all;
  for (const char* const name : exported_calls()) all.push_back(work_out(name));
  return all;
}

}  // namespace

const Action& action(unsigned index) {
  static const auto* const all = new std::vector<Action>(work_out_all());  // never destroyed
  return (*all)[index];
}

}  // namespace lithos::cuda::shim
