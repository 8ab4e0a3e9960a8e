// SPDX-License-Identifier: Apache-2.0
// Creation, parameters and reports of a policy set. The guarded calls are in policy_calls.cpp.
#include "policy_host/policy_set.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>
#include <utility>

#include "policy_host/catalog.hpp"
#include "policy_host/policy_set_state.hpp"
#include "policy_host/policy_table_check.hpp"

namespace lithos {
namespace {

const PolicyChoice& choice_of(const PolicySetConfig& config, PolicyKind kind) {
  switch (kind) {
    case PolicyKind::scheduler: return config.scheduler;
    case PolicyKind::predictor: return config.predictor;
    case PolicyKind::right_sizer: return config.right_sizer;
    case PolicyKind::dvfs: return config.dvfs;
  }
  return config.scheduler;
}

// A choice after look-up and parameter check, before anything is created.
struct ResolvedChoice {
  FoundPolicy found;
  ResolvedParams params;
};
using ResolvedChoices = std::array<ResolvedChoice, kPolicyKinds>;

std::vector<Diagnostic> resolve(const PolicySetConfig& config, PolicyCatalog& catalog, ResolvedChoices& choices,
                                std::span<const PolicyKind> kinds = kAllPolicyKinds) {
  std::vector<Diagnostic> wrong;
  for (const PolicyKind kind : kinds) {
    const PolicyChoice& choice = choice_of(config, kind);
    ResolvedChoice& resolved = choices[index_of(kind)];
    Result<FoundPolicy> found = catalog.find(kind, choice.id, choice.path);
    if (!found.ok()) {
      wrong.push_back({choice.where, fmt::format("{}: {}", name_of(kind), found.status().message())});
      continue;
    }
    resolved.found = std::move(found).value();
    const lithos_policy& policy = *resolved.found.policy;
    std::vector<Diagnostic> bad = resolve_params(choice.params, policy.params, policy.n_params,
                                                 fmt::format("{}.params", name_of(kind)), resolved.params);
    wrong.insert(wrong.end(), std::make_move_iterator(bad.begin()), std::make_move_iterator(bad.end()));
  }
  return wrong;
}

ResolvedParams defaults_of(const lithos_policy& policy) {
  ResolvedParams params;
  (void)resolve_params({}, policy.params, policy.n_params, {}, params);
  return params;
}

Status check_gpu(const lithos_gpu_info& gpu) {
  if (gpu.tpcs == 0 || gpu.tpcs > LITHOS_TPCS_MAX)
    return invalid_argument(fmt::format("a GPU with {} TPCs, expected 1 … {}", gpu.tpcs, LITHOS_TPCS_MAX));
  if (gpu.clocks > 0 && gpu.clocks_mhz == nullptr) return invalid_argument("a GPU with clocks but no table of them");
  return {};
}

// Creates the fallback of a kind and, unless it is what was asked for, the chosen policy.
Status create_role(PolicySetState& state, PolicyKind kind, ResolvedChoice choice) {
  PolicySetState::Role& role = state.role(kind);
  const lithos_policy& builtin = builtin_policy(kind);
  if (role.fallback == nullptr) {
    auto fallback = PolicyInstance::create(builtin, nullptr, state.gpu.info, defaults_of(builtin), state.guard.log);
    if (!fallback.ok()) return internal_error(fallback.status().message());
    role.fallback = std::move(fallback).value();
  }
  role.active = role.fallback.get();
  if (choice.found.policy == nullptr || choice.found.policy == &builtin) return {};
  auto chosen = PolicyInstance::create(*choice.found.policy, std::move(choice.found.library), state.gpu.info,
                                       std::move(choice.params), state.guard.log);
  if (!chosen.ok()) return chosen.status();
  role.chosen = std::move(chosen).value();
  role.active = role.chosen.get();
  if (kind == PolicyKind::predictor && state.guard.judge_predictor) state.judge = std::make_shared<PredictionJudge>();
  return {};
}

PolicyDescription describe(PolicyKind kind, const PolicyInstance& instance) {
  const lithos_policy& policy = instance.policy();
  PolicyDescription out{kind, policy.id, policy.version, policy.summary, {}, {}};
  if (instance.library() != nullptr) {
    out.path = instance.library()->module().path();
    out.hash = instance.library()->module().hash();
  }
  return out;
}

}  // namespace

GpuInfoCopy::GpuInfoCopy(const lithos_gpu_info& given) : info(given) {
  if (given.gpc_of_tpc != nullptr) gpc_of_tpc.assign(given.gpc_of_tpc, given.gpc_of_tpc + given.tpcs);
  if (given.clocks_mhz != nullptr) clocks_mhz.assign(given.clocks_mhz, given.clocks_mhz + given.clocks);
  info.struct_size = sizeof info;
  info.gpc_of_tpc = gpc_of_tpc.empty() ? nullptr : gpc_of_tpc.data();
  info.clocks_mhz = clocks_mhz.empty() ? nullptr : clocks_mhz.data();
  info.clocks = static_cast<std::uint32_t>(clocks_mhz.size());
  for (unsigned tpc = 0; tpc < given.tpcs; ++tpc) all.words[tpc / 64] |= std::uint64_t{1} << (tpc % 64);
}

PolicySet::PolicySet(std::unique_ptr<PolicySetState> state) : state_(std::move(state)) {
  for (const PolicyKind kind : kAllPolicyKinds)
    state_->descriptions[index_of(kind)] = describe(kind, *state_->role(kind).active);
}
PolicySet::~PolicySet() = default;

CreatedPolicySet PolicySet::create(const PolicySetConfig& config, PolicyCatalog& catalog, const lithos_gpu_info& gpu,
                                   GuardOptions guard) {
  CreatedPolicySet out;
  ResolvedChoices choices;
  out.diagnostics = resolve(config, catalog, choices);
  if (const Status status = check_gpu(gpu); !status.ok()) out.diagnostics.push_back({config.where, status.message()});
  if (!out.diagnostics.empty()) return out;

  auto state = std::make_unique<PolicySetState>(gpu);
  state->name = config.name;
  state->slip = config.slip;
  state->starvation_limit = config.starvation_limit;
  state->guard = std::move(guard);
  for (const PolicyKind kind : kAllPolicyKinds) {
    const Status status = create_role(*state, kind, std::move(choices[index_of(kind)]));
    if (status.ok()) continue;
    out.diagnostics.push_back({choice_of(config, kind).where, fmt::format("{}: {}", name_of(kind), status.message())});
  }
  if (out.diagnostics.empty()) out.set.reset(new PolicySet(std::move(state)));
  return out;
}

CreatedPolicySet PolicySet::replace(const PolicySet& base, std::span<const PolicyKind> kinds,
                                    const PolicySetConfig& config, PolicyCatalog& catalog) {
  CreatedPolicySet out;
  ResolvedChoices choices;
  out.diagnostics = resolve(config, catalog, choices, kinds);
  if (!out.diagnostics.empty()) return out;
  auto state = std::make_unique<PolicySetState>(base.state_->gpu.info);
  state->name = config.name;
  state->slip = config.slip;
  state->starvation_limit = config.starvation_limit;
  state->guard = base.state_->guard;
  for (const PolicyKind kind : kAllPolicyKinds) {
    PolicySetState::Role& role = state->role(kind);
    const PolicySetState::Role& before = base.state_->role(kind);
    role.fallback = before.fallback;  // what the built-in predictor has seen stays known
    role.took = before.took;
    if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) {
      role.chosen = before.chosen;
      role.active = before.active;
      if (kind == PolicyKind::predictor) state->judge = base.state_->judge;
      continue;
    }
    const Status status = create_role(*state, kind, std::move(choices[index_of(kind)]));
    if (!status.ok())
      out.diagnostics.push_back(
          {choice_of(config, kind).where, fmt::format("{}: {}", name_of(kind), status.message())});
  }
  if (out.diagnostics.empty()) out.set.reset(new PolicySet(std::move(state)));
  return out;
}

Result<std::unique_ptr<PolicySet>> PolicySet::from_tables(const PolicyTables& tables, const lithos_gpu_info& gpu,
                                                          GuardOptions guard) {
  if (Status status = check_gpu(gpu); !status.ok()) return status;
  auto state = std::make_unique<PolicySetState>(gpu);
  state->guard = std::move(guard);
  const std::array<const lithos_policy*, kPolicyKinds> given{tables.scheduler, tables.predictor, tables.right_sizer,
                                                             tables.dvfs};
  for (const PolicyKind kind : kAllPolicyKinds) {
    ResolvedChoice choice;
    choice.found.policy = given[index_of(kind)];
    if (const lithos_policy* policy = choice.found.policy; policy != nullptr) {
      if (Status status = check_policy(policy); !status.ok()) return status;
      if (policy->kind != static_cast<std::uint32_t>(kind))
        return invalid_argument(
            fmt::format("policy {} is of kind {}, expected a {}", policy->id, policy->kind, name_of(kind)));
      choice.params = defaults_of(*policy);
    }
    if (Status status = create_role(*state, kind, std::move(choice)); !status.ok()) return status;
  }
  return std::unique_ptr<PolicySet>(new PolicySet(std::move(state)));
}

std::vector<Diagnostic> PolicySet::check(const PolicySetConfig& config, PolicyCatalog& catalog) {
  ResolvedChoices choices;
  return resolve(config, catalog, choices);
}

Status PolicySet::set_param(PolicyKind kind, const std::string& key, const RawValue& value) {
  PolicyInstance& instance = *state_->role(kind).active;
  const lithos_policy& policy = instance.policy();
  ResolvedParams resolved;
  const std::vector<Diagnostic> wrong =
      resolve_params({{key, value}}, policy.params, policy.n_params, fmt::format("{}.params", name_of(kind)), resolved);
  if (!wrong.empty()) return invalid_argument(wrong.front().message);
  for (std::uint32_t i = 0; i < policy.n_params; ++i) {
    if (key != policy.params[i]->key) continue;
    if ((policy.params[i]->flags & LITHOS_PARAM_LIVE) == 0)
      return invalid_argument(fmt::format("{}.params.{} cannot be changed while running", name_of(kind), key));
    lithos_status status = LITHOS_E_EXCEPTION;
    try {
      status = policy.set_param(instance.self(), policy.params[i]->id, &resolved.values[i]);
    } catch (...) {  // counted below like any refusal
    }
    if (status >= 0) return {};
    state_->faults.count(kind, status == LITHOS_E_EXCEPTION ? FaultReason::exception : FaultReason::error_status);
    return invalid_argument(
        fmt::format("policy {} refused {} (status {}): {}", policy.id, key, status, instance.take_failure()));
  }
  return internal_error("a resolved parameter is not in its own table");
}

bool PolicySet::is_live(PolicyKind kind, const std::string& key) const {
  const lithos_policy& policy = state_->role(kind).active->policy();
  for (std::uint32_t i = 0; i < policy.n_params; ++i)
    if (key == policy.params[i]->key) return (policy.params[i]->flags & LITHOS_PARAM_LIVE) != 0;
  return false;
}

const std::string& PolicySet::name() const { return state_->name; }
double PolicySet::slip() const { return state_->slip; }
Nanoseconds PolicySet::starvation_limit() const { return state_->starvation_limit; }
const GuardOptions& PolicySet::guard() const { return state_->guard; }
bool PolicySet::shares(PolicyKind kind, const PolicySet& other) const {
  return state_->role(kind).active == other.state_->role(kind).active;
}
std::vector<std::shared_ptr<const void>> PolicySet::libraries() const {
  std::vector<std::shared_ptr<const void>> held;
  for (const PolicySetState::Role& role : state_->roles)
    if (role.chosen != nullptr && role.chosen->library_held() != nullptr) held.push_back(role.chosen->library_held());
  return held;
}
const PolicyFaults& PolicySet::faults() const { return state_->faults; }
PredictionScore PolicySet::prediction_score() const {
  return state_->judge != nullptr ? state_->judge->score() : PredictionScore{};
}
std::uint64_t PolicySet::calls(PolicyKind kind) const { return state_->role(kind).calls; }
std::uint64_t PolicySet::fallbacks(PolicyKind kind) const { return state_->role(kind).fallbacks; }
const LogHistogram& PolicySet::call_times(PolicyKind kind) const { return *state_->role(kind).took; }
Nanoseconds PolicySet::last_call(PolicyKind kind) const { return state_->role(kind).last_took; }

const PolicyDescription& PolicySet::description(PolicyKind kind) const { return state_->descriptions[index_of(kind)]; }

std::vector<MetricReading> PolicySet::metrics() const {
  std::vector<MetricReading> out;
  for (const PolicyKind kind : kAllPolicyKinds) {
    const PolicyInstance& instance = *state_->role(kind).active;
    for (std::uint32_t i = 0; i < instance.policy().n_metrics; ++i) {
      const lithos_metric& metric = *instance.policy().metrics[i];
      const bool counter = metric.type == LITHOS_METRIC_COUNTER;
      out.push_back({kind, metric.name, metric.unit, counter, instance.metric_values()[i]});
    }
  }
  return out;
}

}  // namespace lithos
