// SPDX-License-Identifier: Apache-2.0
// What operators and the guard ask of the policy manager.
#include <fmt/format.h>

#include <algorithm>

#include "daemon/clock.hpp"
#include "daemon/policy_manager.hpp"
#include "policy_host/builtin.hpp"

namespace lithos {
namespace {

constexpr int kReplayLooks = 100'000;  // each is a step of the engine

}  // namespace

// What the guard sees of the policies in force.
struct PolicyManager::GuardLook {
  std::array<std::uint64_t, kPolicyKinds> strikes{};
  std::array<std::string, kPolicyKinds> message;
  PredictionScore prediction;
};

Status PolicyManager::failed(const Status& status) {
  ++totals_.failed_changes;
  log(LogEvent::policy_change_refused, fmt::format("change refused, the old policies stay in force: {}", status.message()));
  return Status(status.code(), status.message() + "; the old policies stay in force");
}

// Everything up to the exchange, and the exchange. Nothing is kept yet.
Result<ChangeReport> PolicyManager::exchange(const PolicySetConfig& next, const std::vector<PolicyKind>& kinds) {
  const Nanoseconds began = monotonic_now();
  Result<Prepared> prepared = prepare(next, kinds);
  if (!prepared.ok()) return prepared.status();
  ChangeReport report;
  report.prepare_us = to_us(monotonic_now() - began);
  Result<double> pause = commit(std::move(prepared).value(), true);
  if (!pause.ok()) return pause.status();
  report.pause_us = pause.value();
  report.probation = options_.probation;
  return report;
}

// Waits until the engine has asked the new policies about every operator. Decisions go on meanwhile: this is for the
// report, and so that the next change does not begin on top of it.
Status PolicyManager::replay(ChangeReport& report) {
  if (Status status = progress_.enter(ChangeStep::replay); !status.ok()) return status;
  struct Look {
    bool refreshing = true;
    Nanoseconds longest{0};
  } seen;
  const auto look = [room = &thread_->room()] { return Look{room->refreshing(), room->longest_refresh()}; };
  for (int i = 0; i < kReplayLooks && seen.refreshing; ++i)
    if (!thread_->mailbox().ask<Look>(look, seen, kAnswerLimit))
      return internal_error("the engine thread does not answer");
  report.longest_refresh_us = to_us(seen.longest);
  return {};
}

Result<ChangeReport> PolicyManager::carry_out(const PolicySetConfig& next, const std::vector<PolicyKind>& kinds,
                                              std::vector<std::string> said) {
  if (thread_ == nullptr) return failed(unavailable("the engine is not running"));
  progress_.begin();
  Result<ChangeReport> done = exchange(next, kinds);
  if (!done.ok()) return failed(done.status());
  ChangeReport& report = done.value();
  Status status = replay(report);
  if (status.ok()) status = persist();
  if (!status.ok()) {
    // In force but not kept: a crash would bring the old ones back. So bring them back now.
    const Result<ChangeReport> back = rollback();
    return failed(
        Status(status.code(),
               status.message() + (back.ok() ? "" : " (and the way back failed: " + back.status().message() + ")")));
  }
  report.step_us = progress_.end();
  report.generation = generation_;
  report.changes = std::move(said);
  for (const std::string& sentence : report.changes) log(LogEvent::policy_changed, sentence);
  return done;
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
  (void)persist();  // best effort: what is in force is right
  log(LogEvent::policy_changed, report.changes.back());
  return report;
}

Status PolicyManager::set_live(PolicyKind kind, const std::string& key, const RawValue& value) {
  Status answer;
  const auto set = [room = &thread_->room(), kind, key, value] { return room->policies().set_param(kind, key, value); };
  if (!thread_->mailbox().ask<Status>(set, answer, kAnswerLimit))
    return internal_error("the engine thread does not answer");
  if (answer.ok()) choice_of(config_.set, kind).params[key] = value;
  return answer;
}

Status PolicyManager::set_param(PolicyKind kind, const std::string& key, const RawValue& value) {
  if (thread_ == nullptr) return unavailable("the engine is not running");
  if (Status status = set_live(kind, key, value); !status.ok()) return status;
  if (Status status = persist(); !status.ok())
    return Status(status.code(), "in force, but a crash would lose it: " + status.message());
  return {};
}

// ---- the guard -------------------------------------------------------------------------------------------

void PolicyManager::punish(PolicyKind kind, const std::string& what, const std::string& why, Nanoseconds now) {
  const PolicyDescription description = current_->description(kind);
  ExitRecord record{what, name_of(kind), description.id, paths_[index_of(kind)], description.hash, why, 0, {}};
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
  GuardLook seen;
  const auto look = [room = &thread_->room()] {
    GuardLook at;
    for (const PolicyKind kind : kAllPolicyKinds) {
      at.strikes[index_of(kind)] = strikes_of(room->policies().faults(), kind);
      at.message[index_of(kind)] = room->policies().faults().last_message(kind);
    }
    at.prediction = room->policies().prediction_score();
    return at;
  };
  if (!thread_->mailbox().ask<GuardLook>(look, seen, kAnswerLimit)) return;
  steps_seen_ = thread_->steps() + 1;  // our own question was a step
  if (!judge_strikes(seen, now)) judge_quality(seen, now);
}

// True: somebody was punished, so the set is another one now.
bool PolicyManager::judge_strikes(const GuardLook& look, Nanoseconds now) {
  for (const PolicyKind kind : kAllPolicyKinds) {
    const std::uint64_t strikes = look.strikes[index_of(kind)] - strikes_before_[index_of(kind)];
    if (strikes < options_.strikes || current_->description(kind).id == builtin_policy(kind).id) continue;
    punish(kind, "strikes",
           fmt::format("{} faults within {}, the last: {}", strikes, format_duration(options_.strike_window),
                       look.message[index_of(kind)]),
           now);
    return true;
  }
  if (now - window_began_ < options_.strike_window) return false;
  window_began_ = now;
  strikes_before_ = look.strikes;
  return false;
}

void PolicyManager::judge_quality(const GuardLook& look, Nanoseconds now) {
  if (!quality_.look(look.prediction, now)) return;
  ++totals_.quality_demotions;
  punish(PolicyKind::predictor, "worse than the built-in", quality_.why(), now);
}

PolicyManagerReport PolicyManager::counts() const {
  PolicyManagerReport report = totals_;
  report.generation = generation_;
  report.in_probation = warm_.set != nullptr;
  report.prediction = quality_.quality();
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
