// SPDX-License-Identifier: Apache-2.0
// PolicySet: the four policies that decide for one GPU, and the guarded calls by which the engine asks them.
//
// Purpose    The engine never sees a policy, only a PolicySet. Each call below hands the question to the policy, checks
//            the answer, drops what is wrong in it, and replaces the whole answer by the built-in fallback's when the
//            policy failed or answered too late. So every call returns a usable answer, always, and nothing that a
//            policy returns needs checking twice. What was wrong is counted in faults(). (DESIGN.md §5.8, §6)
// Limits     What only the engine can know is not checked here: co-residency, quotas, what lenders tolerate, limits on
//            outstanding work. Every TPC set the engine gets back lies within the device and every number is finite
//            and of plausible size; nothing more.
// Cost       At most 25 ns over a direct call through a pointer: no lock, no allocation, and the time is read only if
//            a guard clock is set: twice, which costs more than all the rest (tests/bench/policy_call_bench.cpp).
// Threads    create/destroy/set_param and the calls: one at a time for one PolicySet. Different sets are independent,
//            also when their policies come from the same library.
// Ownership  The set owns its instances and keeps their libraries loaded. Destroying it destroys the instances, then
//            unloads libraries that nobody else uses. Copies gpu_info at creation. No exception leaves any function.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/log_histogram.hpp"
#include "base/status.hpp"
#include "base/time.hpp"
#include "config/config.hpp"
#include "lithos/policy_abi.h"
#include "policy_host/faults.hpp"
#include "policy_host/kinds.hpp"
#include "policy_host/prediction_judge.hpp"

namespace lithos {

class PolicyCatalog;  // policy_host/catalog.hpp

// Which policy is being asked at this moment, for a watchdog and for the report after a crash: a kind (PolicyKind),
// or 0. May lie in memory that outlives the process. Written by the thread that calls the set, read by anybody.
struct PolicyCallMark {
  std::atomic<std::uint64_t> kind = 0;
};

// What a set needs from its surroundings. Time limits count only if a clock is given: the simulator's clock is virtual
// and stands still during a decision, so there nothing is late unless a test injects a clock that advances.
struct GuardOptions {
  std::function<Nanoseconds()> clock;  // empty: time is never read and nothing is late
  Nanoseconds soft_limit{50'000};      // later answers are used and counted (FaultReason::slow)
  Nanoseconds hard_limit{5'000'000};   // later answers are dropped, the fallback's used (FaultReason::too_late)
  PolicyCallMark* mark = nullptr;      // set around each call, if given; must outlive the set
  bool judge_predictor = false;        // compare a configured predictor with the built-in one: prediction_score()
  // What policies log (level: LITHOS_LOG_*), on the thread that calls the set; empty: dropped.
  std::function<void(PolicyKind kind, int level, const std::string& text)> log;
};

// Policies given directly as C tables, for tests and for policies that are compiled in. nullptr: the built-in fallback.
// The tables must outlive the set. Parameters take their declared defaults.
struct PolicyTables {
  const lithos_policy* scheduler = nullptr;
  const lithos_policy* predictor = nullptr;
  const lithos_policy* right_sizer = nullptr;
  const lithos_policy* dvfs = nullptr;
};

// Which policy answers for a kind, for reports.
struct PolicyDescription {
  PolicyKind kind = PolicyKind::scheduler;
  std::string id;  // "org.lithos.tpc_borrowing"; "builtin.scheduler" for the fallback
  std::string version;
  std::string summary;
  std::string path;  // the library as the operator named or the catalog found it; empty: compiled in
  std::string hash;  // of the library's content (16 hex digits); empty: compiled in
};

struct MetricReading {
  PolicyKind kind = PolicyKind::scheduler;
  std::string name;
  std::string unit;
  bool counter = true;  // else a gauge
  double value = 0;
};

// Who gave the answer that a guarded call returned.
enum class AnsweredBy : std::uint8_t { policy, fallback };

class PolicySet;
struct PolicySetState;  // policy_set_state.hpp, internal
struct CreatedPolicySet {
  std::unique_ptr<PolicySet> set;       // present only if there are no diagnostics
  std::vector<Diagnostic> diagnostics;  // every mistake at once, with its position in the configuration
};

class PolicySet {
 public:
  // Finds, loads and creates the four policies that `config` names. An empty id takes the built-in fallback, which can
  // also be named: "builtin.scheduler", "builtin.predictor", "builtin.right_sizer", "builtin.dvfs".
  static CreatedPolicySet create(const PolicySetConfig& config, PolicyCatalog& catalog, const lithos_gpu_info& gpu,
                                 GuardOptions guard = {});

  // Another set in which the policies of `kinds` are created anew, as `config` names them, while the others are those
  // of `base`, with all that they have learnt. Both sets may exist side by side; only one of them may be asked at a
  // time.
  static CreatedPolicySet replace(const PolicySet& base, std::span<const PolicyKind> kinds,
                                  const PolicySetConfig& config, PolicyCatalog& catalog);

  // From tables; slip 1.1 and the default starvation limit. Fails only if a table is invalid or a create() fails.
  static Result<std::unique_ptr<PolicySet>> from_tables(const PolicyTables& tables, const lithos_gpu_info& gpu,
                                                        GuardOptions guard = {});

  // Checks as create() does, without creating instances: `lithos config check`.
  static std::vector<Diagnostic> check(const PolicySetConfig& config, PolicyCatalog& catalog);

  ~PolicySet();
  PolicySet(const PolicySet&) = delete;
  PolicySet& operator=(const PolicySet&) = delete;

  // ---- questions of the engine: the answer is always usable ----------------------------------------------------

  // Fills answer.lease[0 … view.tenants) and answer.next_decision_ns (0: only on events; else after view.now_ns).
  // The caller owns answer.lease, which must not be a lease in force, and sets answer.tenants, lease_size and lease;
  // the leases need not be preset (preset_leases() is done here). view.tenant_size, tpc_size and answer.lease_size are
  // honoured as strides. A lease with flags or TPCs that do not exist loses those; one with a rate that is no rate or
  // an absurd atom length is replaced by the preset one.
  AnsweredBy decide(const lithos_sched_view& view, lithos_sched_answer& answer);

  // p50_ns > 0, p99_ns >= p50_ns, confidence within 0 … 1. query.tpcs must be at least 1.
  lithos_prediction predict(const lithos_predict_query& query);

  // tpcs within 1 … query.tpcs, expected_slowdown >= 1. query.tpcs must be at least 1.
  lithos_size choose(const lithos_size_query& query);

  // clock_mhz is one of the device's; next_sample_ns is 0 (default pace) or after sample.now_ns.
  lithos_clock_request plan(const lithos_power_sample& sample);

  // ---- facts for the policies ----------------------------------------------------------------------------------

  // A completed launch or atom: to the predictor and the right-sizer, and to the built-in predictor, which must know
  // what to say when it is needed.
  void observe(const lithos_observation& seen);
  // Which of this set's policies have not been told what those of `before` were, a bit each; 0: nobody learns from observations.
  std::uint32_t newcomers(const PolicySet& before) const;
  // What was observed before this set came into force, to them alone: the others would count it twice, and nobody is judged by it.
  void recall(const lithos_observation& seen, std::uint32_t newcomers);
  void tenant_left(std::uint64_t tenant_id);

  // Changes a LIVE parameter at a decision boundary. The message names what was wrong; nothing has changed then.
  Status set_param(PolicyKind kind, const std::string& key, const RawValue& value);
  bool is_live(PolicyKind kind, const std::string& key) const;  // whether set_param() takes it

  // ---- for the engine's other rules and for reports ------------------------------------------------------------

  const std::string& name() const;
  double slip() const;
  Nanoseconds starvation_limit() const;
  const GuardOptions& guard() const;

  // Whether both sets ask the same instance of a kind: what it said before still holds.
  bool shares(PolicyKind kind, const PolicySet& other) const;
  // Holding one of these keeps a library loaded after the set has gone. Compiled-in policies have none.
  std::vector<std::shared_ptr<const void>> libraries() const;
  const PolicyFaults& faults() const;
  std::uint64_t calls(PolicyKind kind) const;      // questions asked
  std::uint64_t fallbacks(PolicyKind kind) const;  // … of which the fallback answered, though a policy was configured
  // How long calls took, also those of the sets that this one was made from, and the last one; empty and 0 without a guard clock.
  const LogHistogram& call_times(PolicyKind kind) const;
  Nanoseconds last_call(PolicyKind kind) const;
  const PolicyDescription& description(PolicyKind kind) const;
  std::vector<MetricReading> metrics() const;
  // How the configured predictor has done beside the built-in one since it came into force, also under earlier sets that
  // this one was made from. All zero: nothing is configured, or nobody judges.
  PredictionScore prediction_score() const;

 private:
  void judge(const lithos_observation& seen);
  void inform(const lithos_observation& seen, std::uint32_t who);
  explicit PolicySet(std::unique_ptr<PolicySetState> state);
  std::unique_ptr<PolicySetState> state_;
};

// What a lease is when the policy leaves it alone: the tenant's own TPCs, plus the unowned ones if it has no quota;
// nothing borrowed, no limits. Steps by the sizes in view and answer. (policy_abi.h, lithos_lease)
void preset_leases(const lithos_sched_view& view, lithos_sched_answer& answer);

}  // namespace lithos
