// SPDX-License-Identifier: Apache-2.0
// Kernel launches: find the operator, decide where it goes, arm the patch, call the driver, report (DESIGN.md §4,
// inline path).
#include <cuda.h>
#include <time.h>

#include <algorithm>
#include <utility>

#include "cuda/shim/process.hpp"
#include "cuda/shim/quiet.hpp"
#include "cuda/shim/tenancy.hpp"
#include "cuda/shim/thread_state.hpp"
#include "executor/block_range.hpp"

namespace lithos::cuda::shim {
namespace {

// The stream as a queue's name: stream 0 is another one in each thread (per-thread) and in each context.
std::uint64_t stream_key(CUstream stream, const ThreadState& thread) {
  const auto handle = reinterpret_cast<std::uint64_t>(stream);
  if (stream == CU_STREAM_PER_THREAD) return reinterpret_cast<std::uint64_t>(&thread) | 1;
  if (stream == nullptr || stream == CU_STREAM_LEGACY) return thread.context | 2;
  return handle;
}

// Which context the launch is in, and whether its GPU is the managed one; asked again when it has changed.
void follow_context(ThreadState& thread) {
  CUcontext context = nullptr;
  const DriverTable& calls = driver();
  if (calls.cuCtxGetCurrent == nullptr || calls.cuCtxGetCurrent(&context) != CUDA_SUCCESS) return;
  const auto now = reinterpret_cast<std::uint64_t>(context);
  if (now == thread.context && now != 0) return;
  CUdevice device = 0;
  thread.context = now;
  thread.cutting_asked = false;
  thread.other_device = calls.cuCtxGetDevice != nullptr && calls.cuCtxGetDevice(&device) == CUDA_SUCCESS && device != 0;
  thread.slots_base =
      now == 0 || thread.other_device ? 0 : Process::instance().tenancy()->completions().device_base(now);
  thread.streams.clear();
}

const Operator* find_operator(ThreadState& thread, const LaunchKey& key) {
  if (const Operator* known = thread.operators.find(key)) return known;
  const Operator* const made = describe_operator(key);
  if (made != nullptr) thread.operators.put(key, made);
  return made;
}

std::uint32_t queue_of(ThreadState& thread, std::uint64_t key) {
  if (const std::uint32_t* known = thread.streams.find(key)) return *known - 1;
  const std::uint32_t made = Process::instance().tenancy()->queue_of(key);
  thread.streams.put(key, made);
  return made - 1;
}

CompletionWish take_slot(ThreadState& thread, std::uint32_t& slot) {
  slot = kNoSlot;
  // Without room for the report nobody would give the slot back.
  if (thread.slots_base == 0 || !thread.reports.has_room()) return {};
  SlotIndex free{thread.spare_slot};
  if (thread.spare_slot == kNoSlot && !thread.slots.pop(free)) return {};
  thread.spare_slot = kNoSlot;
  slot = static_cast<std::uint32_t>(free.slot);
  return {thread.slots_base + free.slot * sizeof(ipc::CompletionSlot), ++thread.next_generation, kReleasePlain};
}

// One launch of the program, or one part of it, on its way to the driver.
struct Prepared {
  InlineDecider::Decision decision;
  LaunchReport report;
  bool raised = false;  // the tenant's pressure, for it
};

// What it takes to run a launch in parts.
struct Parts {
  const Cutter::Context* context = nullptr;  // nullptr: it runs whole
  std::uint64_t entry = 0;
  std::uint32_t forced = 0;  // blocks of each part, whatever the lease wishes
};

void arm(ThreadState& thread, const Operator& op, Prepared& prepared, Nanoseconds now) {
  Process& process = Process::instance();
  Armed& armed = thread.armed;
  armed.kind = Armed::Kind::launch;
  armed.done = false;
  armed.outcome = {};
  armed.shape = op.shape;
  armed.plan = nullptr;
  armed.stamp = !op.warm.load(std::memory_order_relaxed);
  const bool may_be_cut = op.info.cuttable || process.settings().force_atoms != 0;
  armed.learn = may_be_cut && op.entry.trusted() == 0 ? &op.entry : nullptr;
  PatchWish& wish = armed.wish;
  wish.mask = prepared.decision.confine;
  wish.min_tpcs = op.info.min_tpcs;
  wish.blocks_per_tpc = op.info.blocks_per_tpc;
  thread.use(prepared.decision.verdict.tpcs);
  if (wish.mask) wish.enabled = thread.masked_bits;
  LaunchReport& report = prepared.report;
  wish.completion = take_slot(thread, report.slot);
  report.kernel = reinterpret_cast<std::uint64_t>(&op.info);
  report.generation = wish.completion.payload;
  report.submitted_ns = to_u64(now);
  report.predicted_ns = to_u64(prepared.decision.verdict.predicted);
  const Verdict& verdict = prepared.decision.verdict;
  report.coverage = static_cast<std::uint8_t>(verdict.coverage);
  report.borrowed = BorrowedWork::bits_of(verdict);
  report.tpcs = thread.tpc_sets.name();
}

// A slot that was taken and not used stays this thread's: it is offered again first.
void keep_slot(ThreadState& thread, const LaunchReport& report) {
  if (report.slot != kNoSlot) thread.spare_slot = report.slot;
}

// Counts launches, not parts: only a launch's first part is counted by its outcome.
void count_outcome(ThreadState& thread, bool timed, const Armed& armed) {
  thread.counters.add(count_of(armed.outcome.mask));
  thread.counters.add(timed ? Count::timed : Count::untimed);
}

void account(ThreadState& thread, CUresult result, CUstream stream, Prepared& prepared) {
  const Armed& armed = thread.armed;
  Tenancy& tenancy = *Process::instance().tenancy();
  LaunchReport& report = prepared.report;
  const bool used = armed.done && armed.outcome.timed;
  if (armed.stamp && armed.done) report.submitted_ns = to_u64(armed.uploaded);
  if (!used) {
    keep_slot(thread, report);
    report.slot = kNoSlot;
  }
  if (result != CUDA_SUCCESS || !armed.done) {
    thread.counters.add(result != CUDA_SUCCESS ? Count::failed
                        : is_capturing(stream) ? Count::captured
                                               : Count::unseen);
    tenancy.never_flew();
    return;
  }
  if (report.first_block == 0) count_outcome(thread, used, armed);
  if (armed.outcome.mask != MaskOutcome::masked)
    report.coverage = static_cast<std::uint8_t>(armed.outcome.mask == MaskOutcome::not_wanted ? Coverage::unmasked
                                                                                              : Coverage::bypassed);
  tenancy.report(thread, report);
}

LaunchReport waiting_report(const Operator& op, std::uint32_t queue, std::uint32_t first_block) {
  LaunchReport report;
  report.kind = LaunchReport::waiting;
  report.kernel = reinterpret_cast<std::uint64_t>(&op.info);
  report.queue = queue;
  report.first_block = first_block;
  return report;
}

void raise_pressure(Prepared& prepared, Nanoseconds now) {
  if (prepared.raised) return;
  prepared.raised = true;
  const std::uint64_t number = Process::instance().tenancy()->raise_pressure(now);
  if (prepared.report.launch == 0) prepared.report.launch = number;
}

// `now`: becomes the time at which the launch may go.
void decide(ThreadState& thread, const Operator& op, CUstream stream, Nanoseconds& now, Prepared& prepared) {
  Tenancy& tenancy = *Process::instance().tenancy();
  thread.deciding.store(thread.decider->lease_generation(), std::memory_order_release);
  prepared.decision = thread.decider->decide(op.info, prepared.report.first_block, now, [&] {
    if (is_capturing(stream)) return false;
    // The tenant works from now on: nobody is lent anything while it is idle.
    raise_pressure(prepared, now);
    tenancy.report_only(thread, waiting_report(op, prepared.report.queue, prepared.report.first_block));
    return true;
  });
  if (prepared.decision.waited) now = host_now();
  thread.decider->publish_home();  // for what the driver launches of itself meanwhile
  if (prepared.decision.waited) thread.counters.add(Count::waited);
  if (prepared.decision.starved) thread.counters.add(Count::starved);
}

// ---- parts -----------------------------------------------------------------------------------------------

// Whether the launch runs in parts, and how: the lease wishes it, or a test does.
Parts parts_of(ThreadState& thread, const Operator& op, CUstream stream, const Verdict& verdict) {
  const Process& process = Process::instance();
  const KernelInfo& kernel = op.info;
  const unsigned forced = process.settings().force_atoms;
  const bool wished = verdict.blocks < kernel.blocks;
  if (!wished && forced == 0) [[likely]]
    return {};
  const bool may = !kernel.may_spin && !kernel.launch_special && kernel.nature != KernelNature::never_touch &&
                   kernel.nature != KernelNature::co_resident && kernel.blocks > kernel.cluster_blocks;
  if (!may || thread.slots_base == 0 || op.whole.load(std::memory_order_relaxed) || is_capturing(stream)) return {};
  Parts parts;
  parts.entry = op.entry.trusted();
  if (parts.entry == 0) return {};
  if (!std::exchange(thread.cutting_asked, true))
    thread.cutting = process.tenancy()->cutter().context(thread, thread.context);
  parts.context = thread.cutting;
  if (forced != 0) {
    const std::uint32_t blocks = std::max(kernel.blocks / forced, 1u);
    const std::uint32_t granule = cut_granule(kernel.grid, kernel.cluster, blocks);
    parts.forced = std::max(blocks / granule, 1u) * granule;
  }
  return parts;
}

// What was to be cut and is not: as long as all of it.
void run_whole(Prepared& prepared, const KernelInfo& kernel) {
  Verdict& verdict = prepared.decision.verdict;
  prepared.report.block_count = kernel.blocks;
  if (verdict.blocks == 0 || verdict.blocks >= kernel.blocks) return;
  verdict.predicted = Nanoseconds{verdict.predicted.count() * kernel.blocks / verdict.blocks};
  verdict.coverage = Coverage::whole_special;
  verdict.long_whole = verdict.on_borrowed;
}

// Waits for a completion slot: a part has one, since its number is its atom slot's too.
void await_slot(ThreadState& thread) {
  constexpr timespec kNap{0, 20'000};
  while (thread.spare_slot == kNoSlot) {
    SlotIndex free{};
    if (thread.reports.has_room() && thread.slots.pop(free)) thread.spare_slot = static_cast<std::uint32_t>(free.slot);
    else ::nanosleep(&kNap, nullptr);
  }
}

// After arm(): the descriptor is to run these blocks alone. False: it would run all of them.
bool arm_part(ThreadState& thread, const Operator& op, const LaunchReport& report, const Parts& parts, AtomPlan& plan) {
  Armed& armed = thread.armed;
  armed.atom = NoAtom::not_a_range;
  const LoadedPreludes& preludes = parts.context->preludes;
  const AtomRequest request{op.info.grid, op.info.cluster, {report.first_block, report.block_count}, parts.entry};
  if (report.slot == kNoSlot || plan_atom(request, preludes, plan) != NoAtom::planned) return false;
  Process::instance().tenancy()->cutter().slot(report.slot) = plan.slot;
  armed.plan = &plan;
  armed.entry = parts.entry;
  armed.bank = preludes.image->preludes[0].constant_bank;
  armed.atom_slot = parts.context->slots + report.slot * sizeof(AtomSlot);
  armed.later_part = report.first_block > 0;
  return true;
}

// `parts`: run report's blocks alone.
template <class Call>
CUresult submit(ThreadState& thread, const Operator& op, CUstream stream, Nanoseconds now, Prepared& prepared,
                const Parts* parts, Call&& call) {
  raise_pressure(prepared, now);
  arm(thread, op, prepared, now);
  AtomPlan plan;
  const bool as_asked = parts == nullptr || arm_part(thread, op, prepared.report, *parts, plan);
  const CUresult result = as_asked || prepared.report.first_block == 0 ? call() : CUDA_ERROR_LAUNCH_FAILED;
  thread.armed.kind = Armed::Kind::nothing;
  thread.armed.plan = nullptr;
  if (parts != nullptr && thread.armed.atom != NoAtom::planned) prepared.report.block_count = op.info.blocks;
  account(thread, result, stream, prepared);
  thread.deciding.store(~std::uint64_t{0}, std::memory_order_release);
  // A function's first launch loads its code, which may take longer than a thousand kernels: that is not the kernel's time.
  if (thread.armed.stamp && thread.armed.done) op.warm.store(true, std::memory_order_relaxed);
  const bool confined = thread.armed.outcome.mask == MaskOutcome::masked;
  if (!confined && (prepared.decision.starved || thread.armed.wish.mask) && thread.armed.done) [[unlikely]]
    op.unconfined.fetch_add(1, std::memory_order_relaxed);
  return result;
}

// The parts in order, the lease read anew before each. The program's arguments are good as long as its call lasts, and
// this call lasts until the last part has been handed to the driver.
template <class Call>
CUresult launch_parts(ThreadState& thread, const Operator& op, CUstream stream, Nanoseconds now, Prepared& prepared,
                      const Parts& parts, Call&& call) {
  LaunchReport& report = prepared.report;
  const std::uint32_t queue = report.queue;
  for (;;) {
    const std::uint32_t left = op.info.blocks - report.first_block;
    report.block_count = std::min(parts.forced != 0 ? parts.forced : prepared.decision.verdict.blocks, left);
    await_slot(thread);
    const CUresult result = submit(thread, op, stream, now, prepared, &parts, call);
    const std::uint32_t end = report.first_block + report.block_count;
    const bool in_parts = thread.armed.done && thread.armed.atom == NoAtom::planned;
    if (!in_parts && report.first_block == 0) {  // it ran whole
      op.whole.store(true, std::memory_order_relaxed);
      thread.counters.add(Count::cut_refused);
      return result;
    }
    thread.counters.add(Count::atoms);
    if (report.first_block == 0) thread.counters.add(Count::cut);
    if (!in_parts) {
      Process::instance().say("a part of %s could not be launched as it must be; its launch has failed", op.info.name.c_str());
      return CUDA_ERROR_LAUNCH_FAILED;
    }
    if (result != CUDA_SUCCESS || end >= op.info.blocks) return result;
    const std::uint64_t launch = report.launch;
    report = {};
    prepared.raised = false;
    report.queue = queue;
    report.launch = launch;
    report.first_block = end;
    now = host_now();
    decide(thread, op, stream, now, prepared);
  }
}

template <class Call>
CUresult launch(ThreadState& thread, const LaunchKey& key, CUstream stream, bool per_thread, Call&& call) {
  const Inside inside(thread);
  if (per_thread && stream == nullptr) stream = CU_STREAM_PER_THREAD;
  thread.counters.add(Count::launches);
  follow_context(thread);
  const Operator* const op = thread.other_device ? nullptr : find_operator(thread, key);
  if (op == nullptr || thread.decider == nullptr) {
    thread.counters.add(thread.other_device ? Count::other_device : Count::unseen);
    return call();
  }
  Prepared prepared;
  Nanoseconds now = host_now();
  prepared.report.queue = queue_of(thread, stream_key(stream, thread));
  decide(thread, *op, stream, now, prepared);
  const Parts parts = parts_of(thread, *op, stream, prepared.decision.verdict);
  if (parts.context == nullptr) [[likely]] {
    run_whole(prepared, op->info);
    return submit(thread, *op, stream, now, prepared, nullptr, call);
  }
  return launch_parts(thread, *op, stream, now, prepared, parts, call);
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
  return thread == nullptr ? call() : launch(*thread, key_of(f, grid, block, shared, 0), stream, per_thread, call);
}

using KernelEx = decltype(driver().cuLaunchKernelEx);
CUresult launch_kernel_ex(KernelEx real, bool per_thread, const CUlaunchConfig* config, CUfunction f, void** parameters,
                          void** extra) {
  const auto call = [&] { return real(config, f, parameters, extra); };
  ThreadState* const thread = config == nullptr ? nullptr : managing_thread();
  return thread == nullptr ? call() : launch(*thread, key_of(*config, f), config->hStream, per_thread, call);
}

using Cooperative = decltype(driver().cuLaunchCooperativeKernel);
CUresult launch_cooperative(Cooperative real, bool per_thread, CUfunction f, const Dims& grid, const Dims& block,
                            unsigned shared, CUstream stream, void** parameters) {
  const auto call = [&] {
    return real(f, grid[0], grid[1], grid[2], block[0], block[1], block[2], shared, stream, parameters);
  };
  ThreadState* const thread = managing_thread();
  return thread == nullptr ? call() : launch(*thread, key_of(f, grid, block, shared, 1), stream, per_thread, call);
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
