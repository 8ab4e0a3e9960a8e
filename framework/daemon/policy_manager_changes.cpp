// SPDX-License-Identifier: Apache-2.0
// What operators and the guard ask of the policy manager.
#include <fmt/format.h>

#include <algorithm>

#include "daemon/clock.hpp"
#include "daemon/policy_manager.hpp"
#include "policy_host/builtin.hpp"

namespace lithos {
namespace {

constexpr std::chrono::milliseconds kAnswerLimit{2000};

bool same_value(const RawValue& a, const RawValue& b) { return a.value == b.value; }

bool same_params(const PolicyChoice& a, const PolicyChoice& b) {
  return a.params.size() == b.params.size() &&
         std::equal(a.params.begin(), a.params.end(), b.params.begin(),
                    [](const auto& x, const auto& y) { return x.first == y.first && same_value(x.second, y.second); });
}

std::string describe(const PolicyChoice& choice) {
  return choice.path.empty() ? choice.id
                             : fmt::format("{} ({})", choice.id.empty() ? "its policy" : choice.id, choice.path);
}

struct FaultSnapshot {
  std::array<std::uint64_t, kPolicyKinds> strikes{};
  std::array<std::string, kPolicyKinds> message;
};

}  // namespace

Status PolicyManager::failed(const Status& status) {
  ++totals_.failed_changes;
  log(LogEvent::policy_change_refused, fmt::format("change refused, the old policies stay in force: {}", status.message()));
  return Status(status.code(), status.message() + "; the old policies stay in force");
}

Result<ChangeReport> PolicyManager::carry_out(const PolicySetConfig& next, const std::vector<PolicyKind>& kinds,
                                              std::vector<std::string> said) {
  if (thread_ == nullptr) return failed(unavailable("the engine is not running"));
  const Nanoseconds began = monotonic_now();
  Result<Prepared> prepared = prepare(next, kinds);
  if (!prepared.ok()) return failed(prepared.status());
  ChangeReport report;
  report.prepare_us = to_us(monotonic_now() - began);
  Result<double> pause = commit(std::move(prepared).value(), true);
  if (!pause.ok()) return failed(pause.status());
  report.pause_us = pause.value();
  report.generation = generation_;
  report.changes = std::move(said);
  if (Status status = persist(); !status.ok()) {
    // In force but not kept: a crash would bring the old ones back. So bring them back now.
    const Result<ChangeReport> back = rollback();
    return failed(
        Status(status.code(),
               status.message() + (back.ok() ? "" : " (and the way back failed: " + back.status().message() + ")")));
  }
  for (const std::string& sentence : report.changes) log(LogEvent::policy_changed, sentence);
  return report;
}

Result<ChangeReport> PolicyManager::change(const std::vector<PolicyChange>& changes) {
  if (changes.empty()) return failed(invalid_argument("nothing to change"));
  PolicySetConfig next = config_.set;
  std::vector<PolicyKind> kinds;
  std::vector<std::string> said;
  for (const PolicyChange& change : changes) {
    if (std::find(kinds.begin(), kinds.end(), change.kind) != kinds.end())
      return failed(invalid_argument(fmt::format("{} is named twice", name_of(change.kind))));
    kinds.push_back(change.kind);
    said.push_back(fmt::format("{}: {} → {}", name_of(change.kind), describe(choice_of(next, change.kind)),
                               describe(change.choice)));
    choice_of(next, change.kind) = change.choice;
  }
  return carry_out(next, kinds, std::move(said));
}

Result<ChangeReport> PolicyManager::fallback(const std::vector<PolicyKind>& kinds) {
  std::vector<PolicyChange> changes;
  for (const PolicyKind kind : kinds) changes.push_back({kind, {builtin_policy(kind).id, {}, {}, {}}});
  return change(changes);
}

Result<ChangeReport> PolicyManager::rollback() {
  if (warm_.set == nullptr)
    return failed(not_found("there is no earlier set of policies to go back to: probation is over"));
  if (thread_ == nullptr) return failed(unavailable("the engine is not running"));
  Warm back = std::move(warm_);
  warm_ = {};
  Prepared prepared{back.set, back.config, back.paths, back.threads_started};
  Result<double> pause = commit(std::move(prepared), false);
  if (!pause.ok()) {
    warm_ = std::move(back);
    return failed(pause.status());
  }
  ++totals_.rollbacks;
  ChangeReport report;
  report.generation = generation_;
  report.pause_us = pause.value();
  report.changes.push_back("back to the policies before the last change");
  if (!options_.inject) (void)persist();  // best effort: what is in force is right
  log(LogEvent::policy_changed, report.changes.back());
  return report;
}

Status PolicyManager::set_param(PolicyKind kind, const std::string& key, const RawValue& value) {
  if (thread_ == nullptr) return unavailable("the engine is not running");
  Status answer;
  const auto set = [room = &thread_->room(), kind, key, value] { return room->policies().set_param(kind, key, value); };
  if (!thread_->mailbox().ask<Status>(set, answer, kAnswerLimit))
    return internal_error("the engine thread does not answer");
  if (!answer.ok()) return answer;
  choice_of(config_.set, kind).params[key] = value;
  return persist();
}

// Which policies must be created anew; parameters that can be changed live go to `live`.
std::vector<PolicyKind> PolicyManager::differing(const PolicySetConfig& next, std::vector<std::string>& said,
                                                 std::vector<std::pair<PolicyKind, std::string>>& live) const {
  std::vector<PolicyKind> kinds;
  for (const PolicyKind kind : kAllPolicyKinds) {
    const PolicyChoice& now = choice_of(config_.set, kind);
    const PolicyChoice& then = choice_of(next, kind);
    const Result<ResolvedPolicy> resolved = resolve_policy(kind, then, options_.folders, quarantine_);
    const bool same_content = resolved.ok() && resolved.value().id == current_->description(kind).id &&
                              resolved.value().hash == hashes_[index_of(kind)];
    if (!same_content) {
      kinds.push_back(kind);
      const bool rebuilt = resolved.ok() && now.id == then.id && now.path == then.path;
      said.push_back(
          rebuilt ? fmt::format("{}: {} has other content, it will be loaded anew", name_of(kind), describe(then))
                  : fmt::format("{}: {} → {}", name_of(kind), describe(now), describe(then)));
      continue;
    }
    if (same_params(now, then)) continue;
    bool all_live =
        std::all_of(now.params.begin(), now.params.end(), [&](const auto& p) { return then.params.contains(p.first); });
    std::vector<std::string> changed;
    for (const auto& [key, value] : then.params)
      if (const auto old = now.params.find(key); old == now.params.end() || !same_value(old->second, value))
        changed.push_back(key);
    for (const std::string& key : changed) all_live = all_live && current_->is_live(kind, key);
    if (all_live) {
      for (const std::string& key : changed) live.emplace_back(kind, key);
      said.push_back(fmt::format("{}: parameters {} change while it runs", name_of(kind), fmt::join(changed, ", ")));
    } else {
      kinds.push_back(kind);
      said.push_back(fmt::format("{}: {} is created anew with other parameters", name_of(kind), describe(then)));
    }
  }
  return kinds;
}

Result<std::vector<std::string>> PolicyManager::plan(const DaemonConfig& next) {
  std::vector<std::string> said;
  std::vector<std::pair<PolicyKind, std::string>> live;
  for (const PolicyKind kind : differing(next.set, said, live)) {
    const Result<ResolvedPolicy> resolved =
        resolve_policy(kind, choice_of(next.set, kind), options_.folders, quarantine_);
    if (!resolved.ok()) return resolved.status();
  }
  if (next.config.gpu != config_.config.gpu || next.set.sharing != config_.set.sharing ||
      next.set.masks != config_.set.masks)
    return invalid_argument("another GPU, another sharing, or masks on or off: restart lithosd for that");
  if (next.set.slip != config_.set.slip || next.set.starvation_limit != config_.set.starvation_limit)
    return invalid_argument("slip and starvation_limit are fixed while lithosd runs: restart it for that");
  if (next.config.tenants.size() != config_.config.tenants.size())
    said.push_back("tenants: the list changes for those that join from now on");
  return said;
}

Result<ChangeReport> PolicyManager::apply(const DaemonConfig& next) {
  Result<std::vector<std::string>> planned = plan(next);
  if (!planned.ok()) return failed(planned.status());
  if (thread_ == nullptr) return failed(unavailable("the engine is not running"));
  std::vector<std::string> said;
  std::vector<std::pair<PolicyKind, std::string>> live;
  const std::vector<PolicyKind> kinds = differing(next.set, said, live);
  const DaemonConfig before = config_;
  config_.text = next.text;
  config_.config = next.config;
  ChangeReport report;
  if (!kinds.empty()) {
    Result<ChangeReport> done = carry_out(next.set, kinds, planned.value());
    if (!done.ok()) {
      const PolicySetConfig in_force = config_.set;
      config_ = before;
      config_.set = in_force;
      return done;
    }
    report = std::move(done).value();
  }
  for (const auto& [kind, key] : live) {
    if (Status status = set_param(kind, key, choice_of(next.set, kind).params.at(key)); status.ok()) continue;
    else return failed(status);
  }
  config_.set.quotas = next.set.quotas;
  config_.set.tolerates = next.set.tolerates;
  bool done = false;
  const auto set_tenants = [room = &thread_->room(), tenants = next.config.tenants, set = next.set] {
    room->set_tenants(tenants, set);
    return true;
  };
  if (!thread_->mailbox().ask<bool>(set_tenants, done, kAnswerLimit))
    return failed(internal_error("the engine thread does not answer"));
  if (kinds.empty())
    if (Status status = persist(); !status.ok()) {
      config_ = before;
      return failed(status);
    }
  report.generation = generation_;
  report.changes = std::move(planned).value();
  return report;
}

// ---- the guard -------------------------------------------------------------------------------------------

void PolicyManager::punish(PolicyKind kind, const std::string& why, Nanoseconds now) {
  const PolicyDescription description = current_->description(kind);
  ExitRecord record{"strikes", name_of(kind), description.id, paths_[index_of(kind)], description.hash, why, 0, {}};
  if (!options_.state_folder.empty()) (void)write_exit_record(options_.state_folder, record);
  const bool on_probation =
      warm_.set != nullptr && warm_.until > now && warm_.set->description(kind).id != description.id;
  const Result<ChangeReport> done = on_probation ? rollback() : fallback({kind});
  ++totals_.demotions;
  totals_.last_event = fmt::format("{} {}: {}; {}", name_of(kind), description.id, why,
                                   !done.ok()     ? done.status().message()
                                   : on_probation ? "rolled back to the policies before it"
                                                  : "the built-in fallback decides");
  log(LogEvent::policy_demoted, totals_.last_event);
}

void PolicyManager::tick(Nanoseconds now) {
  if (warm_.set != nullptr && now >= warm_.until) {
    retire(std::move(warm_));
    warm_ = {};
  }
  if (thread_ == nullptr || thread_->steps() == steps_seen_)
    return;  // the engine sleeps: nothing new, and nobody is woken for it
  FaultSnapshot faults;
  const auto look = [room = &thread_->room()] {
    FaultSnapshot snapshot;
    for (const PolicyKind kind : kAllPolicyKinds) {
      snapshot.strikes[index_of(kind)] = strikes_of(room->policies().faults(), kind);
      snapshot.message[index_of(kind)] = room->policies().faults().last_message(kind);
    }
    return snapshot;
  };
  if (!thread_->mailbox().ask<FaultSnapshot>(look, faults, kAnswerLimit)) return;
  steps_seen_ = thread_->steps() + 1;  // our own question was a step
  for (const PolicyKind kind : kAllPolicyKinds) {
    const std::uint64_t strikes = faults.strikes[index_of(kind)] - strikes_before_[index_of(kind)];
    if (strikes < options_.strikes || current_->description(kind).id == builtin_policy(kind).id) continue;
    punish(kind,
           fmt::format("{} faults within {}, the last: {}", strikes, format_duration(options_.strike_window),
                       faults.message[index_of(kind)]),
           now);
    return;  // the set is another one now
  }
  if (now - window_began_ < options_.strike_window) return;
  window_began_ = now;
  strikes_before_ = faults.strikes;
}

PolicyManagerReport PolicyManager::counts() const {
  PolicyManagerReport report = totals_;
  report.generation = generation_;
  report.in_probation = warm_.set != nullptr;
  report.modules_leaked = Module::leaked();
  for (const PolicyKind kind : kAllPolicyKinds)
    report.policies.push_back({current_->description(kind), paths_[index_of(kind)], 0, 0, 0, {}});
  return report;
}

PolicyManagerReport PolicyManager::report() {
  PolicyManagerReport report = counts();
  report.policies.clear();
  const auto look = [set = current_] {
    std::vector<PolicyInForce> policies;
    for (const PolicyKind kind : kAllPolicyKinds)
      policies.push_back({set->description(kind),
                          {},
                          set->calls(kind),
                          set->fallbacks(kind),
                          set->faults().of(kind),
                          set->faults().last_message(kind)});
    return policies;
  };
  if (thread_ == nullptr) report.policies = look();
  else (void)thread_->mailbox().ask<std::vector<PolicyInForce>>(look, report.policies, kAnswerLimit);
  for (std::size_t i = 0; i < report.policies.size(); ++i) report.policies[i].path = paths_[i];
  return report;
}

}  // namespace lithos
