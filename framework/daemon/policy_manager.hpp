// SPDX-License-Identifier: Apache-2.0
// The policies in force, and everything that changes them while tenants run: swaps, configurations, parameters,
// rollbacks, the guard.
//
// A swap: read the manifest (no code runs) → private copy under its hash → load → create → commit at a decision
// boundary by one exchange on the engine thread → probation, with the old set warm → retire the old one, unload it,
// and look whether it is gone. Everything that can fail comes before the commit; a failure at any step leaves the old
// policies in force and says so. Policies hold opinions only, so the new one starts from the engine's next view:
// there is nothing to hand over. (DESIGN.md §6)
//
// The guard looks at the faults that policies collect: so many strikes within a window bring the old set back during
// probation, and the built-in fallback afterwards; so does a predictor that is clearly worse than the built-in one
// (quality_watch.hpp). Crashes and hangs end the process; see black_box.hpp and
// watchdog.hpp.
//
// Control thread only, one call at a time; start() before the engine thread exists. Talks to the engine thread
// through its mailbox.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "daemon/black_box.hpp"
#include "daemon/change_progress.hpp"
#include "daemon/daemon_config.hpp"
#include "daemon/engine_thread.hpp"
#include "daemon/log_events.hpp"
#include "daemon/policy_resolver.hpp"
#include "daemon/quality_watch.hpp"
#include "daemon/quarantine.hpp"
#include "policy_host/module.hpp"
#include "policy_host/policy_set.hpp"

namespace lithos {

struct PolicyManagerOptions {
  std::vector<std::string> folders;  // where policies are found by id
  std::string state_folder;          // empty: nothing is kept
  Nanoseconds probation{10'000'000'000};
  std::uint64_t strikes = 10;  // within `strike_window`; slow answers do not count, late ones do
  Nanoseconds strike_window{10'000'000'000};
  Nanoseconds soft_limit{50'000}, hard_limit{5'000'000};
  QualityOptions quality;
  BlackBox* black_box = nullptr;             // may be null
  std::function<Status(ChangeStep)> inject;  // for tests: fails a change at a step
  Log log;
};

// One policy to put in force.
struct PolicyChange {
  PolicyKind kind = PolicyKind::scheduler;
  PolicyChoice choice;  // no id and no path: the built-in fallback
};

struct ChangeReport {
  std::uint64_t generation = 0;
  std::vector<std::string> changes;  // one sentence each
  double prepare_us = 0;             // everything before the commit, decisions going on meanwhile
  double pause_us = 0;               // the exchange: what the next decision waited for
  double longest_refresh_us = 0;     // asking the new policies about operators, between two decisions, at the longest
  ChangeTimes step_us{};
  Nanoseconds probation{0};  // how long the old policies stay warm from now on
};

struct PolicyInForce {
  PolicyDescription description;
  std::string path;  // as the operator knows it
  std::uint64_t calls = 0, fallbacks = 0, faults = 0;
  std::string last_fault;
};
struct PolicyManagerReport {
  std::uint64_t generation = 0;
  std::vector<PolicyInForce> policies;
  bool in_probation = false;
  std::string last_event;  // the newest thing the guard did
  std::uint64_t swaps = 0, failed_changes = 0, rollbacks = 0, demotions = 0;
  std::uint64_t quality_demotions = 0;  // of the demotions, those of predictors worse than the built-in one
  PredictionQuality prediction;
  std::uint64_t modules_leaked = 0, modules_pinned = 0;
};

std::uint64_t strikes_of(const PolicyFaults& faults, PolicyKind kind);

struct AppliedParts;  // policy_manager_apply.cpp

class PolicyManager {
 public:
  PolicyManager(const PolicyManagerOptions& options, const DaemonConfig& config);
  ~PolicyManager();

  // The first set. A policy that cannot be used is an error; one that is quarantined is replaced by the fallback and
  // reported.
  Result<std::shared_ptr<PolicySet>> start();
  void attach(EngineThread& thread) { thread_ = &thread; }
  void detach();  // the engine thread has stopped

  Result<ChangeReport> change(const std::vector<PolicyChange>& changes);
  Result<ChangeReport> rollback();  // to the set before the last change, while it is warm
  Result<ChangeReport> fallback(const std::vector<PolicyKind>& kinds);
  Status set_param(PolicyKind kind, const std::string& key, const RawValue& value);

  // What apply() would do, one sentence each; nothing changes. A diagnostic if the file is wrong.
  Result<std::vector<std::string>> plan(const DaemonConfig& next);
  Result<ChangeReport> apply(const DaemonConfig& next);
  const DaemonConfig& config() const { return config_; }
  // Told about the steps of changes from now on; empty: nobody is.
  void listen(ChangeProgress::Listener listener) { progress_.listen(std::move(listener)); }

  // Guard and end of probation; to be called every 100 ms or so.
  void tick(Nanoseconds now);
  PolicyManagerReport report();
  PolicyManagerReport counts() const;  // the same without what only the engine thread knows; asks nobody
  Quarantine& quarantine() { return quarantine_; }
  const PolicyManagerOptions& options() const { return options_; }

 private:
  struct Warm {  // a set that is not in force any more
    std::shared_ptr<PolicySet> set;
    PolicySetConfig config;
    std::array<std::string, kPolicyKinds> paths;
    std::size_t threads_started = 0;
    Nanoseconds until{0};
  };
  struct Prepared {
    std::shared_ptr<PolicySet> set;
    PolicySetConfig config;
    std::array<std::string, kPolicyKinds> paths;
    std::size_t threads_started = 0;
  };

  GuardOptions guard() const;
  Result<Prepared> prepare(const PolicySetConfig& next, const std::vector<PolicyKind>& kinds);
  Status load(const std::vector<PolicyKind>& kinds, std::vector<ResolvedPolicy>& resolved, Prepared& prepared);
  Result<double> commit(Prepared prepared, bool keep_old_warm);
  Result<ChangeReport> exchange(const PolicySetConfig& next, const std::vector<PolicyKind>& kinds);
  Status replay(ChangeReport& report);
  Result<ChangeReport> carry_out(const PolicySetConfig& next, const std::vector<PolicyKind>& kinds,
                                 std::vector<std::string> said);
  Status apply_parts(const DaemonConfig& next, AppliedParts& parts, ChangeReport& report);
  void take_back(const DaemonConfig& before, const AppliedParts& parts);
  Status set_live(PolicyKind kind, const std::string& key, const RawValue& value);
  Status set_tenants(const DaemonConfig& config);
  void retire(Warm warm);
  void note_next(const PolicySet& set, const std::array<std::string, kPolicyKinds>& paths);
  Status persist();
  struct GuardLook;
  bool judge_strikes(const GuardLook& look, Nanoseconds now);
  void judge_quality(const GuardLook& look, Nanoseconds now);
  void punish(PolicyKind kind, const std::string& what, const std::string& why, Nanoseconds now);
  void log(LogEvent event, const std::string& text, int level = LITHOS_LOG_INFO) const;
  Status failed(const Status& status);
  std::vector<PolicyKind> differing(const PolicySetConfig& next, std::vector<std::string>& said,
                                    std::vector<std::pair<PolicyKind, std::string>>& live) const;

  const PolicyManagerOptions options_;
  DaemonConfig config_;
  ChangeProgress progress_;
  EngineThread* thread_ = nullptr;
  Quarantine quarantine_;
  std::shared_ptr<PolicySet> current_;
  std::array<std::string, kPolicyKinds> paths_;  // of the policies in force
  std::size_t threads_started_ = 0;
  Warm warm_;
  std::vector<std::shared_ptr<const void>> pinned_;  // libraries that must never be unloaded
  std::uint64_t generation_ = 1;
  PolicyManagerReport totals_;
  // The guard's window.
  Nanoseconds window_began_{0};
  std::array<std::uint64_t, kPolicyKinds> strikes_before_{};
  std::uint64_t steps_seen_ = 0;
  QualityWatch quality_;
};

}  // namespace lithos
