// SPDX-License-Identifier: Apache-2.0
// The engine: one per GPU. It arbitrates: gathers what happened, asks the policies, repairs their answers by the safety rules of
// DESIGN.md §5, and publishes leases and operator decisions.
//
// Pure and single-threaded: time comes in with every call, everything goes out through EnginePort, nothing is read from anywhere
// else. So a run is a function of its inputs, and the simulator and the daemon run the same code. Steady state does not allocate.
// No state is half-changed while a policy is being asked.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/ids.hpp"
#include "base/log_histogram.hpp"
#include "base/status.hpp"
#include "base/time.hpp"
#include "base/tpc_set.hpp"
#include "engine/gpu_shape.hpp"
#include "engine/lease.hpp"
#include "engine/operator.hpp"
#include "engine/operator_report.hpp"
#include "engine/record.hpp"
#include "policy_host/event_ring.hpp"
#include "policy_host/policy_set.hpp"

namespace lithos {

// Where the engine's output goes. Called on the engine's thread, from inside engine calls; must not call back.
class EnginePort {
 public:
  virtual ~EnginePort() = default;
  virtual void publish_lease(TenantId tenant, const Lease& lease) = 0;
  virtual void publish_operator(TenantId tenant, OperatorId op, const OperatorDecision& decision) = 0;
  virtual void request_clock(std::uint32_t mhz) = 0;
};

struct TenantSpec {
  std::string name;
  TenantClass tenant_class = TenantClass::best_effort;
  unsigned quota_tpcs = 0;  // own TPCs, chosen once and kept for its life, whole GPCs first
  Nanoseconds slo{0};
  Nanoseconds tolerates{0};
  TpcSet place = {};        // of the quota, if it is free (places.hpp)
};

struct EngineConfig {
  Nanoseconds starvation_limit{200'000'000};
  Nanoseconds decide_at_least_every{10'000'000};  // also without any event
  Nanoseconds decide_at_most_every{20'000};       // pressure changes come in bursts
  double slip = 1.1;
  bool masked = true;  // false: no launch is confined; for the engine's life, since rights to spin rest on it
  bool statistics = false;  // keep TenantStatistics
  std::uint32_t gpu_index = 0;  // in events
};

struct TenantCounters {
  std::array<std::uint64_t, kCoverageKinds> launches{};  // by Coverage
  std::uint64_t atoms_submitted = 0, atoms_completed = 0;
  std::uint64_t requests_completed = 0;
  std::uint64_t service_tpc_ns = 0;
  std::uint64_t mispredicted = 0;  // off by more than 50 µs (paper §5.7)
};
// Distributions, kept only where EngineConfig::statistics says so.
struct TenantStatistics {
  LogHistogram queue_wait;        // from the launch entering its queue until its first atom is given to the device
  LogHistogram request_latency;   // a graph, or launches up to a synchronisation: from the launch on
  LogHistogram prediction_error;  // of atoms and launches, without their sign
};
struct EngineCounters {
  std::uint64_t decisions = 0;
  std::uint64_t bad_records = 0;      // unknown tenant, operator or launch; doubled
  std::uint64_t repaired_leases = 0;  // a policy's answer broke a safety rule
  std::uint64_t refused_unmasked = 0; // leases that a policy wished unmasked while masks are on
  std::uint64_t lost_completions = 0; // atoms given up because nobody reported their end
  std::uint64_t gathered_rights = 0;  // times a launch that may spin had to have its TPCs gathered
};

struct EngineSnapshot;

class Engine {
 public:
  Engine(const GpuShape& gpu, const EngineConfig& config, PolicySet& policies, EnginePort& out);
  ~Engine();

  // Fails if the quota exceeds what is unowned, or the tenant table is full.
  Result<TenantId> join(const TenantSpec& spec, Nanoseconds now);
  // The slot is reused once everything in flight has completed or `leave` was called with nothing in flight.
  void leave(TenantId tenant, Nanoseconds now);
  void queue_added(TenantId tenant, QueueId queue, Nanoseconds now);
  void queue_removed(TenantId tenant, QueueId queue, Nanoseconds now);
  // Must precede the first record that names the operator; idempotent. The infos must outlive the tenant.
  void register_kernel(TenantId tenant, const KernelInfo& kernel, Nanoseconds now);
  void register_graph(TenantId tenant, const GraphInfo& graph, Nanoseconds now);

  void on_record(const Record& record, Nanoseconds now);
  // To be called at next_timer(): decisions that are due, expiries, starvation, DVFS samples.
  void on_timer(Nanoseconds now);
  Nanoseconds next_timer() const;
  void on_clock(std::uint32_t mhz, double power_w, Nanoseconds now);

  // Replaces the set of policies at a decision boundary; the tenants are replayed to the new one by its next view. What another
  // predictor or right-sizer says about operators is asked a few at each on_timer() from then on, so that decisions go on in
  // between, and of an operator at once when it is next launched.
  void set_policies(PolicySet& policies, Nanoseconds now);
  // Operators about which the present policies have not been asked yet: on_timer() is due until there are none.
  bool has_stale_operators() const;

  // ---- what has been observed, kept over a restart ---------------------------------------------------------
  // Before the first tenant: policies and record learn it as if it had just been seen. What cannot be (more TPCs than there are, no
  // time, an absurd one) is left out; returns how many were taken.
  std::size_t recall(std::span<const lithos_observation> learned);
  // Appends one of kLearnedParts parts of what recall() would take.
  static constexpr std::size_t kLearnedParts = 16;
  void learned_part(std::size_t part, std::vector<lithos_observation>& out) const;

  // ---- for those who watch (policy_host/event_ring.hpp) ----------------------------------------------------
  // From now on events go into the ring, too, as far as it wants them. It is told first what a latecomer must know:
  // policies in force, tenants, their leases and operators. The ring must outlive the engine or be detached.
  void attach(EventRing& ring, Nanoseconds now);
  void detach(EventRing& ring);
  // Everything that reports and metrics tell, as of now (engine_snapshot.hpp).
  void snapshot(Nanoseconds now, EngineSnapshot& out) const;

  bool knows(TenantId tenant, OperatorId op) const;  // it has registered that operator
  bool knows(TenantId tenant) const;  // it is here, or has left with something in flight: records about it make sense
  TpcSet own_tpcs(TenantId tenant) const;
  const TenantCounters& counters(TenantId tenant) const;
  const EngineCounters& counters() const;
  // What is known of each operator that the tenant registered, in that order (operator_report.hpp). Allocates.
  std::vector<OperatorReport> operators(TenantId tenant) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace lithos
