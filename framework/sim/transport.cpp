// SPDX-License-Identifier: Apache-2.0
#include "sim/transport.hpp"

#include <algorithm>
#include <cassert>

namespace lithos {

TenantChannel::TenantChannel(Transport& transport, std::uint64_t seed) : transport_(transport), random_(seed) {}

// Nothing overtakes in a ring: what is sent later is never visible earlier.
template <class T>
T& TenantChannel::send(Fifo<Timed<T>>& fifo, Nanoseconds after) {
  const double jitter = static_cast<double>(transport_.config_.jitter.count());
  Nanoseconds at = transport_.now_ + after;
  if (jitter > 0) at += Nanoseconds{static_cast<std::int64_t>(jitter * random_.uniform())};
  if (!fifo.empty()) at = std::max(at, fifo.back().at);
  Timed<T>& slot = fifo.push();
  slot.at = at;
  next_ = std::min(next_, at);
  return slot.value;
}

template <class T>
bool TenantChannel::due(const Fifo<Timed<T>>& fifo) const {
  return !fifo.empty() && fifo.front().at <= transport_.now_;
}

void TenantChannel::update_next() {
  next_ = std::min({head(records_), head(completions_), head(leases_), head(pressures_)});
}

const Lease& TenantChannel::lease() { return lease_; }

const OperatorDecision* TenantChannel::decision(OperatorId op) {
  for (; due(decisions_); decisions_.pop()) {
    const auto& [known, decision] = decisions_.front().value;
    const std::uint32_t at = decision_index_.find(value_of(known));
    if (at != FlatMap::kAbsent) {
      decision_[at] = decision;
      continue;
    }
    decision_index_.set(value_of(known), static_cast<std::uint32_t>(decision_.size()));
    decision_.push_back(decision);
  }
  const std::uint32_t at = decision_index_.find(value_of(op));
  return at == FlatMap::kAbsent ? nullptr : &decision_[at];
}

PressureWord TenantChannel::pressure_of(TenantId lender) {
  const std::size_t slot = value_of(lender);
  if (slot >= transport_.channels_.size() || transport_.channels_[slot] == nullptr) return {};
  TenantChannel& channel = *transport_.channels_[slot];
  // What is visible and not taken yet by the simulation counts as well: a cache line has no queue.
  for (std::size_t i = channel.pressures_.size(); i > 0; --i)
    if (channel.pressures_[i - 1].at <= transport_.now_) return channel.pressures_[i - 1].value;
  return channel.pressure_;
}

void TenantChannel::publish_pressure(const PressureWord& word) {
  Timed<PressureWord>& slot = pressures_.push();
  slot.at = transport_.now_ + transport_.config_.reclaim_delay;
  slot.value = word;
  next_ = std::min(next_, slot.at);
}

void TenantChannel::push(const Record& record) {
  const TransportConfig& config = transport_.config_;
  if (config.loss > 0 && random_.uniform() < config.loss) {
    ++transport_.lost_;
    return;
  }
  if (config.reorder > 0 && !holding_ && random_.uniform() < config.reorder) {
    holding_ = true;
    held_ = record;
    return;
  }
  send(records_, config.delay) = record;
  if (!holding_) return;
  holding_ = false;
  send(records_, config.delay) = held_;
}

bool TenantChannel::take_record(Record& out) {
  if (!due(records_)) return false;
  out = records_.front().value;
  records_.pop();
  update_next();
  return true;
}

bool TenantChannel::take_completion(Completion& out) {
  if (!due(completions_)) return false;
  out = completions_.front().value;
  completions_.pop();
  update_next();
  return true;
}

bool TenantChannel::take_lease() {
  if (!due(leases_)) return false;
  lease_ = leases_.front().value;
  leases_.pop();
  update_next();
  return true;
}

bool TenantChannel::take_pressure() {
  if (!due(pressures_)) return false;
  pressure_ = pressures_.front().value;
  pressures_.pop();
  update_next();
  return true;
}

void TenantChannel::completed(const Completion& completion) {
  send(completions_, transport_.config_.completion_delay) = completion;
}

void TenantChannel::deliver(const Lease& lease) {
  send(leases_, transport_.config_.decision_delay + transport_.config_.delay) = lease;
}

void TenantChannel::deliver(OperatorId op, const OperatorDecision& decision) {
  const Nanoseconds before = next_;
  send(decisions_, transport_.config_.decision_delay + transport_.config_.delay) = {op, decision};
  next_ = before;  // decisions wake nobody: they are looked up at the next launch
}

Transport::Transport(const TransportConfig& config, std::uint64_t seed) : config_(config), seed_(seed) {}
Transport::~Transport() = default;

TenantChannel& Transport::add_tenant(TenantId tenant) {
  const std::size_t slot = value_of(tenant);
  if (slot >= channels_.size()) channels_.resize(slot + 1);
  if (channels_[slot] == nullptr)
    channels_[slot] = std::make_unique<TenantChannel>(*this, seed_for(seed_, "transport " + std::to_string(slot)));
  return *channels_[slot];
}

// The engine publishes a tenant's first lease from inside join(), before anybody could add its channel.
void Transport::publish_lease(TenantId tenant, const Lease& lease) { add_tenant(tenant).deliver(lease); }

void Transport::publish_operator(TenantId tenant, OperatorId op, const OperatorDecision& decision) {
  add_tenant(tenant).deliver(op, decision);
}

}  // namespace lithos
