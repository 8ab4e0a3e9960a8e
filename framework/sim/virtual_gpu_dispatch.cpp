// SPDX-License-Identifier: Apache-2.0
// Which launch gets which TPCs, and how TPCs leave a launch.
//
// The rule per TPC is the hardware's (observed on several generations, e.g. Amert et al., RTSS'17; GPU.md §9 for this
// one): blocks are handed out for the launch first in line; one behind it gets nothing where the first still has blocks
// to place.
#include <algorithm>
#include <cassert>
#include <cmath>

#include "executor/block_range.hpp"
#include "sim/virtual_gpu_impl.hpp"

namespace lithos {

void VirtualGpu::Impl::stand_in_line(Group& group, unsigned index) {
  const Stream& stream = streams_[index];
  auto at = group.line.end();
  while (at != group.line.begin() && streams_[*(at - 1)].low_priority && !stream.low_priority) --at;
  group.line.insert(at, index);
}

void VirtualGpu::Impl::dispatch(Group& group) {
  if (group.line.empty()) return;
  bool somebody_wants = false;
  TpcSet wanted_above;  // by launches of normal priority
  for (const unsigned index : group.line) {
    Stream& stream = streams_[index];
    if (stream.phase == Phase::running && stream.remaining <= stream.dispatched_below) stream.dispatched = true;
    if (stream.dispatched || stream.held_count >= stream.target_tpcs) continue;
    somebody_wants = true;
    if (!stream.low_priority) wanted_above |= stream.allowed - stream.held;
  }
  for (const unsigned index : group.running) {
    Stream& stream = streams_[index];
    if (somebody_wants) drain(group, stream);
    if (stream.low_priority) yield(group, stream, wanted_above);
  }

  TpcSet claimed;  // by launches further ahead that still have blocks to place
  bool anybody_done = false;
  for (const unsigned index : group.line) {
    Stream& stream = streams_[index];
    if (!stream.dispatched && stream.held_count < stream.target_tpcs) {
      const TpcSet candidates = stream.allowed - stream.held - claimed;
      if (!candidates.empty()) take_tpcs(group, stream, index, candidates);
    }
    if (stream.dispatched) anybody_done = true;
    else claimed |= stream.allowed;
  }
  if (anybody_done) std::erase_if(group.line, [this](unsigned index) { return streams_[index].dispatched; });
}

void VirtualGpu::Impl::take_tpcs(Group& group, Stream& stream, unsigned index, const TpcSet& candidates) {
  const unsigned need = stream.target_tpcs - stream.held_count;
  const unsigned per_tpc = stream.kernel->blocks_per_tpc;
  TpcSet picked = some_of(stream, candidates - group.once, need);
  const unsigned have = stream.held_count + picked.count();
  if (have < stream.target_tpcs && std::uint64_t{have} * per_tpc < stream.block_count &&
      candidates.overlaps(group.once))
    picked |= some_of(stream, room_beside_others(group, stream, candidates), stream.target_tpcs - have);
  if (picked.empty()) return;

  group.twice |= group.once & picked;
  group.once |= picked;
  stream.held |= picked;
  stream.held_count += picked.count();
  if (stream.phase == Phase::waiting) {
    stream.phase = Phase::running;
    stream.started_at = stream.settled_at = now_;
    group.running.push_back(index);
  }
  set_rate_tpcs(stream);
}

// About `need` of the free TPCs; where a cluster must fit into one GPC, only of GPCs with room for one, and at least
// that room.
TpcSet VirtualGpu::Impl::some_of(const Stream& stream, const TpcSet& free, unsigned need) const {
  const KernelInfo& info = *stream.kernel->info;
  const unsigned per_tpc = stream.kernel->blocks_per_tpc;
  if (info.cluster_blocks <= per_tpc) return free.count() > need ? free.lowest(need) : free;
  TpcSet picked;
  for (const TpcSet& gpc : gpc_) {
    const unsigned have = picked.count();
    if (have >= need) break;
    const TpcSet here = free & gpc;
    const unsigned held_here = (stream.held & gpc).count();
    const unsigned cluster_tpcs = (info.cluster_blocks + per_tpc - 1) / per_tpc;
    if (here.empty() || here.count() + held_here < cluster_tpcs) continue;
    const unsigned least = cluster_tpcs > held_here ? cluster_tpcs - held_here : 1;
    picked |= here.lowest(std::max(need - have, least));
  }
  return picked;
}

// The blocks on `held` at once, the last wave, and how its TPCs will leave.
void VirtualGpu::Impl::set_rate_tpcs(Stream& stream) {
  const KernelModel& kernel = *stream.kernel;
  const KernelInfo& info = *kernel.info;
  const unsigned n = stream.held_count;
  const std::uint64_t wave = std::uint64_t{n} * kernel.blocks_per_tpc;
  const bool one_wave = wave >= stream.block_count;
  const double wave_share = one_wave ? 1.0 : static_cast<double>(wave) / stream.block_count;
  if (info.persistent) {
    // Resident blocks pull tiles until none is left; those that could not start find nothing when they do.
    stream.dispatched_below = one_wave ? 1.0 : model_.drain_share;
    stream.drain_below = model_.drain_share;
  } else {
    stream.dispatched_below = wave_share;
    stream.drain_below = wave_share * model_.drain_share;
  }
  stream.dispatched = stream.remaining <= stream.dispatched_below;
  stream.rate_tpcs = n;
  stream.shared_part = kernel.curve.shared_part(n);

  double share = 1;  // of the whole launch's time
  if (stream.block_count != info.blocks) {
    const auto waves = [wave](std::uint64_t blocks) { return static_cast<double>((blocks + wave - 1) / wave); };
    if (!info.persistent) share = waves(stream.block_count) / waves(info.blocks);
    else if (stream.first_block > 0) share = 0;  // GPU.md §10: the first atom has taken all tiles
  }
  double overhead_ns = 0;
  if (stream.cut) {
    const double part_of_device = static_cast<double>(n) / shape_.tpcs;
    const std::uint32_t skipped = skipped_blocks(info.grid, info.cluster, {stream.first_block, stream.block_count});
    overhead_ns = (skipped * kernel.skip_ns + stream.block_count * kernel.prelude_ns) / part_of_device;
  }
  stream.alone_ns = std::max(1.0, kernel.curve.ns(n) * share + overhead_ns);
}

bool VirtualGpu::Impl::fits_beside(const Stream& newcomer, const Stream& resident) const {
  const KernelModel& a = *resident.kernel;
  const KernelModel& b = *newcomer.kernel;
  const unsigned sms = shape_.sms_per_tpc;
  const std::uint64_t per_tpc = (std::uint64_t{resident.block_count} + resident.held_count - 1) / resident.held_count;
  const auto blocks = static_cast<unsigned>(std::min<std::uint64_t>(a.blocks_per_tpc, per_tpc));
  const unsigned per_sm = (blocks + sms - 1) / sms;
  const unsigned threads_per_warp = 32;
  return per_sm + 1 <= shape_.blocks_per_sm &&
         (per_sm * a.warps + b.warps) * threads_per_warp <= shape_.threads_per_sm &&
         per_sm * a.registers + b.registers <= shape_.registers_per_sm &&
         per_sm * a.shared_bytes + b.shared_bytes <= shape_.shared_bytes_per_sm;
}

// TPCs of one other launch, wholly dispatched, beside whose blocks one of this launch's fits. At most two launches
// share a TPC.
TpcSet VirtualGpu::Impl::room_beside_others(const Group& group, const Stream& stream, const TpcSet& candidates) const {
  TpcSet room;
  const TpcSet single = (candidates & group.once) - group.twice;
  if (single.empty()) return room;
  for (const unsigned other : group.running) {
    const Stream& resident = streams_[other];
    if (&resident == &stream || !resident.dispatched || !resident.held.overlaps(single)) continue;
    if (fits_beside(stream, resident)) room |= resident.held & single;
  }
  return room;
}

// In its last wave a launch gives up TPCs as its blocks end, one after the other.
void VirtualGpu::Impl::drain(Group& group, Stream& stream) {
  if (!stream.dispatched || stream.remaining >= stream.drain_below) return;
  if (stream.drain_tpcs == 0) stream.drain_tpcs = stream.held_count;
  const double left = std::max(0.0, stream.remaining / stream.drain_below);
  const double steps_left = std::ceil(left * kDrainSteps - 1e-9);
  const auto keep = static_cast<unsigned>(std::max(1.0, std::ceil(stream.drain_tpcs * steps_left / kDrainSteps)));
  if (keep < stream.held_count) release(group, stream, stream.held - stream.held.lowest(keep));
}

double VirtualGpu::Impl::block_ns(const Stream& stream) const {
  const double wave = static_cast<double>(stream.held_count) * stream.kernel->blocks_per_tpc;
  return stream.alone_ns * std::min(1.0, wave / stream.block_count);
}

// A launch of higher priority takes the next SM that a block frees; blocks that run are never displaced. So a launch with
// blocks still to start loses its TPCs within one block's time, and one that has started them all loses none.
void VirtualGpu::Impl::yield(Group& group, Stream& stream, const TpcSet& wanted) {
  const TpcSet contested = stream.held & wanted;
  if (stream.dispatched || contested.empty()) {
    stream.yield_tpcs = 0;
    return;
  }
  if (stream.yield_tpcs == 0) {
    stream.yield_tpcs = stream.held_count;
    stream.yield_since = now_;
    stream.yield_step_ns = std::max<std::int64_t>(1, static_cast<std::int64_t>(block_ns(stream) / kYieldSteps));
  }
  const auto steps =
      static_cast<unsigned>(std::min<std::int64_t>(kYieldSteps, (now_ - stream.yield_since) / stream.yield_step_ns));
  const unsigned keep = std::max(1u, stream.yield_tpcs - stream.yield_tpcs * steps / kYieldSteps);
  if (keep >= stream.held_count) return;
  release(group, stream, contested.lowest(std::min(contested.count(), stream.held_count - keep)));
  if (stream.held_count > 0) set_rate_tpcs(stream);
}

void VirtualGpu::Impl::release(Group& group, Stream& stream, TpcSet tpcs) {
  stream.held -= tpcs;
  stream.held_count = stream.held.count();
  if (!group.twice.overlaps(tpcs)) {
    group.once -= tpcs;
    return;
  }
  group.once = group.twice = {};
  for (const unsigned index : group.running) {
    group.twice |= group.once & streams_[index].held;
    group.once |= streams_[index].held;
  }
}

}  // namespace lithos
