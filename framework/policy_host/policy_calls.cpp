// SPDX-License-Identifier: Apache-2.0
// The guarded calls: ask, bound, check, repair, count. The hot path of each is the call and a few comparisons;
// everything that counts or repairs is out of line.
#include <algorithm>
#include <cmath>

#include "policy_host/policy_set_state.hpp"

namespace lithos {
namespace {

// Who learns from observations.
constexpr std::uint32_t kBuiltinPredictor = 1, kPredictor = 2, kRightSizer = 4;

constexpr std::uint32_t kLeaseFlagsKnown = LITHOS_LEASE_HOLD | LITHOS_LEASE_LOW_PRIORITY | LITHOS_LEASE_UNMASKED;

const lithos_tenant_view& tenant_at(const lithos_sched_view& view, std::uint32_t index) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(view.tenant) + index * view.tenant_size;
  return *reinterpret_cast<const lithos_tenant_view*>(bytes);
}

lithos_lease& lease_at(lithos_sched_answer& answer, std::uint32_t index) {
  auto* bytes = reinterpret_cast<unsigned char*>(answer.lease) + index * answer.lease_size;
  return *reinterpret_cast<lithos_lease*>(bytes);
}

// Every decision presets a lease for each tenant, so field by field and in place: "lease = {}" becomes a slow string
// instruction. The assert catches a field that is added and forgotten here.
void preset_lease(const lithos_sched_view& view, std::uint32_t index, lithos_lease& lease) {
  static_assert(sizeof(lithos_lease) == 152);
  const lithos_tenant_view& tenant = tenant_at(view, index);
  const std::uint64_t shared = tenant.quota_tpcs == 0 ? ~std::uint64_t{0} : 0;
  lithos_tpc_set usable;
  for (unsigned w = 0; w < LITHOS_TPC_WORDS; ++w)
    usable.words[w] = tenant.own.words[w] | (view.unowned.words[w] & shared);
  for (lithos_tpc_set& level : lease.usable) level = usable;
  lease.idle_grace_ns = 0;
  lease.outstanding_limit_ns = 0;
  lease.uncuttable_limit_ns = 0;
  lease.atom_ns = 0;
  lease.expires_after_ns = 0;
  lease.launches_per_s = 0;
  lease.max_tpcs = 0;
  lease.flags = 0;
}

[[gnu::noinline, gnu::cold]] void count_failure(PolicySetState& state, PolicyKind kind, lithos_status status) {
  state.faults.count(kind, status == LITHOS_E_EXCEPTION ? FaultReason::exception : FaultReason::error_status);
  PolicyInstance& instance = *state.role(kind).active;
  state.faults.set_message(kind, instance.has_failure() ? instance.take_failure() : "no reason given");
}

[[gnu::noinline, gnu::cold]] void count_fault(PolicySetState& state, PolicyKind kind, FaultReason reason,
                                              const char* message) {
  state.faults.count(kind, reason);
  state.faults.set_message(kind, message);
}

// Judges how long a call took. False: too late, the answer must not be used.
[[gnu::noinline]] bool judge_time(PolicySetState& state, PolicyKind kind, Nanoseconds started) {
  const Nanoseconds took = state.guard.clock() - started;
  state.role(kind).took->add(took);
  state.role(kind).last_took = took;
  if (took > state.guard.hard_limit) {
    count_fault(state, kind, FaultReason::too_late, "answered after the hard time limit");
    return false;
  }
  if (took > state.guard.soft_limit) count_fault(state, kind, FaultReason::slow, "answered after the soft time limit");
  return true;
}

// Says whose code runs, for as long as it runs.
class Marked {
 public:
  Marked(PolicySetState& state, PolicyKind kind) : mark_(state.guard.mark) {
    if (mark_ != nullptr) mark_->kind.store(static_cast<std::uint64_t>(kind), std::memory_order_relaxed);
  }
  ~Marked() {
    if (mark_ != nullptr) mark_->kind.store(0, std::memory_order_relaxed);
  }
  Marked(const Marked&) = delete;
  Marked& operator=(const Marked&) = delete;

 private:
  PolicyCallMark* mark_;
};

// Asks the active policy of a kind. False: there is no answer to use, the caller asks the fallback.
template <class Call>
inline bool ask(PolicySetState& state, PolicyKind kind, Call&& call) {
  PolicySetState::Role& role = state.role(kind);
  ++role.calls;
  const bool timed = static_cast<bool>(state.guard.clock);
  const Nanoseconds started = timed ? state.guard.clock() : Nanoseconds{0};
  lithos_status status;
  const Marked marked(state, kind);
  try {  // costs nothing until something is thrown; a policy in plain C++ may forget what the ABI forbids
    status = call(*role.active);
  } catch (...) { status = LITHOS_E_EXCEPTION; }
  if (status < 0) [[unlikely]] {
    count_failure(state, kind, status);
    role.fallbacks += role.configured();
    return false;
  }
  if (timed && !judge_time(state, kind, started)) [[unlikely]] {
    role.fallbacks += role.configured();
    return false;
  }
  return true;
}

// Tells a policy something. There is no answer; host->fail() or an exception counts.
template <class Call>
inline void tell(PolicySetState& state, PolicyKind kind, PolicyInstance& instance, Call&& call) {
  const bool timed = static_cast<bool>(state.guard.clock);
  const Nanoseconds started = timed ? state.guard.clock() : Nanoseconds{0};
  bool threw = false;
  const Marked marked(state, kind);
  try {
    call(instance);
  } catch (...) { threw = true; }
  if (threw || instance.has_failure()) [[unlikely]] {
    state.faults.count(kind, FaultReason::exception);
    state.faults.set_message(kind, instance.has_failure() ? instance.take_failure() : "an exception left the policy");
  }
  if (timed) (void)judge_time(state, kind, started);
}

// ---- scheduler -----------------------------------------------------------------------------------------------------

std::uint64_t unknown_tpcs(const lithos_lease& lease, const lithos_tpc_set& all) {
  std::uint64_t unknown = 0;
  for (unsigned w = 0; w < LITHOS_TPC_WORDS; ++w)
    for (const lithos_tpc_set& level : lease.usable) unknown |= level.words[w] & ~all.words[w];
  return unknown;
}

// Written so that NaN is no rate.
bool is_rate(double per_s) { return per_s >= 0 && per_s <= std::numeric_limits<double>::max(); }

[[gnu::noinline, gnu::cold]] void repair_lease(PolicySetState& state, const lithos_sched_view& view,
                                               std::uint32_t index, lithos_lease& lease) {
  constexpr PolicyKind kKind = PolicyKind::scheduler;
  if (!is_rate(lease.launches_per_s)) {
    count_fault(state, kKind, FaultReason::bad_rate, "a lease's launches_per_s is not a rate");
    preset_lease(view, index, lease);
    return;
  }
  if (lease.atom_ns > kAbsurdNs) {
    count_fault(state, kKind, FaultReason::absurd_time, "a lease's atom_ns is longer than a day");
    preset_lease(view, index, lease);
    return;
  }
  if ((lease.flags & ~kLeaseFlagsKnown) != 0) {
    count_fault(state, kKind, FaultReason::unknown_flags, "a lease has flags this host does not know");
    lease.flags &= kLeaseFlagsKnown;
  }
  if (unknown_tpcs(lease, state.gpu.all) != 0) {
    count_fault(state, kKind, FaultReason::unknown_tpcs, "a lease names TPCs that the device does not have");
    for (lithos_tpc_set& level : lease.usable)
      for (unsigned w = 0; w < LITHOS_TPC_WORDS; ++w) level.words[w] &= state.gpu.all.words[w];
  }
}

bool is_sound(const lithos_lease& lease, const lithos_tpc_set& all) {
  return is_rate(lease.launches_per_s) && lease.atom_ns <= kAbsurdNs && (lease.flags & ~kLeaseFlagsKnown) == 0 &&
         unknown_tpcs(lease, all) == 0;
}

// ---- dvfs ----------------------------------------------------------------------------------------------------------

// The device's clock nearest to `wish`; the highest where there is no wish. 0 only if clocks cannot be set at all.
std::uint32_t nearest_clock(const std::vector<std::uint32_t>& clocks, std::uint32_t wish) {
  if (clocks.empty()) return 0;
  if (wish == 0) return clocks.front();
  const auto distance = [wish](std::uint32_t clock) { return clock > wish ? clock - wish : wish - clock; };
  return *std::min_element(clocks.begin(), clocks.end(),
                           [&](std::uint32_t a, std::uint32_t b) { return distance(a) < distance(b); });
}

}  // namespace

void preset_leases(const lithos_sched_view& view, lithos_sched_answer& answer) {
  for (std::uint32_t i = 0; i < view.tenants; ++i) preset_lease(view, i, lease_at(answer, i));
  answer.next_decision_ns = 0;
}

AnsweredBy PolicySet::decide(const lithos_sched_view& view, lithos_sched_answer& answer) {
  PolicySetState& state = *state_;
  // The policy gets an answer struct of its own: only the leases and the time are taken, whatever else it wrote there.
  lithos_sched_answer own{sizeof(lithos_sched_answer), view.tenants, answer.lease_size, answer.lease, 0};
  preset_leases(view, own);
  const bool answered = ask(state, PolicyKind::scheduler, [&](PolicyInstance& policy) {
    return policy.ops<lithos_scheduler_ops>().decide(policy.self(), &view, &own);
  });
  if (!answered) [[unlikely]] {
    preset_leases(view, answer);  // which is what the built-in scheduler decides
    return AnsweredBy::fallback;
  }
  for (std::uint32_t i = 0; i < view.tenants; ++i) {
    lithos_lease& lease = lease_at(answer, i);
    if (!is_sound(lease, state.gpu.all)) [[unlikely]]
      repair_lease(state, view, i, lease);
  }
  answer.next_decision_ns = own.next_decision_ns;
  if (own.next_decision_ns != 0 && own.next_decision_ns <= view.now_ns) [[unlikely]] {
    count_fault(state, PolicyKind::scheduler, FaultReason::past_time, "the next decision is not in the future");
    answer.next_decision_ns = 0;
  }
  return state.role(PolicyKind::scheduler).configured() ? AnsweredBy::policy : AnsweredBy::fallback;
}

void PolicySet::tenant_left(std::uint64_t tenant_id) {
  PolicySetState& state = *state_;
  PolicyInstance& scheduler = *state.role(PolicyKind::scheduler).active;
  const auto left = scheduler.ops<lithos_scheduler_ops>().tenant_left;
  if (left == nullptr) return;
  tell(state, PolicyKind::scheduler, scheduler, [&](PolicyInstance& policy) { left(policy.self(), tenant_id); });
}

// ---- predictor -----------------------------------------------------------------------------------------------------

namespace {

lithos_prediction fallback_prediction(PolicySetState& state, const lithos_predict_query& query) {
  lithos_prediction out{};
  PolicyInstance& builtin = *state.role(PolicyKind::predictor).fallback;
  (void)builtin.ops<lithos_predictor_ops>().predict(builtin.self(), &query, &out);
  return out;
}

[[gnu::noinline, gnu::cold]] lithos_prediction repair_prediction(PolicySetState& state,
                                                                 const lithos_predict_query& query,
                                                                 lithos_prediction out) {
  constexpr PolicyKind kKind = PolicyKind::predictor;
  if (out.p50_ns == 0 || out.p50_ns > kAbsurdNs) {
    count_fault(state, kKind, FaultReason::bad_prediction, "p50_ns is 0 or longer than a day");
    state.role(kKind).fallbacks += state.role(kKind).configured();
    return fallback_prediction(state, query);
  }
  if (out.p99_ns < out.p50_ns || out.p99_ns > kAbsurdNs) {
    count_fault(state, kKind, FaultReason::bad_prediction, "p99_ns is below p50_ns or longer than a day");
    out.p99_ns = out.p50_ns;
  }
  if (!(out.confidence >= 0 && out.confidence <= 1)) {
    count_fault(state, kKind, FaultReason::bad_confidence, "confidence is not within 0 … 1");
    out.confidence = 0;
  }
  return out;
}

}  // namespace

lithos_prediction PolicySet::predict(const lithos_predict_query& query) {
  PolicySetState& state = *state_;
  lithos_prediction out{};  // the one that is returned, whatever happens: a copy would wait for the policy's stores
  const bool answered = ask(state, PolicyKind::predictor, [&](PolicyInstance& policy) {
    return policy.ops<lithos_predictor_ops>().predict(policy.self(), &query, &out);
  });
  const bool sound = out.p50_ns > 0 && out.p99_ns >= out.p50_ns && out.p99_ns <= kAbsurdNs && out.confidence >= 0 &&
                     out.confidence <= 1;
  if (!answered) [[unlikely]]
    out = fallback_prediction(state, query);
  else if (!sound) [[unlikely]] out = repair_prediction(state, query, out);
  return out;
}

// Before either predictor is told: afterwards both know the answer.
void PolicySet::judge(const lithos_observation& seen) {
  lithos_predict_query query{};
  query.op = seen.op;
  query.tenant_id = seen.tenant_id;
  query.tpcs = std::max(seen.tpcs, 1u);
  query.clock_mhz = seen.clock_mhz;
  const double share = static_cast<double>(seen.block_count) / std::max(seen.op.blocks, seen.block_count);
  const auto expected_ns = [share](const lithos_prediction& whole) {
    return static_cast<double>(whole.p50_ns) * share;
  };
  state_->judge->judge(seen, expected_ns(predict(query)), expected_ns(fallback_prediction(*state_, query)));
}

void PolicySet::inform(const lithos_observation& seen, std::uint32_t who) {
  PolicySetState& state = *state_;
  PolicySetState::Role& predictor = state.role(PolicyKind::predictor);
  if ((who & kBuiltinPredictor) != 0) {
    const lithos_predictor_ops& builtin = predictor.fallback->ops<lithos_predictor_ops>();
    builtin.observe(predictor.fallback->self(), &seen);
  }
  if ((who & kPredictor) != 0 && predictor.configured()) {
    if (const auto observe = predictor.active->ops<lithos_predictor_ops>().observe; observe != nullptr)
      tell(state, PolicyKind::predictor, *predictor.active, [&](PolicyInstance& p) { observe(p.self(), &seen); });
  }
  if ((who & kRightSizer) == 0) return;
  PolicyInstance& sizer = *state.role(PolicyKind::right_sizer).active;
  if (const auto observe = sizer.ops<lithos_right_sizer_ops>().observe; observe != nullptr)
    tell(state, PolicyKind::right_sizer, sizer, [&](PolicyInstance& p) { observe(p.self(), &seen); });
}

void PolicySet::observe(const lithos_observation& seen) {
  if (state_->judge != nullptr && state_->judge->wants(seen)) judge(seen);
  inform(seen, kBuiltinPredictor | kPredictor | kRightSizer);
}

void PolicySet::recall(const lithos_observation& seen, std::uint32_t newcomers) { inform(seen, newcomers); }

std::uint32_t PolicySet::newcomers(const PolicySet& before) const {
  const PolicySetState::Role& predictor = state_->role(PolicyKind::predictor);
  const PolicyInstance& sizer = *state_->role(PolicyKind::right_sizer).active;
  std::uint32_t who = 0;
  if (predictor.fallback != before.state_->role(PolicyKind::predictor).fallback) who |= kBuiltinPredictor;
  if (predictor.configured() && !shares(PolicyKind::predictor, before) &&
      predictor.active->ops<lithos_predictor_ops>().observe != nullptr)
    who |= kPredictor;
  if (!shares(PolicyKind::right_sizer, before) && sizer.ops<lithos_right_sizer_ops>().observe != nullptr)
    who |= kRightSizer;
  return who;
}

// ---- right-sizer ---------------------------------------------------------------------------------------------------

namespace {

lithos_size fallback_size(PolicySetState& state, const lithos_size_query& query) {
  lithos_size out{};
  PolicyInstance& builtin = *state.role(PolicyKind::right_sizer).fallback;
  (void)builtin.ops<lithos_right_sizer_ops>().choose(builtin.self(), &query, &out);
  return out;
}

[[gnu::noinline, gnu::cold]] lithos_size repair_size(PolicySetState& state, const lithos_size_query& query,
                                                     lithos_size out) {
  constexpr PolicyKind kKind = PolicyKind::right_sizer;
  if (out.tpcs == 0) {
    count_fault(state, kKind, FaultReason::bad_size, "0 TPCs");
    state.role(kKind).fallbacks += state.role(kKind).configured();
    return fallback_size(state, query);
  }
  if (out.tpcs > query.tpcs) {
    count_fault(state, kKind, FaultReason::bad_size, "more TPCs than the operator can get");
    out.tpcs = query.tpcs;
  }
  if (!(out.expected_slowdown >= 1 && out.expected_slowdown <= std::numeric_limits<double>::max())) {
    count_fault(state, kKind, FaultReason::bad_slowdown, "expected_slowdown is not a number of at least 1");
    out.expected_slowdown = 1;
  }
  return out;
}

}  // namespace

lithos_size PolicySet::choose(const lithos_size_query& query) {
  PolicySetState& state = *state_;
  lithos_size out{};
  const bool answered = ask(state, PolicyKind::right_sizer, [&](PolicyInstance& policy) {
    return policy.ops<lithos_right_sizer_ops>().choose(policy.self(), &query, &out);
  });
  if (!answered) [[unlikely]]
    return fallback_size(state, query);
  const bool sound = out.tpcs > 0 && out.tpcs <= query.tpcs && out.expected_slowdown >= 1 &&
                     out.expected_slowdown <= std::numeric_limits<double>::max();
  if (!sound) [[unlikely]]
    return repair_size(state, query, out);
  return out;
}

lithos_clock_request PolicySet::plan(const lithos_power_sample& sample) {
  PolicySetState& state = *state_;
  constexpr PolicyKind kKind = PolicyKind::dvfs;
  lithos_clock_request out{sizeof(lithos_clock_request), 0, 0};
  const bool answered = ask(state, kKind, [&](PolicyInstance& policy) {
    return policy.ops<lithos_dvfs_ops>().plan(policy.self(), &sample, &out);
  });
  if (!answered) out = {sizeof(lithos_clock_request), 0, 0};  // which is what the built-in policy asks for
  const std::uint32_t clock = nearest_clock(state.gpu.clocks_mhz, out.clock_mhz);
  if (out.clock_mhz != 0 && out.clock_mhz != clock)
    count_fault(state, kKind, FaultReason::unknown_clock, "not a clock of this device");
  if (out.next_sample_ns != 0 && out.next_sample_ns <= sample.now_ns) {
    count_fault(state, kKind, FaultReason::past_time, "the next sample is not in the future");
    out.next_sample_ns = 0;
  }
  out.struct_size = sizeof out;
  out.clock_mhz = clock;
  return out;
}

}  // namespace lithos
