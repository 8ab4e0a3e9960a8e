// SPDX-License-Identifier: Apache-2.0
// How fast launches in progress work, and what that costs: interference, co-residency, clock, power, sums over time.
#include <algorithm>
#include <cassert>
#include <cmath>

#include "sim/virtual_gpu_impl.hpp"

namespace lithos {
namespace {

constexpr double kNsPerSecond = 1e9;
constexpr double kRoundingNs = 1e-3;  // what floating point may add to a whole number of nanoseconds

}  // namespace

void VirtualGpu::Impl::account(std::int64_t now) {
  const std::int64_t passed = now - accounted_at_;
  if (passed <= 0) return;
  accounted_at_ = now;
  const auto ns = static_cast<double>(passed);
  totals_.elapsed += Nanoseconds{passed};
  totals_.energy_j += power_w_ * ns / kNsPerSecond;
  totals_.clock_mhz_ns += clock_mhz_ * ns;
  ClockUse& clock_use = totals_.clock_use[clock_index_];
  clock_use.ns += ns;
  clock_use.computing_tpc_ns += computing_share_ * shape_.tpcs * ns;
  clock_use.waiting_tpc_ns += waiting_share_ * shape_.tpcs * ns;
  const Group* group = working_group();
  if (group == nullptr || group->running.empty()) return;
  totals_.busy += Nanoseconds{passed};
  totals_.busy_tpc_ns += group->once.count() * ns;
  for (const unsigned index : group->running) {
    Stream& stream = streams_[index];
    stream.remaining -= stream.rate * static_cast<double>(now - stream.settled_at);
    stream.settled_at = now;
    const std::size_t slot = value_of(stream.tenant);
    totals_.tenant_tpc_ns[slot] += stream.held_count * ns;
    totals_.tenant_borrowed_tpc_ns[slot] += (stream.held - own_[slot]).count() * ns;
    totals_.launch_ns += ns;
    totals_.launch_at_highest_ns += ns / clock_stretch(stream);
  }
}

// Launches on the same SM share its pipelines: each is slowed as far as their wants together exceed what there is.
double VirtualGpu::Impl::beside_slowdown(const Group& group, const Stream& stream) const {
  const TpcSet together = stream.held & group.twice;
  if (together.empty()) return 1;
  const auto want = [this](const Stream& s) {
    const double blocks =
        std::min<double>(s.kernel->blocks_per_tpc, std::ceil(static_cast<double>(s.block_count) / s.held_count));
    return std::min(1.0, blocks * s.kernel->warps / (shape_.sms_per_tpc * model_.saturating_warps_per_sm));
  };
  double others = 0;
  for (const unsigned index : group.running) {
    const Stream& other = streams_[index];
    if (&other != &stream && other.held.overlaps(together)) others = std::max(others, want(other));
  }
  const double crowding = std::max(1.0, want(stream) + others) - 1.0;
  return 1 + crowding * together.count() / stream.held_count;
}

void VirtualGpu::Impl::update_rates(Group& group) {
  TpcSet wanted;
  for (const unsigned index : group.line)
    if (streams_[index].held_count < streams_[index].target_tpcs)
      wanted |= streams_[index].allowed - streams_[index].held;
  unsigned all_held = 0;
  for (const unsigned index : group.running) all_held += streams_[index].held_count;

  const double per_tpc = model_.interference / shape_.tpcs;
  for (const unsigned index : group.running) {
    Stream& stream = streams_[index];
    double slowdown = 1 + per_tpc * stream.shared_part * (all_held - stream.held_count);
    if (!group.twice.empty()) slowdown *= beside_slowdown(group, stream);
    slowdown *= clock_stretch(stream);
    stream.rate = 1.0 / (stream.alone_ns * slowdown);
    schedule(stream, index, wanted);
  }
}

void VirtualGpu::Impl::schedule(Stream& stream, unsigned index, const TpcSet& wanted) {
  const auto after = [&](double until) {
    return now_ + std::max<std::int64_t>(
                      1, static_cast<std::int64_t>(std::ceil((stream.remaining - until) / stream.rate - kRoundingNs)));
  };
  stream.finish_at = stream.remaining <= 0 ? now_ + 1 : after(0);
  event_at_[index] = stream.finish_at;
  if (!wanted.overlaps(stream.held)) return;
  if (stream.yield_tpcs > 0) {
    const std::int64_t steps = (now_ - stream.yield_since) / stream.yield_step_ns + 1;
    if (steps <= kYieldSteps)
      event_at_[index] = std::min(event_at_[index], stream.yield_since + steps * stream.yield_step_ns);
  }
  // Somebody waits for its TPCs: come back when they begin to leave, and at each step.
  double threshold = stream.drain_below;
  if (!stream.dispatched) threshold = stream.dispatched_below;
  else if (stream.remaining <= stream.drain_below) {
    const double steps_left = std::ceil(stream.remaining / stream.drain_below * kDrainSteps - 1e-9);
    threshold = (steps_left - 1) / kDrainSteps * stream.drain_below;
  }
  if (threshold > 0 && threshold < stream.remaining) event_at_[index] = std::min(event_at_[index], after(threshold));
}

// The SM clock shortens only what the SMs do.
double VirtualGpu::Impl::clock_stretch(const Stream& stream) const {
  return clock_slowdown_ == 1 ? 1 : stream.shared_part + (1 - stream.shared_part) * clock_slowdown_;
}

void VirtualGpu::Impl::update_power() {
  double computing = 0, waiting = 0;  // TPCs
  if (const Group* group = working_group(); group != nullptr) {
    for (const unsigned index : group->running) {
      const Stream& stream = streams_[index];
      waiting += stream.shared_part * stream.held_count;
      computing += (1 - stream.shared_part) * stream.held_count;
    }
  }
  const double all = std::max<double>(shape_.tpcs, computing + waiting);  // launches may share TPCs
  computing_share_ = computing / all, waiting_share_ = waiting / all;
  power_w_ = lithos::power_w(model_, 1 / clock_slowdown_, computing_share_, waiting_share_);
}

void VirtualGpu::Impl::set_clock(std::uint32_t mhz) {
  clock_mhz_ = mhz;
  clock_slowdown_ = shape_.clocks_mhz.empty() ? 1 : static_cast<double>(shape_.clocks_mhz.front()) / mhz;
  const auto at = std::find(shape_.clocks_mhz.begin(), shape_.clocks_mhz.end(), mhz);
  clock_index_ = at == shape_.clocks_mhz.end() ? 0 : static_cast<std::size_t>(at - shape_.clocks_mhz.begin());
}

void VirtualGpu::Impl::clear_clock_use() {
  totals_.clock_use.assign(std::max<std::size_t>(1, shape_.clocks_mhz.size()), {});
  for (std::size_t i = 0; i < shape_.clocks_mhz.size(); ++i) totals_.clock_use[i].mhz = shape_.clocks_mhz[i];
}

}  // namespace lithos
