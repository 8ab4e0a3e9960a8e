// SPDX-License-Identifier: Apache-2.0
// What happens when: launches start and end, contexts take turns, the clock changes.
#include <algorithm>
#include <cassert>

#include "sim/virtual_gpu_impl.hpp"

namespace lithos {

void VirtualGpu::Impl::advance(std::int64_t now) {
  assert(now >= now_);
  while (next_at_ <= now) step();
  now_ = now;
}

// Several things can happen at one nanosecond; they are taken in order of the streams' creation, so a run repeats
// exactly.
void VirtualGpu::Impl::step() {
  const std::int64_t at = next_at_;
  account(at);
  now_ = at;
  if (clock_change_at_ <= at) {
    clock_change_at_ = kNoEvent;
    set_clock(requested_mhz_);
  }
  for (unsigned index = 0; index < event_at_.size(); ++index) {
    if (event_at_[index] > at) continue;
    Stream& stream = streams_[index];
    if (stream.phase == Phase::gap) begin_launch(stream, index);
    else if (stream.finish_at <= at) finish_launch(stream, index);
    else event_at_[index] = kNoEvent;  // TPCs leave it: refresh() sees to that
  }
  if (slice_event_at_ <= at) on_slice_event();
  refresh();
}

void VirtualGpu::Impl::refresh() {
  if (Group* group = working_group()) {
    dispatch(*group);
    update_rates(*group);
  }
  update_power();
  next_at_ = std::min(slice_event_at_, clock_change_at_);
  for (const std::int64_t at : event_at_) next_at_ = std::min(next_at_, at);
}

// The stream's next launch is known: when may it start?
void VirtualGpu::Impl::prepare_next(Stream& stream, unsigned index) {
  const bool inside_graph = stream.node > 0;
  std::int64_t gap = (inside_graph ? model_.graph_node_gap : model_.stream_gap).count();
  if (sharing_ == Sharing::mps) gap += model_.mps_gap.count();
  if (stream.submissions.front().graph == nullptr && others_contend(stream)) gap += model_.contended_gap.count();
  stream.phase = Phase::gap;
  event_at_[index] = std::max({now_, stream.submissions.front().earliest, stream.last_end + gap});
  next_at_ = std::min(next_at_, event_at_[index]);
}

// Another MPS client has work of no lower priority.
bool VirtualGpu::Impl::others_contend(const Stream& stream) const {
  if (sharing_ != Sharing::mps) return false;
  const Group& group = groups_[stream.group];
  const std::size_t slot = value_of(stream.tenant);
  const unsigned others = group.unfinished - unfinished_[slot];
  if (stream.submissions.front().low_priority) return others > 0;
  return others > group.unfinished_low - unfinished_low_[slot];
}

void VirtualGpu::Impl::count_done(const Stream& stream, const Submission& submission) {
  const unsigned low = submission.low_priority ? 1 : 0;
  --groups_[stream.group].unfinished;
  groups_[stream.group].unfinished_low -= low;
  --unfinished_[value_of(stream.tenant)];
  unfinished_low_[value_of(stream.tenant)] -= low;
}

void VirtualGpu::Impl::begin_launch(Stream& stream, unsigned index) {
  const Submission& from = stream.submissions.front();
  stream.kernel = from.kernel != nullptr ? from.kernel : find_kernel(from.graph->nodes[stream.node]);
  const KernelInfo& info = *stream.kernel->info;
  const TpcSet& tpcs = from.graph != nullptr && from.masked ? from.node_tpcs[stream.node] : from.tpcs;
  stream.first_block = from.graph != nullptr ? 0 : from.first_block;
  stream.block_count = from.graph != nullptr ? info.blocks : from.block_count;
  stream.cut = from.cut;
  stream.low_priority = from.low_priority;
  stream.allowed = usable(info, tpcs, from.masked);
  stream.held = {};
  stream.held_count = 0;
  // One block per TPC before a second one joins it: a small grid spreads out.
  stream.target_tpcs = std::min(stream.allowed.count(), stream.block_count);
  stream.remaining = 1;
  stream.rate = 0;
  stream.rate_tpcs = 0;
  stream.dispatched = false;
  stream.drain_tpcs = 0;
  stream.yield_tpcs = 0;
  stream.finish_at = kNoEvent;
  stream.arrival = ++arrivals_;
  stream.phase = Phase::waiting;
  event_at_[index] = kNoEvent;
  stand_in_line(groups_[stream.group], index);
}

void VirtualGpu::Impl::finish_launch(Stream& stream, unsigned index) {
  Group& group = groups_[stream.group];
  release(group, stream, stream.held);
  group.running.erase(std::find(group.running.begin(), group.running.end(), index));
  if (!stream.dispatched) std::erase(group.line, index);
  stream.last_end = now_;
  event_at_[index] = kNoEvent;
  stream.finish_at = kNoEvent;
  ++totals_.completions;

  const Submission& done = stream.submissions.front();
  Completion completion;
  completion.tenant = stream.tenant;
  completion.queue = stream.queue;
  completion.launch = done.launch;
  completion.first_block = stream.first_block;
  completion.block_count = stream.block_count;
  completion.started = Nanoseconds{stream.started_at};
  completion.completed = Nanoseconds{now_};
  bool submission_done = true;
  if (done.graph != nullptr) {
    completion.node = ++stream.node;
    submission_done = stream.node == done.graph->nodes.size();
  }
  if (submission_done) {
    stream.node = 0;
    count_done(stream, done);
    stream.submissions.pop();
  }
  stream.phase = Phase::idle;
  if (!stream.submissions.empty()) prepare_next(stream, index);
  else if (sharing_ == Sharing::time_slicing) group_may_be_idle(stream.group);
  sink_.on_device_completion(completion);
}

// ---- time slicing
// -----------------------------------------------------------------------------------------------------

unsigned VirtualGpu::Impl::next_runnable() const {
  const auto count = static_cast<unsigned>(groups_.size());
  const unsigned from = working_ == kNobody ? 0 : working_ + 1;
  for (unsigned i = 0; i < count; ++i) {
    const unsigned group = (from + i) % count;
    if (group != working_ && groups_[group].unfinished > 0) return group;
  }
  return kNobody;
}

void VirtualGpu::Impl::group_has_work(unsigned group) {
  if (switching_to_ != kNobody || group == working_) return;
  if (working_ == kNobody || groups_[working_].unfinished == 0) {
    start_switch(group);
    return;
  }
  if (slice_event_at_ != kNoEvent) return;
  // Somebody waits from now on: the context at work keeps what is left of the slice it is in.
  const std::int64_t slice = model_.time_slice.count();
  slice_event_at_ = now_ + slice - (now_ - slice_started_at_) % slice;
  next_at_ = std::min(next_at_, slice_event_at_);
}

// A context with nothing left to do gives up its turn at once.
void VirtualGpu::Impl::group_may_be_idle(unsigned group) {
  if (group != working_ || groups_[group].unfinished > 0) return;
  slice_event_at_ = kNoEvent;
  if (const unsigned next = next_runnable(); next != kNobody) start_switch(next);
}

void VirtualGpu::Impl::start_switch(unsigned group) {
  const bool nothing_to_save = working_ == kNobody;
  if (working_ != kNobody) {
    account(now_);
    for (const unsigned index : groups_[working_].running) {
      streams_[index].rate = 0;
      streams_[index].finish_at = kNoEvent;
      event_at_[index] = kNoEvent;
    }
    ++totals_.context_switches;
  }
  working_ = kNobody;
  switching_to_ = group;
  slice_event_at_ = now_ + (nothing_to_save ? 0 : model_.context_switch.count());
  next_at_ = std::min(next_at_, slice_event_at_);
}

void VirtualGpu::Impl::on_slice_event() {
  slice_event_at_ = kNoEvent;
  if (switching_to_ != kNobody) {
    working_ = switching_to_;
    switching_to_ = kNobody;
    slice_started_at_ = now_;
    for (const unsigned index : groups_[working_].running) streams_[index].settled_at = now_;
    if (next_runnable() != kNobody) slice_event_at_ = now_ + model_.time_slice.count();
    return;
  }
  if (const unsigned next = next_runnable(); next != kNobody) start_switch(next);
}

}  // namespace lithos
