// SPDX-License-Identifier: Apache-2.0
// Inside of the engine, shared by its source files only: engine.cpp (tenants, operators, timers), engine_records.cpp (what happened),
// engine_decisions.cpp (what follows). See engine.hpp.
#pragma once

#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "engine/activity.hpp"
#include "engine/co_residency.hpp"
#include "engine/dvfs_sampler.hpp"
#include "engine/engine.hpp"
#include "engine/ledger.hpp"
#include "engine/lease_builder.hpp"
#include "engine/observation_log.hpp"
#include "engine/tenant.hpp"
#include "engine/tpc_map.hpp"
#include "engine/view_builder.hpp"
#include "policy_host/event_ring.hpp"
#include "policy_host/policy_totals.hpp"

namespace lithos {

inline constexpr std::uint32_t kTenantsLimit = 64;
static_assert(kTenantsLimit <= Lease::kMaxLenders && kTenantsLimit <= CoResidency::kParties);

constexpr Nanoseconds kLongestBelieved{600'000'000'000};  // of a launch; beyond it somebody errs

struct Engine::Impl {
  Impl(const GpuShape& gpu, const EngineConfig& engine_config, PolicySet& policy_set, EnginePort& port);

  // engine.cpp
  Tenant* find(TenantId id) {
    const auto slot = value_of(id);
    return slot < tenants.size() && tenants[slot].state != Tenant::State::absent ? &tenants[slot] : nullptr;
  }
  std::uint32_t slot_of(const Tenant& tenant) const { return static_cast<std::uint32_t>(&tenant - tenants.data()); }
  Asker asker(const Tenant& tenant) const;
  void decide_operator(Tenant& tenant, OperatorEntry& entry, const Asked& asked = {});
  void decide_if_stale(Tenant& tenant, OperatorEntry& entry) {
    if (entry.asked_in != asking_epoch) [[unlikely]] decide_operator(tenant, entry, stale_asked);
  }
  void replay_some();
  void decide_some_stale();
  void release_if_drained(Tenant& tenant, Nanoseconds now);
  void age(Nanoseconds now);
  QueueBook* queue_of(Tenant& tenant, QueueId id);

  // engine_records.cpp
  void take(Tenant& tenant, const Record& record, bool newest, Nanoseconds now);
  void on_queued(Tenant& tenant, QueueBook& queue, std::uint32_t op, const Record& record, Nanoseconds now);
  void on_submitted(Tenant& tenant, QueueBook& queue, std::uint32_t op, const Record& record, Nanoseconds now);
  void on_completed(Tenant& tenant, QueueBook& queue, std::uint32_t op, const Record& record, Nanoseconds now);
  void on_waiting(Tenant& tenant, QueueBook& queue, std::uint32_t op, const Record& record, Nanoseconds now);
  void on_synchronised(Tenant& tenant, QueueBook& queue, Nanoseconds now);
  void observe(Tenant& tenant, std::uint32_t op, const Record& record, const WorkMark* mark, Nanoseconds now);
  void tell_apart(Tenant& tenant, std::uint32_t op, const lithos_observation& seen);
  void launch_ended(Tenant& tenant, QueueBook& queue, std::uint32_t op, const Record& record, const FlyingAtom* atom, Nanoseconds now);
  void set_pressure(Tenant& tenant, Pressure level, Nanoseconds now);
  void nothing_in_flight(Tenant& tenant, Nanoseconds now);
  void head_changed(Tenant& tenant, QueueBook& queue, std::uint32_t tpcs_before, Nanoseconds now);
  void request_done(Tenant& tenant, Nanoseconds latency, Nanoseconds now);

  // engine_decisions.cpp
  void want_decision(std::uint32_t why, Nanoseconds now);
  void decide(std::uint32_t why, Nanoseconds now);
  void publish_if_changed(std::uint32_t slot, const lithos_lease& answer, bool rights_moved, Nanoseconds now);
  void publish(std::uint32_t slot, Nanoseconds now);
  void rebalance_rights(Nanoseconds now);
  void gather_rights(Nanoseconds now);
  QueueBook* neediest(std::uint32_t& slot);
  TpcSet rights_for(const Tenant& tenant, const OperatorEntry& entry, bool starving) const;
  TpcSet wish_for(const Tenant& tenant, const OperatorEntry& entry) const;
  bool lacks_rights(const Tenant& tenant, const OperatorEntry& entry) const;
  static std::span<const KernelInfo* const> kernels_of(const OperatorEntry& entry);

  // engine_events.cpp: what exporters are told; each is called only if tap.wants() its type
  void tell_submitted(const Tenant& tenant, const FlyingAtom& atom, const Record& record, Nanoseconds now);
  // `atom`: FlyingAtom{} where nobody announced it. `ran`: in a graph its kernel, or the graph itself if that is not known.
  void tell_ended(const Tenant& tenant, const lithos_op& ran, const FlyingAtom& atom, const Record& record, Nanoseconds now);
  void tell_graph_ended(const Tenant& tenant, const lithos_op& ran, const FlyingAtom& atom, const Record& record, Nanoseconds now);
  void tell_tenant(std::uint32_t type, const Tenant& tenant, Nanoseconds now);
  void tell_operator(const Tenant& tenant, const OperatorEntry& entry, Nanoseconds now);
  void tell_request(const Tenant& tenant, Nanoseconds latency, Nanoseconds now);
  void tell_waiting(const Tenant& tenant, const QueueBook& queue, const Record& record, Nanoseconds now);
  void tell_lease(const Tenant& tenant, const Lease& published, Nanoseconds now);
  void tell_decision(std::uint32_t why, std::uint32_t tenants_asked, AnsweredBy by, Nanoseconds now);
  void tell_policy(PolicyKind kind, Nanoseconds now);
  void tell_clock(std::uint32_t requested_mhz, std::uint32_t applied_mhz, double power_w, Nanoseconds now);
  void look_for_faults(Nanoseconds now);
  void introduce(Nanoseconds now);

  GpuShape gpu;
  EngineConfig config;
  PolicySet* policies;
  EnginePort& out;
  TpcMap map;
  Ledger ledger;
  CoResidency co_residency;
  Activity activity;
  DvfsSampler dvfs;
  ObservationLog observed;
  ViewBuilder views;
  std::vector<Tenant> tenants;
  std::vector<lithos_lease> answers;
  Lease lease;  // being built
  EngineCounters counters;
  std::uint64_t last_serial = 0;
  std::uint64_t last_generation = 0;
  std::uint64_t epoch = 1;  // counts changes of who is there and who owns what
  EventTap tap;
  std::uint64_t policy_generation = 1;  // counts the sets that were in force
  PolicyTotals past;             // of sets that were in force before
  PolicyTotals totals_at_start;  // of the set in force, when it came into force
  PolicyFaults faults_told;
  Nanoseconds faults_told_at{std::numeric_limits<std::int64_t>::min() / 2};
  std::uint64_t asking_epoch = 1;  // counts changes of who is asked about operators
  // Everything before this has been asked in this epoch; past the last tenant: nothing is stale.
  std::size_t stale_tenant = std::numeric_limits<std::size_t>::max();
  std::uint32_t stale_operator = 0;
  Asked stale_asked;  // … of whom
  // What was observed before is being told to new policies: to whom (PolicySet::newcomers(); 0: nobody), how far that has got, and whether
  // there was anything.
  std::uint32_t newcomers = 0;
  bool replayed_any = false;
  std::size_t replay_place = 0;

  std::uint32_t pending_why = 0;
  Nanoseconds decided_at{std::numeric_limits<std::int64_t>::min() / 2};
  Nanoseconds decide_due = kNever;    // pending_why, held back by decide_at_most_every
  Nanoseconds asked_due = kNever;     // the policy's wish
  Nanoseconds age_due{0};
  Nanoseconds gather_due = kNever;
  // Whose rights are being gathered: the launch that lacks them.
  QueueId gather_queue{};
  LaunchId gather_launch{};
};

}  // namespace lithos
