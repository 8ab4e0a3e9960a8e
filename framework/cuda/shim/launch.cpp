// SPDX-License-Identifier: Apache-2.0
// Kernel launches: within the program's call (DESIGN.md §4, inline path), or handed to the queued path.
#include <cuda.h>

#include <utility>

#include "cuda/shim/annotations.hpp"
#include "cuda/shim/process.hpp"
#include "cuda/shim/queued/gate.hpp"
#include "cuda/shim/submission.hpp"
#include "cuda/shim/thread_state.hpp"

namespace lithos::cuda::shim {
namespace {

// The parts in order, the lease read anew before each. The program's arguments are good as long as its call lasts, and
// this call lasts until the last part has been handed to the driver.
template <class Call>
CUresult launch_parts(ThreadState& thread, const Operator& op, CUstream stream, Nanoseconds now, Prepared& prepared,
                      const Parts& parts, Call&& call) {
  AnnotatedRange range;
  range.managed("in parts: ", op.info.name, op.info.blocks);
  for (;;) {
    await_slot(thread);
    const PartSent sent = send_part(thread, op, stream, now, prepared, parts, call);
    if (!sent.more) return sent.result;
    now = host_now();
    decide(thread, op, stream, now, prepared);
  }
}

template <class Call>
CUresult launch(ThreadState& thread, const LaunchKey& key, LaunchRequest request, bool per_thread, Call&& call) {
  const Inside inside(thread);
  if (per_thread && request.stream == nullptr) request.stream = CU_STREAM_PER_THREAD;
  const CUstream stream = request.stream;
  thread.counters.add(Count::launches);
  follow_context(thread);
  const Operator* const op = thread.other_device ? nullptr : find_operator(thread, key);
  if constexpr (kQueued)
    if (const std::optional<CUresult> answered = queue_launch(thread, op, request)) return *answered;
  if (op == nullptr || thread.decider == nullptr) {
    thread.counters.add(thread.other_device ? Count::other_device : Count::unseen);
    return call();
  }
  Prepared prepared;
  Nanoseconds now = host_now();
  StreamCache::Entry& queue = queue_of(thread, stream);
  prepared.report.queue = queue.queue - 1;
  prepared.report.context = std::exchange(queue.last, op->context);
  decide(thread, *op, stream, now, prepared);
  const Parts parts = parts_of(thread, *op, stream, prepared.decision.verdict);
  if (parts.context == nullptr) [[likely]] {
    run_whole(prepared, op->info);
    return submit(thread, *op, stream, now, prepared, nullptr, call);
  }
  return launch_parts(thread, *op, stream, now, prepared, parts, call);
}

// A launch that is not ours to manage.
template <class Call>
CUresult pass_on(CUfunction function, const Dims& grid, Call&& call) {
  AnnotatedRange range;
  range.passed_on(reinterpret_cast<std::uint64_t>(function), std::uint64_t{grid[0]} * grid[1] * grid[2]);
  return call();
}

LaunchKey key_of(CUfunction function, const Dims& grid, const Dims& block, unsigned shared, std::uint32_t special) {
  return {reinterpret_cast<std::uint64_t>(function), grid, block, {0, 0, 0}, shared, special};
}

// Which attributes matter to us: the cluster's size, and what forbids cutting. All others are the driver's business;
// masks hold under every one of them (hardware.md §5).
LaunchKey key_of(const CUlaunchConfig& config, CUfunction function) {
  LaunchKey key = key_of(function, {config.gridDimX, config.gridDimY, config.gridDimZ},
                         {config.blockDimX, config.blockDimY, config.blockDimZ}, config.sharedMemBytes, 0);
  for (unsigned i = 0; config.attrs != nullptr && i < config.numAttrs; ++i) {
    const CUlaunchAttribute& attribute = config.attrs[i];
    switch (attribute.id) {
      case CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION:
        key.cluster = {attribute.value.clusterDim.x, attribute.value.clusterDim.y, attribute.value.clusterDim.z};
        break;
      case CU_LAUNCH_ATTRIBUTE_COOPERATIVE: key.special |= attribute.value.cooperative != 0 ? 1 : 0; break;
      case CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION:
        key.special |= attribute.value.programmaticStreamSerializationAllowed != 0 ? 2 : 0;
        break;
      case CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_EVENT: key.special |= 4; break;
      case CU_LAUNCH_ATTRIBUTE_DEVICE_UPDATABLE_KERNEL_NODE:
        key.special |= attribute.value.deviceUpdatableKernelNode.deviceUpdatable != 0 ? 8 : 0;
        break;
      default: break;
    }
  }
  return key;
}

using Kernel = decltype(driver().cuLaunchKernel);
CUresult launch_kernel(Kernel real, bool per_thread, CUfunction f, const Dims& grid, const Dims& block, unsigned shared,
                       CUstream stream, void** parameters, void** extra) {
  const auto call = [&] {
    return real(f, grid[0], grid[1], grid[2], block[0], block[1], block[2], shared, stream, parameters, extra);
  };
  ThreadState* const thread = managing_thread();
  return thread == nullptr ? pass_on(f, grid, call)
                           : launch(*thread, key_of(f, grid, block, shared, 0), {f, stream, grid, block, shared, parameters, extra}, per_thread, call);
}

using KernelEx = decltype(driver().cuLaunchKernelEx);
CUresult launch_kernel_ex(KernelEx real, bool per_thread, const CUlaunchConfig* config, CUfunction f, void** parameters,
                          void** extra) {
  const auto call = [&] { return real(config, f, parameters, extra); };
  if (config == nullptr) return call();
  ThreadState* const thread = managing_thread();
  if (thread == nullptr) return pass_on(f, {config->gridDimX, config->gridDimY, config->gridDimZ}, call);
  const CUlaunchConfig& c = *config;
  const LaunchRequest request{f, c.hStream, {c.gridDimX, c.gridDimY, c.gridDimZ}, {c.blockDimX, c.blockDimY, c.blockDimZ},
                              c.sharedMemBytes, parameters, extra, c.attrs, c.attrs == nullptr ? 0 : c.numAttrs};
  return launch(*thread, key_of(c, f), request, per_thread, call);
}

using Cooperative = decltype(driver().cuLaunchCooperativeKernel);
CUresult launch_cooperative(Cooperative real, bool per_thread, CUfunction f, const Dims& grid, const Dims& block,
                            unsigned shared, CUstream stream, void** parameters) {
  const auto call = [&] {
    return real(f, grid[0], grid[1], grid[2], block[0], block[1], block[2], shared, stream, parameters);
  };
  ThreadState* const thread = managing_thread();
  return thread == nullptr ? pass_on(f, grid, call)
                           : launch(*thread, key_of(f, grid, block, shared, 1), {.function = f, .stream = stream, .may_wait = false}, per_thread, call);
}

// The interface of CUDA 3: the block is set on the function before, and nobody tells us. Counted, and masked as what
// the driver launches of itself.
template <class Call>
CUresult launch_unknown(Call&& call) {
  if (ThreadState* const thread = managing_thread()) {
    thread->counters.add(Count::launches);
    thread->counters.add(Count::unseen);
  }
  return call();
}

}  // namespace
}  // namespace lithos::cuda::shim

using namespace lithos::cuda::shim;

extern "C" {

CUresult CUDAAPI cuLaunchKernel(CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                                unsigned bz, unsigned shared, CUstream stream, void** parameters, void** extra) {
  return launch_kernel(driver().cuLaunchKernel, false, f, {gx, gy, gz}, {bx, by, bz}, shared, stream, parameters,
                       extra);
}
CUresult CUDAAPI cuLaunchKernel_ptsz(CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                                     unsigned bz, unsigned shared, CUstream stream, void** parameters, void** extra) {
  return launch_kernel(driver().cuLaunchKernel_ptsz, true, f, {gx, gy, gz}, {bx, by, bz}, shared, stream, parameters,
                       extra);
}
CUresult CUDAAPI cuLaunchKernelEx(const CUlaunchConfig* config, CUfunction f, void** parameters, void** extra) {
  return launch_kernel_ex(driver().cuLaunchKernelEx, false, config, f, parameters, extra);
}
CUresult CUDAAPI cuLaunchKernelEx_ptsz(const CUlaunchConfig* config, CUfunction f, void** parameters, void** extra) {
  return launch_kernel_ex(driver().cuLaunchKernelEx_ptsz, true, config, f, parameters, extra);
}
CUresult CUDAAPI cuLaunchCooperativeKernel(CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx,
                                           unsigned by, unsigned bz, unsigned shared, CUstream stream,
                                           void** parameters) {
  return launch_cooperative(driver().cuLaunchCooperativeKernel, false, f, {gx, gy, gz}, {bx, by, bz}, shared, stream,
                            parameters);
}
CUresult CUDAAPI cuLaunchCooperativeKernel_ptsz(CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx,
                                                unsigned by, unsigned bz, unsigned shared, CUstream stream,
                                                void** parameters) {
  return launch_cooperative(driver().cuLaunchCooperativeKernel_ptsz, true, f, {gx, gy, gz}, {bx, by, bz}, shared,
                            stream, parameters);
}
CUresult CUDAAPI cuLaunchCooperativeKernelMultiDevice(CUDA_LAUNCH_PARAMS* launches, unsigned count, unsigned flags) {
  return launch_unknown([&] { return driver().cuLaunchCooperativeKernelMultiDevice(launches, count, flags); });
}
CUresult CUDAAPI cuLaunch(CUfunction f) {
  return launch_unknown([&] { return driver().cuLaunch(f); });
}
CUresult CUDAAPI cuLaunchGrid(CUfunction f, int width, int height) {
  return launch_unknown([&] { return driver().cuLaunchGrid(f, width, height); });
}
CUresult CUDAAPI cuLaunchGridAsync(CUfunction f, int width, int height, CUstream stream) {
  return launch_unknown([&] { return driver().cuLaunchGridAsync(f, width, height, stream); });
}

}  // extern "C"
