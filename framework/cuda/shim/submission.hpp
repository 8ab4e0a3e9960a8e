// SPDX-License-Identifier: Apache-2.0
// What brings one launch, or one part of it, to the driver: the operator's queue and context, the decision where it goes, the armed patch,
// the report (DESIGN.md §4). launch.cpp does it within the program's call; the queued path, part by part, from whichever thread submits.
// On the thread whose state is given, inside (thread_state.hpp) one of our own functions.
#pragma once

#include <cuda.h>

#include <algorithm>
#include <atomic>

#include "cuda/shim/process.hpp"
#include "cuda/shim/tenancy.hpp"
#include "cuda/shim/thread_state.hpp"

namespace lithos::cuda::shim {

// Which context the thread's launches are in, and whether its GPU is the managed one; asked again when it has changed.
void follow_context(ThreadState& thread);
// nullptr: the driver would not say what it is.
const Operator* find_operator(ThreadState& thread, const LaunchKey& key);
// The stream's launch queue, and what this thread launched there last.
StreamCache::Entry& queue_of(ThreadState& thread, CUstream stream);

// One launch of the program, or one part of it, on its way to the driver.
struct Prepared {
  InlineDecider::Decision decision;
  LaunchReport report;
  bool raised = false;  // the tenant's pressure, for it

  void go_on_at(std::uint32_t block) {
    const LaunchReport before = report;
    report = {};
    report.queue = before.queue;
    report.launch = before.launch;
    report.context = before.context;
    report.first_block = block;
    raised = false;
  }
};

// What it takes to run a launch in parts.
struct Parts {
  const Cutter::Context* context = nullptr;  // nullptr: it runs whole
  std::uint64_t entry = 0;
  std::uint32_t forced = 0;  // blocks of each part, whatever the lease wishes
};

// Decides where it goes; waits where it must, if `stream` is not being captured. `now`: becomes the time at which the launch may go.
void decide(ThreadState& thread, const Operator& op, CUstream stream, Nanoseconds& now, Prepared& prepared);
// The same without waiting: false where it may not go now. `stuck_since`: since when, kNever before the first time. `urgent`: it goes, without
// regard to hold and limits.
bool decide_now(ThreadState& thread, const Operator& op, bool urgent, Nanoseconds now, Nanoseconds& stuck_since,
                Prepared& prepared);
// Whether the launch runs in parts, and how: the lease wishes it, or a test does.
Parts parts_of(ThreadState& thread, const Operator& op, CUstream stream, const Verdict& verdict);
// What was to be cut and is not: as long as all of it.
void run_whole(Prepared& prepared, const KernelInfo& kernel);
// Has a completion slot: a part has one, since its number is its atom slot's too. await_slot() waits for it.
bool has_slot(ThreadState& thread);
void await_slot(ThreadState& thread);

// Steps of submit().
void raise_pressure(Prepared& prepared, Nanoseconds now);
void arm(ThreadState& thread, const Operator& op, Prepared& prepared, Nanoseconds now);
// After arm(): the descriptor is to run these blocks alone. False: it would run all of them.
bool arm_part(ThreadState& thread, const Operator& op, const LaunchReport& report, const Parts& parts, AtomPlan& plan);
void account(ThreadState& thread, CUresult result, CUstream stream, Prepared& prepared);

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

// What became of one part.
struct PartSent {
  CUresult result = CUDA_SUCCESS;
  bool more = false;  // `prepared` is the next part's, to be decided anew
};

// One part; the thread has a slot.
template <class Call>
PartSent send_part(ThreadState& thread, const Operator& op, CUstream stream, Nanoseconds now, Prepared& prepared,
                   const Parts& parts, Call&& call) {
  LaunchReport& report = prepared.report;
  const std::uint32_t left = op.info.blocks - report.first_block;
  report.block_count = std::min(parts.forced != 0 ? parts.forced : prepared.decision.verdict.blocks, left);
  const CUresult result = submit(thread, op, stream, now, prepared, &parts, call);
  const std::uint32_t end = report.first_block + report.block_count;
  const bool in_parts = thread.armed.done && thread.armed.atom == NoAtom::planned;
  if (!in_parts && report.first_block == 0) {  // it ran whole
    op.whole.store(true, std::memory_order_relaxed);
    thread.counters.add(Count::cut_refused);
    return {result};
  }
  thread.counters.add(Count::atoms);
  if (report.first_block == 0) thread.counters.add(Count::cut);
  if (!in_parts) {
    Process::instance().say("a part of %s could not be launched as it must be; its launch has failed", op.info.name.c_str());
    return {CUDA_ERROR_LAUNCH_FAILED};
  }
  if (result != CUDA_SUCCESS || end >= op.info.blocks) return {result};
  prepared.go_on_at(end);
  return {result, true};
}

}  // namespace lithos::cuda::shim
