// SPDX-License-Identifier: Apache-2.0
// Ends of modules, libraries and contexts, after which handles that we remember may name other things; and the
// program's waits, after which its launches so far were one request.
#include <cuda.h>

#include "cuda/shim/annotations.hpp"
#include "cuda/shim/operators.hpp"
#include "cuda/shim/process.hpp"
#include "cuda/shim/tenancy.hpp"
#include "cuda/shim/thread_state.hpp"

namespace lithos::cuda::shim {
namespace {

// Before the call: afterwards another thread may be given the same handle.
template <class Call>
CUresult unload(Call&& call) {
  forget_annotated_names();
  if (Process::instance().active()) forget_functions();
  return call();
}

void contexts_ended() {
  Process::instance().context_has_ended();
  Process::instance().tenancy()->completions().forget_contexts();
  Process::instance().tenancy()->cutter().forget_contexts();
  forget_functions();
}

// Libraries hold on to the primary context and let go of it all the time; it ends with the last of them.
bool is_primary_alive(CUdevice device) {
  unsigned flags = 0;
  int alive = 0;
  return driver().cuDevicePrimaryCtxGetState != nullptr &&
         driver().cuDevicePrimaryCtxGetState(device, &flags, &alive) == CUDA_SUCCESS && alive != 0;
}

void waited_for(std::uint32_t queue) {
  ThreadState* const thread = managing_thread();
  if (thread == nullptr) return;
  LaunchReport report;
  report.kind = LaunchReport::synchronised;
  report.queue = queue;
  Process::instance().tenancy()->report_only(*thread, report);
  if (thread->decider != nullptr) thread->decider->waited();
}

// Streams that nothing was launched on have no queue, and stream 0 has more than one.
void waited_for_stream(CUstream stream) {
  ThreadState* const thread = thread_state_if_any();
  if (thread == nullptr || !Process::instance().active()) return;
  const StreamCache::Entry* const queue = thread->streams.find(reinterpret_cast<std::uint64_t>(stream));
  if (queue != nullptr) waited_for(queue->queue - 1);
}

}  // namespace
}  // namespace lithos::cuda::shim

using namespace lithos::cuda::shim;

extern "C" {

CUresult CUDAAPI cuModuleUnload(CUmodule module) {
  return unload([&] { return driver().cuModuleUnload(module); });
}
CUresult CUDAAPI cuLibraryUnload(CUlibrary library) {
  return unload([&] { return driver().cuLibraryUnload(library); });
}
CUresult CUDAAPI cuCtxDestroy_v2(CUcontext context) {
  const CUresult result = driver().cuCtxDestroy_v2(context);
  if (Process::instance().active()) contexts_ended();
  return result;
}
CUresult CUDAAPI cuDevicePrimaryCtxReset_v2(CUdevice device) {
  const CUresult result = driver().cuDevicePrimaryCtxReset_v2(device);
  if (Process::instance().active()) contexts_ended();
  return result;
}
CUresult CUDAAPI cuDevicePrimaryCtxRelease_v2(CUdevice device) {
  const CUresult result = driver().cuDevicePrimaryCtxRelease_v2(device);
  if (Process::instance().active() && !is_primary_alive(device)) contexts_ended();
  return result;
}
CUresult CUDAAPI cuStreamSynchronize(CUstream stream) {
  const CUresult result = driver().cuStreamSynchronize(stream);
  if (result == CUDA_SUCCESS) waited_for_stream(stream);
  return result;
}
CUresult CUDAAPI cuStreamSynchronize_ptsz(CUstream stream) {
  const CUresult result = driver().cuStreamSynchronize_ptsz(stream);
  if (result == CUDA_SUCCESS) waited_for_stream(stream);
  return result;
}
CUresult CUDAAPI cuCtxSynchronize() {
  const CUresult result = driver().cuCtxSynchronize();
  if (result == CUDA_SUCCESS) waited_for(kEveryQueue);
  return result;
}

}  // extern "C"
