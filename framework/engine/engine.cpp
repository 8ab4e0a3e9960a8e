// SPDX-License-Identifier: Apache-2.0
#include "engine/engine.hpp"

#include <algorithm>
#include <array>

#include "engine/engine_impl.hpp"

namespace lithos {
namespace {

constexpr Nanoseconds kAgeEvery{10'000'000};     // look for atoms that nobody completes
constexpr Nanoseconds kAgeLeast{1'000'000'000};  // … after so long
constexpr Nanoseconds kAgeMost{3'000'000'000};   // … or longer if so predicted, but predictions may be wild
constexpr int kAgePredictions = 20;              // times the predicted time
// Operators asked about between two decisions after an exchange of predictor or right-sizer: some microseconds.
constexpr unsigned kAskedPerTimer = 4;
constexpr std::size_t kReplayedPerTimer = 8;  // observations: as long as asking about a few operators

std::uint32_t highest_clock(const GpuShape& gpu) { return gpu.clocks_mhz.empty() ? 0 : gpu.clocks_mhz.front(); }

bool flies(const Tenant& tenant) {
  return std::any_of(tenant.queues.begin(), tenant.queues.end(), [](const QueueBook& queue) { return !queue.flying.empty(); });
}

bool waits(const Tenant& tenant) {
  return std::any_of(tenant.queues.begin(), tenant.queues.end(), [](const QueueBook& queue) { return !queue.queued.empty(); });
}

}  // namespace

Engine::Impl::Impl(const GpuShape& shape, const EngineConfig& engine_config, PolicySet& policy_set, EnginePort& port)
    : gpu(shape), config(engine_config), policies(&policy_set), out(port), map(gpu), ledger(map), co_residency(gpu.all()),
      dvfs(highest_clock(gpu), gpu.power_limit_w), views(gpu.tpcs), tap(engine_config.gpu_index),
      totals_at_start(totals_of(policy_set)) {
  tenants.reserve(kTenantsLimit);
  answers.reserve(kTenantsLimit);
}

Engine::Engine(const GpuShape& gpu, const EngineConfig& config, PolicySet& policies, EnginePort& out)
    : impl_(std::make_unique<Impl>(gpu, config, policies, out)) {}
Engine::~Engine() = default;

Result<TenantId> Engine::join(const TenantSpec& spec, Nanoseconds now) {
  Impl& e = *impl_;
  const unsigned free_tpcs = e.ledger.unowned().count();
  if (spec.quota_tpcs > free_tpcs) {
    return exhausted("tenant '" + spec.name + "' wants " + std::to_string(spec.quota_tpcs) + " TPCs of its own and only " +
                     std::to_string(free_tpcs) + " are nobody's");
  }
  // The slot that has been free for longest: records of its last tenant are least likely to be still under way.
  std::uint32_t slot = static_cast<std::uint32_t>(e.tenants.size());
  if (slot >= kTenantsLimit) {
    for (std::uint32_t s = 0; s < e.tenants.size(); ++s) {
      if (e.tenants[s].state != Tenant::State::absent) continue;
      if (slot >= kTenantsLimit || e.tenants[s].left_at < e.tenants[slot].left_at) slot = s;
    }
    if (slot >= kTenantsLimit) return exhausted("tenant table is full: " + std::to_string(kTenantsLimit) + " tenants");
  } else {
    e.tenants.emplace_back();
  }
  Tenant& tenant = e.tenants[slot];
  tenant = {};
  tenant.state = Tenant::State::present;
  tenant.serial = ++e.last_serial;
  tenant.spec = spec;
  tenant.own = e.ledger.claim(slot, spec.quota_tpcs, spec.place);
  ++e.epoch;
  tenant.idle_since = tenant.pressure_since = tenant.heard_at = now;
  tenant.activity.at = now;
  e.activity.mark(tenant.activity, now);
  e.co_residency.add(slot, tenant.own, now);
  if (e.config.statistics) tenant.statistics = std::make_unique<TenantStatistics>();
  if (e.tap.wants(LITHOS_EVENT_TENANT_JOINED)) e.tell_tenant(LITHOS_EVENT_TENANT_JOINED, tenant, now);
  e.decide(LITHOS_WHY_TENANTS, now);
  return TenantId{slot};
}

void Engine::leave(TenantId id, Nanoseconds now) {
  Tenant* tenant = impl_->find(id);
  if (tenant == nullptr || !tenant->present()) return;
  tenant->state = Tenant::State::leaving;
  ++impl_->epoch;
  for (QueueBook& queue : tenant->queues) {
    queue.queued.clear();
    queue.queued_predicted = Nanoseconds{0};
    queue.stuck = {};
  }
  impl_->policies->tenant_left(tenant->serial);
  if (impl_->tap.wants(LITHOS_EVENT_TENANT_LEFT)) impl_->tell_tenant(LITHOS_EVENT_TENANT_LEFT, *tenant, now);
  impl_->release_if_drained(*tenant, now);
  impl_->decide(LITHOS_WHY_TENANTS, now);
}

// A tenant's TPCs become others' only when nothing of it runs there any more.
void Engine::Impl::release_if_drained(Tenant& tenant, Nanoseconds now) {
  if (tenant.state != Tenant::State::leaving) return;
  if (flies(tenant)) return;
  const std::uint32_t slot = slot_of(tenant);
  const CoResidency::Party& party = co_residency.party(slot);
  if (!party.spinning.empty() && now - party.heard_at < kAgeLeast) return;
  activity.change(tenant.activity, 0, tenant.activity.tpcs, now);
  dvfs.forget(slot);
  if (co_residency.gatherer() == slot) co_residency.gathered();
  co_residency.remove(slot);
  ledger.release(tenant.own);
  ++epoch;
  tenant.own = {};
  tenant.state = Tenant::State::absent;
  tenant.left_at = now;
  want_decision(LITHOS_WHY_TENANTS, now);
}

QueueBook* Engine::Impl::queue_of(Tenant& tenant, QueueId id) {
  if (QueueBook* known = tenant.queue(id)) return known;
  if (tenant.queues.size() >= Tenant::kQueuesLimit) return nullptr;
  tenant.queue_index.set(value_of(id), static_cast<std::uint32_t>(tenant.queues.size()));
  tenant.queues.emplace_back(id);
  return &tenant.queues.back();
}

void Engine::queue_added(TenantId id, QueueId queue, Nanoseconds) {
  Tenant* tenant = impl_->find(id);
  if (tenant == nullptr) return;
  if (QueueBook* book = impl_->queue_of(*tenant, queue)) book->removed = false;
}

void Engine::queue_removed(TenantId id, QueueId queue, Nanoseconds) {
  Tenant* tenant = impl_->find(id);
  if (tenant == nullptr) return;
  if (QueueBook* book = tenant->queue(queue)) book->removed = true;
}

Asker Engine::Impl::asker(const Tenant& tenant) const {
  return {tenant.serial, static_cast<std::uint32_t>(tenant.spec.tenant_class), tenant.widest.count(), gpu.tpcs,
          dvfs.clock_mhz(), config.slip, config.masked};
}

void Engine::Impl::decide_operator(Tenant& tenant, OperatorEntry& entry, const Asked& asked) {
  entry.asked_in = asking_epoch;
  // Nobody knows anything of a kind that has not been seen: until then it is as its operator.
  if (entry.kind_of != FlatMap::kAbsent && entry.observations == 0) {
    entry.decision = tenant.operators[entry.kind_of].decision;
    entry.decision.mixed = false;
    entry.work = tenant.operators[entry.kind_of].work;
    return;
  }
  if (!OperatorTable::refresh(entry, asker(tenant), asked, *policies) && entry.published) return;
  entry.published = true;
  const OperatorId op{entry.op.op_id};
  out.publish_operator(TenantId{slot_of(tenant)}, op, entry.decision);
}

void Engine::register_kernel(TenantId id, const KernelInfo& kernel, Nanoseconds now) {
  Tenant* tenant = impl_->find(id);
  if (tenant == nullptr) return;
  bool fresh = false;
  const bool could_spin = tenant->operators.any_may_spin();
  const std::uint32_t index = tenant->operators.add(kernel, fresh);
  if (!fresh) return;
  if (impl_->tap.wants(LITHOS_EVENT_OPERATOR)) impl_->tell_operator(*tenant, tenant->operators[index], now);
  impl_->decide_operator(*tenant, tenant->operators[index]);
  if (!could_spin && tenant->operators.any_may_spin()) {
    impl_->co_residency.party(impl_->slot_of(*tenant)).spins = true;
    impl_->co_residency.touch();
    impl_->rebalance_rights(now);
  }
}

void Engine::register_graph(TenantId id, const GraphInfo& graph, Nanoseconds now) {
  Tenant* tenant = impl_->find(id);
  if (tenant == nullptr) return;
  for (const KernelInfo* node : graph.nodes) register_kernel(id, *node, now);
  bool fresh = false;
  const std::uint32_t index = tenant->operators.add(graph, fresh);
  if (!fresh) return;
  if (impl_->tap.wants(LITHOS_EVENT_OPERATOR)) impl_->tell_operator(*tenant, tenant->operators[index], now);
  impl_->decide_operator(*tenant, tenant->operators[index]);
}

// Atoms that were submitted and never completed, as far as the records say: given up after a while, so that nothing waits for them.
void Engine::Impl::age(Nanoseconds now) {
  if (now < age_due) return;
  age_due = now + kAgeEvery;
  for (Tenant& tenant : tenants) {
    if (tenant.state == Tenant::State::absent) continue;
    for (QueueBook& queue : tenant.queues) {
      if (queue.stuck.launch != LaunchId{} && now - queue.stuck.told_at > 2 * kAgeEvery) queue.stuck = {};
      while (!queue.flying.empty()) {
        const FlyingAtom& head = queue.flying.front();
        // A silent tenant's atoms age together: nothing says that the first one's end was the second one's start.
        const bool silent = now - tenant.heard_at >= kAgeMost;
        const Nanoseconds limit = std::clamp(kAgePredictions * head.predicted, kAgeLeast, kAgeMost);
        if (!silent && now - queue.running_since() < limit) break;
        const std::uint32_t before = head.tpc_count;
        queue.drop_oldest(now);
        head_changed(tenant, queue, before, now);
        ++counters.lost_completions;
      }
    }
    const bool busy = tenant.pressure != Pressure::idle || waits(tenant);
    if (now - tenant.heard_at >= kAgeLeast && busy && !flies(tenant)) {
      nothing_in_flight(tenant, now);  // the record that said so was lost
      set_pressure(tenant, Pressure::idle, now);
    }
    release_if_drained(tenant, now);
  }
}

// A new predictor or right-sizer learns what the old one had time to learn, a little between two decisions. Who was asked about an
// operator before it knew is asked again. Not at the exchange: hundreds of observations would be a pause for every decision.
void Engine::Impl::replay_some() {
  const bool more = observed.replay(replay_place, kReplayedPerTimer, [&](const lithos_observation& seen) {
    policies->recall(seen, newcomers);
    replayed_any = true;
  });
  if (more) return;
  newcomers = 0;
  if (replayed_any) ++asking_epoch;
}

void Engine::Impl::decide_some_stale() {
  if (newcomers != 0) replay_some();
  if (newcomers != 0) return;
  unsigned asked = 0;
  for (; stale_tenant < tenants.size(); ++stale_tenant, stale_operator = 0) {
    Tenant& tenant = tenants[stale_tenant];
    if (!tenant.present()) continue;
    for (; stale_operator < tenant.operators.size(); ++stale_operator) {
      OperatorEntry& entry = tenant.operators[stale_operator];
      if (entry.asked_in == asking_epoch) continue;
      if (asked == kAskedPerTimer) return;
      decide_operator(tenant, entry, stale_asked);
      ++asked;
    }
  }
}

void Engine::on_timer(Nanoseconds now) {
  Impl& e = *impl_;
  if (has_stale_operators()) e.decide_some_stale();
  e.age(now);
  if (e.co_residency.settle_quiet(now)) e.rebalance_rights(now);
  if (now >= e.gather_due) e.gather_rights(now);
  const std::uint32_t mhz = e.dvfs.on_timer(e.tenants, e.activity, *e.policies, e.config.slip, now);
  if (mhz != 0) {
    e.out.request_clock(mhz);
    if (e.tap.wants(LITHOS_EVENT_CLOCK)) e.tell_clock(mhz, e.dvfs.clock_mhz(), e.dvfs.power_w(), now);
  }
  std::uint32_t why = 0;
  if (now >= e.decide_due) why |= e.pending_why;
  if (now >= e.asked_due) why |= LITHOS_WHY_TIME;
  if (why != 0 || now - e.decided_at >= e.config.decide_at_least_every) e.decide(why | e.pending_why, now);
}

Nanoseconds Engine::next_timer() const {
  const Impl& e = *impl_;
  if (has_stale_operators()) return e.decided_at;  // has passed: due at once
  return std::min({e.decide_due, e.asked_due, e.decided_at + e.config.decide_at_least_every, e.age_due, e.gather_due,
                   e.dvfs.next(), e.co_residency.next_quiet()});
}

void Engine::on_clock(std::uint32_t mhz, double power_w, Nanoseconds now) {
  impl_->dvfs.on_clock(mhz, power_w);
  if (impl_->tap.wants(LITHOS_EVENT_CLOCK)) impl_->tell_clock(0, mhz, power_w, now);
}

void Engine::set_policies(PolicySet& policies, Nanoseconds now) {
  Impl& e = *impl_;
  // What was decided about operators holds as long as the policies that decided it are the same.
  std::array<bool, kPolicyKinds> fresh{};
  for (const PolicyKind kind : kAllPolicyKinds) fresh[index_of(kind)] = !policies.shares(kind, *e.policies);
  const Asked asked{fresh[index_of(PolicyKind::predictor)], fresh[index_of(PolicyKind::right_sizer)]};
  const bool same_operators = !asked.predictor && !asked.right_sizer;
  e.newcomers |= policies.newcomers(*e.policies);  // those of an exchange just before may not know everything yet
  e.past += totals_of(*e.policies) - e.totals_at_start;
  e.totals_at_start = totals_of(policies);
  e.policies = &policies;
  ++e.policy_generation;
  e.faults_told = policies.faults();
  for (const PolicyKind kind : kAllPolicyKinds)
    if (fresh[index_of(kind)] && e.tap.wants(LITHOS_EVENT_POLICY)) e.tell_policy(kind, now);
  if (!same_operators) {
    // Those of an exchange just before may not have been asked about every operator yet.
    const bool before = has_stale_operators();
    e.stale_asked = {asked.predictor || (before && e.stale_asked.predictor),
                     asked.right_sizer || (before && e.stale_asked.right_sizer)};
    ++e.asking_epoch;
    e.stale_tenant = 0;
    e.stale_operator = 0;
    e.replay_place = 0;
    e.replayed_any = false;
  }
  e.decide(LITHOS_WHY_POLICY, now);
}

std::size_t Engine::recall(std::span<const lithos_observation> learned) {
  Impl& e = *impl_;
  std::size_t taken = 0;
  for (const lithos_observation& seen : learned) {
    const bool possible = seen.tpcs > 0 && seen.tpcs <= e.gpu.tpcs && seen.duration_ns > 0 && seen.neighbour_tpcs == 0 &&
                          seen.duration_ns <= to_u64(kLongestBelieved) && seen.op.op_id != 0 && seen.op.blocks > 0 &&
                          seen.block_count == seen.op.blocks;
    if (!possible) continue;
    e.policies->observe(seen);
    e.observed.add(seen);
    ++taken;
  }
  return taken;
}

void Engine::learned_part(std::size_t part, std::vector<lithos_observation>& out) const {
  static_assert(kLearnedParts == ObservationLog::kParts);
  impl_->observed.append_part(part, out);
}

bool Engine::has_stale_operators() const { return impl_->stale_tenant < impl_->tenants.size(); }

bool Engine::knows(TenantId id) const { return impl_->find(id) != nullptr; }

bool Engine::knows(TenantId id, OperatorId op) const {
  const Tenant* tenant = impl_->find(id);
  return tenant != nullptr && tenant->operators.find(op) != FlatMap::kAbsent;
}

TpcSet Engine::own_tpcs(TenantId id) const {
  const Tenant* tenant = impl_->find(id);
  return tenant == nullptr ? TpcSet{} : tenant->own;
}

const TenantCounters& Engine::counters(TenantId id) const {
  static const TenantCounters kNone{};
  const auto slot = value_of(id);  // also after it has left, until the slot has a new tenant
  return slot < impl_->tenants.size() ? impl_->tenants[slot].counters : kNone;
}

const EngineCounters& Engine::counters() const { return impl_->counters; }

}  // namespace lithos
