// SPDX-License-Identifier: Apache-2.0
// The state of the virtual GPU and the parts its sources share. Private to virtual_gpu*.cpp.
//   virtual_gpu.cpp           the public face: kernels, streams, submission
//   virtual_gpu_events.cpp    what happens when: launch starts and ends, time slices, clock
//   virtual_gpu_dispatch.cpp  which launch gets which TPCs, and how they leave it
//   virtual_gpu_rates.cpp     how fast launches in progress work, power, sums over time
//   virtual_gpu_check.cpp     invariants
// Names: a *launch* here is one kernel, atom or graph node in progress; at most one per stream, so it lives in the
// stream.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "sim/fifo.hpp"
#include "sim/virtual_gpu.hpp"

namespace lithos {

inline constexpr std::int64_t kNoEvent = std::numeric_limits<std::int64_t>::max();
inline constexpr unsigned kYieldSteps =
    8;  // a launch gives way to higher priority in so many steps, within one block's time
inline constexpr unsigned kDrainSteps = 4;  // a last wave leaves its TPCs in so many steps, if somebody waits for them

struct KernelModel {
  const KernelInfo* info = nullptr;
  TimeCurve curve;
  unsigned blocks_per_tpc = 1;
  // Of one block, as an SM accounts for it.
  unsigned warps = 1;
  unsigned registers = 0;
  unsigned shared_bytes = 0;
  double skip_ns = 0, prelude_ns = 0;  // in an atom, over the whole device
};

// One submission in a stream's queue.
struct Submission {
  const KernelModel* kernel = nullptr;  // nullptr: a graph
  const GraphInfo* graph = nullptr;
  std::span<const TpcSet> node_tpcs;
  LaunchId launch{};
  std::uint32_t first_block = 0, block_count = 0;
  bool cut = false, masked = true, low_priority = false;
  TpcSet tpcs;
  std::int64_t earliest = 0;  // not before this, however idle the stream
};

enum class Phase : std::uint8_t {
  idle,     // nothing submitted
  gap,      // the next launch starts at a known time
  waiting,  // in line for TPCs, holds none
  running,  // holds TPCs; may be in line for more
};

struct Stream {
  TenantId tenant{};
  QueueId queue{};
  unsigned group = 0;
  Fifo<Submission> submissions;  // front: the one in progress
  std::uint32_t node = 0;        // of a graph in progress
  Phase phase = Phase::idle;
  std::int64_t last_end = std::numeric_limits<std::int64_t>::min() / 2;

  // The launch in progress.
  const KernelModel* kernel = nullptr;
  std::uint32_t first_block = 0, block_count = 0;
  bool cut = false, low_priority = false;
  bool dispatched = false;    // every block has started
  std::uint64_t arrival = 0;  // place in line
  TpcSet allowed, held;
  unsigned held_count = 0, target_tpcs = 0;
  double remaining = 1;         // of its work
  double rate = 0;              // of its work per ns; 0 while its context sleeps
  unsigned rate_tpcs = 0;       // TPCs that its rate was taken at: keeps the value of before the last wave
  double alone_ns = 0;          // its time on rate_tpcs, undisturbed, at the highest clock
  double shared_part = 0;       // at rate_tpcs
  double dispatched_below = 1;  // `remaining` at which the last block starts
  double drain_below = 0;       // `remaining` below which TPCs leave
  unsigned drain_tpcs = 0;      // held when they began to leave; 0: they have not
  unsigned yield_tpcs = 0;      // held when it began to give way to higher priority; 0: it does not
  std::int64_t yield_since = 0, yield_step_ns = 1;
  std::int64_t settled_at = 0, started_at = 0, finish_at = kNoEvent;
};

// What works together: everything under MPS, one tenant's streams under time slicing.
struct Group {
  TpcSet once, twice;             // TPCs with at least one, with two launches resident
  std::vector<unsigned> running;  // streams
  std::vector<unsigned> line;     // streams with undispatched blocks: priority, then arrival
  unsigned unfinished = 0;        // submissions
  unsigned unfinished_low = 0;    // … of which low priority
};

struct VirtualGpu::Impl {
  Impl(const GpuShape& shape_in, const DeviceModel& model_in, Sharing sharing_in, CompletionSink& sink_in);

  // virtual_gpu.cpp
  const KernelModel* find_kernel(const KernelInfo* info) const;
  unsigned stream_of(TenantId tenant, QueueId queue);
  void know_tenant(std::size_t slot);
  TpcSet usable(const KernelInfo& kernel, const TpcSet& tpcs, bool masked) const;
  TpcSet room_for_clusters(const KernelInfo& kernel, const TpcSet& tpcs) const;
  Status check_launch(const KernelModel* kernel, const KernelInfo* info, const TpcSet& tpcs, bool masked) const;
  void enqueue(unsigned index, std::int64_t latency);

  // virtual_gpu_events.cpp
  void advance(std::int64_t now);
  void step();  // everything that happens at next_at_
  void prepare_next(Stream& stream, unsigned index);
  bool others_contend(const Stream& stream) const;
  void count_done(const Stream& stream, const Submission& submission);
  void begin_launch(Stream& stream, unsigned index);
  void finish_launch(Stream& stream, unsigned index);
  void refresh();  // after any change: TPCs, rates, the next event
  unsigned next_runnable() const;
  void start_switch(unsigned group);
  void on_slice_event();
  void group_has_work(unsigned group);
  void group_may_be_idle(unsigned group);

  // virtual_gpu_dispatch.cpp
  void dispatch(Group& group);
  void stand_in_line(Group& group, unsigned index);
  void yield(Group& group, Stream& stream, const TpcSet& wanted);
  double block_ns(const Stream& stream) const;
  void take_tpcs(Group& group, Stream& stream, unsigned index, const TpcSet& candidates);
  TpcSet room_beside_others(const Group& group, const Stream& stream, const TpcSet& candidates) const;
  TpcSet some_of(const Stream& stream, const TpcSet& free, unsigned need) const;
  bool fits_beside(const Stream& newcomer, const Stream& resident) const;
  void drain(Group& group, Stream& stream);
  void release(Group& group, Stream& stream, TpcSet tpcs);
  void set_rate_tpcs(Stream& stream);

  // virtual_gpu_rates.cpp
  void account(std::int64_t now);  // sums and remaining work up to `now`
  void update_rates(Group& group);
  double beside_slowdown(const Group& group, const Stream& stream) const;
  double clock_stretch(const Stream& stream) const;
  void schedule(Stream& stream, unsigned index, const TpcSet& wanted);
  void update_power();
  void clear_clock_use();
  void set_clock(std::uint32_t mhz);

  // virtual_gpu_check.cpp
  std::string check_invariants() const;

  Group* working_group() { return working_ < groups_.size() ? &groups_[working_] : nullptr; }

  const GpuShape shape_;
  const DeviceModel model_;
  const Sharing sharing_;
  CompletionSink& sink_;
  std::vector<TpcSet> gpc_;  // by GPC
  TpcSet cluster_tpcs_;      // TPCs that a cluster wider than a TPC may use

  std::vector<std::unique_ptr<KernelModel>> kernels_;
  std::vector<const KernelModel*> kernel_table_;  // open addressing by the address of KernelInfo
  std::vector<Stream> streams_;
  std::vector<std::int64_t> event_at_;                                   // by stream
  std::vector<std::vector<std::pair<QueueId, unsigned>>> stream_index_;  // by tenant slot
  std::vector<Group> groups_;
  std::vector<unsigned> group_of_tenant_;
  std::vector<TpcSet> own_;                            // by tenant slot
  std::vector<unsigned> unfinished_, unfinished_low_;  // submissions, by tenant slot

  static constexpr unsigned kNobody = ~0u;
  unsigned working_ = 0;  // group; kNobody: a switch is under way or nobody has worked yet
  unsigned switching_to_ = kNobody;
  std::int64_t slice_event_at_ = kNoEvent;  // end of a slice, or of a switch
  std::int64_t slice_started_at_ = 0;

  std::int64_t now_ = 0;
  std::int64_t accounted_at_ = 0;
  std::int64_t next_at_ = kNoEvent;
  std::uint64_t arrivals_ = 0;
  std::uint32_t clock_mhz_ = 0, requested_mhz_ = 0;
  std::int64_t clock_change_at_ = kNoEvent;
  double clock_slowdown_ = 1;   // highest clock / clock
  std::size_t clock_index_ = 0;  // of clock_mhz_ in totals_.clock_use
  double computing_share_ = 0, waiting_share_ = 0;  // of all TPCs: what the launches in progress do there
  double power_w_ = 0;
  DeviceTotals totals_;
};

}  // namespace lithos
