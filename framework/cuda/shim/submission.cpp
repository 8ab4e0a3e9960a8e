// SPDX-License-Identifier: Apache-2.0
#include "cuda/shim/submission.hpp"

#include <time.h>

#include <utility>

#include "cuda/shim/annotations.hpp"
#include "cuda/shim/quiet.hpp"
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

}  // namespace

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

StreamCache::Entry& queue_of(ThreadState& thread, CUstream stream) {
  const std::uint64_t key = stream_key(stream, thread);
  if (StreamCache::Entry* const known = thread.streams.find(key)) return *known;
  return thread.streams.put(key, Process::instance().tenancy()->queue_of(key));
}

namespace {

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

}  // namespace

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

namespace {

// A slot that was taken and not used stays this thread's: it is offered again first.
void keep_slot(ThreadState& thread, const LaunchReport& report) {
  if (report.slot != kNoSlot) thread.spare_slot = report.slot;
}

// Counts launches, not parts: only a launch's first part is counted by its outcome.
void count_outcome(ThreadState& thread, bool timed, const Armed& armed) {
  thread.counters.add(count_of(armed.outcome.mask));
  thread.counters.add(timed ? Count::timed : Count::untimed);
}

}  // namespace

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

namespace {

// The tenant works from now on: nobody is lent anything while it is idle. And the engine is told which launch waits, since what it needs
// may be lent to it and its rights gathered (DESIGN.md §5.1).
void tell_waiting(ThreadState& thread, const Operator& op, Prepared& prepared, Nanoseconds now) {
  if (prepared.told_at != kNever && now - prepared.told_at < kSayAgain) return;
  prepared.told_at = now;
  raise_pressure(prepared, now);
  LaunchReport report;
  report.kind = LaunchReport::waiting;
  report.kernel = reinterpret_cast<std::uint64_t>(&op.info);
  report.launch = prepared.report.launch;
  report.queue = prepared.report.queue;
  report.first_block = prepared.report.first_block;
  report.context = prepared.report.context;
  Process::instance().tenancy()->report_only(thread, report);
}

// What the decider is asked about.
InlineDecider::Launch launch_of(const Operator& op, const LaunchReport& report) {
  return {op.info, report.context, report.first_block, report.queue};
}

}  // namespace

void raise_pressure(Prepared& prepared, Nanoseconds now) {
  if (prepared.raised) return;
  prepared.raised = true;
  const std::uint64_t number = Process::instance().tenancy()->raise_pressure(now);
  if (prepared.report.launch == 0) prepared.report.launch = number;
}

void decide(ThreadState& thread, const Operator& op, CUstream stream, Nanoseconds& now, Prepared& prepared) {
  thread.deciding.store(thread.decider->lease_generation(), std::memory_order_release);
  const LaunchReport& report = prepared.report;
  if (const InlineDecider::Decision* known = report.first_block == 0 ? thread.decider->steady(op.info, report.context) : nullptr) {
    prepared.decision = *known;
    return;
  }
  AnnotatedRange waiting;
  const auto may_wait = [&] {
    if (is_capturing(stream)) return false;
    waiting.managed("waits for its lease: ", op.info.name, op.info.blocks);
    return true;
  };
  // Nothing is decided meanwhile: were an older lease told for as long as it waits, nobody could get the rights that a newer one takes away.
  const auto waits = [&](Nanoseconds at, Nanoseconds until) {
    thread.deciding.store(~std::uint64_t{0}, std::memory_order_release);
    tell_waiting(thread, op, prepared, at);
    at = thread.decider->nap_until(until, at);
    thread.deciding.store(thread.decider->lease_generation(), std::memory_order_release);
    return at;
  };
  prepared.decision = thread.decider->decide(launch_of(op, report), now, may_wait, waits);
  if (prepared.decision.waited) now = host_now();
  thread.decider->publish_home();  // for what the driver launches of itself meanwhile
  if (prepared.decision.waited) thread.counters.add(Count::waited);
  if (prepared.decision.starved) thread.counters.add(Count::starved);
}

bool decide_now(ThreadState& thread, const Operator& op, bool urgent, Nanoseconds now, Nanoseconds& stuck_since,
                Prepared& prepared) {
  const bool waited = stuck_since != kNever;
  thread.deciding.store(thread.decider->lease_generation(), std::memory_order_release);
  if (!thread.decider->decide_now(launch_of(op, prepared.report), now, urgent, stuck_since, prepared.decision)) {
    thread.deciding.store(~std::uint64_t{0}, std::memory_order_release);
    tell_waiting(thread, op, prepared, now);
    return false;
  }
  stuck_since = kNever;
  thread.decider->publish_home();
  if (waited) thread.counters.add(Count::waited);
  if (prepared.decision.starved && !urgent) thread.counters.add(Count::starved);
  return true;
}

// ---- parts -----------------------------------------------------------------------------------------------

Parts parts_of(ThreadState& thread, const Operator& op, CUstream stream, const Verdict& verdict) {
  const Process& process = Process::instance();
  const KernelInfo& kernel = op.info;
  const unsigned forced = process.settings().force_atoms;
  const bool wished = verdict.blocks < kernel.blocks;
  if (!wished && forced == 0) [[likely]]
    return {};
  const bool may = !kernel.may_spin && !kernel.launch_special && kernel.nature != KernelNature::never_touch &&
                   kernel.nature != KernelNature::co_resident && kernel.blocks > kernel.cluster_blocks;
  if (!may || thread.slots_base == 0 || !thread.has_slots || op.whole.load(std::memory_order_relaxed) || is_capturing(stream)) return {};
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

void run_whole(Prepared& prepared, const KernelInfo& kernel) {
  Verdict& verdict = prepared.decision.verdict;
  prepared.report.block_count = kernel.blocks;
  if (verdict.blocks == 0 || verdict.blocks >= kernel.blocks) return;
  verdict.predicted = Nanoseconds{verdict.predicted.count() * kernel.blocks / verdict.blocks};
  verdict.coverage = Coverage::whole_special;
  verdict.long_whole = verdict.on_borrowed;
}

bool has_slot(ThreadState& thread) {
  SlotIndex free{};
  if (thread.spare_slot == kNoSlot && thread.reports.has_room() && thread.slots.pop(free))
    thread.spare_slot = static_cast<std::uint32_t>(free.slot);
  return thread.spare_slot != kNoSlot;
}

void await_slot(ThreadState& thread) {
  constexpr timespec kNap{0, 20'000};
  while (!has_slot(thread)) ::nanosleep(&kNap, nullptr);
}

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

}  // namespace lithos::cuda::shim
