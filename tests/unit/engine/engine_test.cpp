// SPDX-License-Identifier: Apache-2.0
#include "engine/engine.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/places.hpp"
#include "unit/engine/support.hpp"

namespace lithos::test {
namespace {

constexpr Nanoseconds kMs{1'000'000};

unsigned whole_gpcs(const GpuShape& gpu, const TpcSet& set) {
  unsigned whole = 0;
  for (unsigned g = 0; g < gpu.gpcs; ++g) whole += set.contains(gpu.gpc(g)) ? 1u : 0u;
  return whole;
}

TEST(Join, OwnTpcsAreWholeGpcsAndDisjoint) {
  EngineUnderTest t;
  const TenantId hp = t.join(spec("hp", TenantClass::latency_critical, 42));
  EXPECT_EQ(t.engine->own_tpcs(hp).count(), 42u);
  EXPECT_EQ(whole_gpcs(t.gpu, t.engine->own_tpcs(hp)), 5u);  // 9 + 9 + 8 + 8 + 8
  const TenantId other = t.join(spec("other", TenantClass::throughput, 18));
  EXPECT_EQ(t.engine->own_tpcs(other).count(), 18u);
  EXPECT_FALSE(t.engine->own_tpcs(hp).overlaps(t.engine->own_tpcs(other)));
  EXPECT_EQ(t.lease(hp).own, t.engine->own_tpcs(hp));
}

// Eleven clusters of eight blocks are what BERT-large's GEMMs have.
TEST(Join, ConfiguredTenantsAreWhereTheyWouldBeHadTheMostCriticalComeFirst) {
  PolicySetConfig set;
  set.quotas = {{"be", 6}, {"b", 12}, {"hp", 48}};
  std::vector<TenantConfig> tenants(3);
  const char* const names[] = {"b", "be", "hp"};
  const TenantClass classes[] = {TenantClass::throughput, TenantClass::best_effort, TenantClass::latency_critical};
  for (int i = 0; i < 3; ++i) tenants[i].name = names[i], tenants[i].tenant_class = classes[i];
  const auto clusters_of_hp = [&](bool planned) {
    EngineUnderTest t;
    TpcSet hp;
    std::map<std::string, TpcSet> places = planned_places(t.gpu, tenants, set);
    for (const TenantConfig& tenant : tenants) {  // the most critical comes last
      TenantSpec joins = spec(tenant.name, tenant.tenant_class, set.quotas[tenant.name]);
      if (planned) joins.place = places[tenant.name];
      hp = t.engine->own_tpcs(t.join(joins));
    }
    EXPECT_EQ(hp.count(), 48u);
    unsigned clusters = 0;
    for (unsigned g = 0; g < t.gpu.gpcs; ++g) clusters += (t.gpu.gpc(g) & hp).count() / 4;
    return clusters;
  };
  EXPECT_EQ(clusters_of_hp(true), 11u);
  EXPECT_LT(clusters_of_hp(false), 11u);
}

TEST(Join, APlaceThatIsTakenOrOfAnotherSizeIsNone) {
  EngineUnderTest t;
  TenantSpec first = spec("first", TenantClass::throughput, 10), second = spec("second", TenantClass::throughput, 10), third = second;
  first.place = second.place = TpcSet::range(20, 30);
  third.place = TpcSet::range(0, 11);
  const TpcSet a = t.engine->own_tpcs(t.join(first)), b = t.engine->own_tpcs(t.join(second)), c = t.engine->own_tpcs(t.join(third));
  EXPECT_EQ(a, first.place);
  EXPECT_EQ(b.count(), 10u);
  EXPECT_EQ(c.count(), 10u);
  EXPECT_FALSE(a.overlaps(b) || a.overlaps(c) || b.overlaps(c));
}

TEST(Join, RefusesMoreThanIsLeftAndMoreThanTheTable) {
  EngineUnderTest t;
  (void)t.join(spec("a", TenantClass::throughput, 60));
  EXPECT_EQ(t.engine->join(spec("b", TenantClass::throughput, 7), t.now).status().code(), StatusCode::exhausted);
  for (int i = 1; i < 64; ++i) (void)t.join(spec("c", TenantClass::best_effort, 0));
  EXPECT_EQ(t.engine->join(spec("d", TenantClass::best_effort, 0), t.now).status().code(), StatusCode::exhausted);
}

TEST(Leave, TpcsAreFreeOnlyOnceDrained) {
  EngineUnderTest t;
  const KernelInfo k = t.kernel("free", 5000);
  const TenantId a = t.join(spec("a", TenantClass::throughput, 60));
  t.engine->register_kernel(a, k, t.now);
  t.submitted(a, k, 1);
  t.engine->leave(a, t.now);
  EXPECT_FALSE(t.engine->join(spec("b", TenantClass::throughput, 20), t.now).ok());
  t.completed(a, k, 1);
  EXPECT_TRUE(t.engine->join(spec("b", TenantClass::throughput, 20), t.now).ok());
}

TEST(Leases, UntouchedAnswerGivesOwnOrUnowned) {
  EngineUnderTest t;
  const TenantId hp = t.join(spec("hp", TenantClass::latency_critical, 42));
  const TenantId be = t.join(spec("be", TenantClass::best_effort, 0));
  EXPECT_TRUE(t.lease(hp).unowned.empty());
  EXPECT_EQ(t.lease(be).unowned.count(), 24u);
  EXPECT_EQ(t.lease(be).lenders, 0u);
}

TEST(Leases, BorrowedTpcsCarryTheirLender) {
  EngineUnderTest t;
  script.decide = [](const lithos_sched_view* view, lithos_sched_answer* answer) {
    for (std::uint32_t i = 0; i < view->tenants; ++i) answer->lease[i].usable[LITHOS_PRESSURE_IDLE] = abi(TpcSet::first(view->tpcs));
    return LITHOS_OK;
  };
  const TenantId hp = t.join(spec("hp", TenantClass::latency_critical, 42));
  const TenantId be = t.join(spec("be", TenantClass::best_effort, 0));
  const Lease& lease = t.lease(be);
  ASSERT_EQ(lease.lenders, 1u);
  EXPECT_EQ(lease.lender[0].tenant, hp);
  EXPECT_EQ(lease.lender[0].owned, t.engine->own_tpcs(hp));
  EXPECT_EQ(lease.lender[0].tolerates, kMs);
  EXPECT_EQ(lease.borrowed[0], t.engine->own_tpcs(hp));
  EXPECT_TRUE(lease.borrowed[1].empty());
}

TEST(Leases, PublishedOnlyWhenTheyChange) {
  EngineUnderTest t;
  (void)t.join(spec("hp", TenantClass::latency_critical, 42));
  const int before = t.out.lease_count;
  t.run_until(t.now + 100 * kMs);
  EXPECT_GE(t.engine->counters().decisions, 10u);  // at least every 10 ms
  EXPECT_EQ(t.out.lease_count, before);
}

TEST(Decisions, PressureChangesAreRateLimited) {
  EngineUnderTest t;
  const TenantId hp = t.join(spec("hp", TenantClass::latency_critical, 42));
  t.now += kMs;
  const std::uint64_t before = t.engine->counters().decisions;
  for (int i = 0; i < 100; ++i) {
    Record r;
    r.kind = RecordKind::pressure;
    r.tenant = hp;
    r.pressure = i % 2 == 0 ? Pressure::pressed : Pressure::active;
    r.sequence = static_cast<std::uint64_t>(i) + 1;
    t.engine->on_record(r, t.now);
    t.now += Nanoseconds{1'000};
  }
  EXPECT_LE(t.engine->counters().decisions - before, 6u);  // 100 µs at one per 20 µs
  EXPECT_GE(t.engine->counters().decisions - before, 4u);
}

TEST(Decisions, ViewShowsWhatIsInFlight) {
  EngineUnderTest t;
  const KernelInfo k = t.kernel("free", 5000);
  const TenantId a = t.join(spec("a", TenantClass::throughput, 20));
  t.engine->register_kernel(a, k, t.now);
  std::uint32_t inflight = 0;
  std::uint64_t busy_until = 0, predicted = 0;
  script.decide = [&](const lithos_sched_view* view, lithos_sched_answer*) {
    inflight = view->tenant[0].inflight_launches;
    predicted = view->tenant[0].inflight_ns;
    busy_until = view->tpc[3].busy_until_ns;
    return LITHOS_OK;
  };
  t.submitted(a, k, 1);
  t.submitted(a, k, 2);
  const Nanoseconds start = t.now;
  t.run_until(t.now + Nanoseconds{40'000});
  EXPECT_EQ(inflight, 2u);
  EXPECT_EQ(busy_until, to_u64(start) + 200'000);
  EXPECT_GT(predicted, 100'000u);
  EXPECT_LE(predicted, 200'000u);
}

TEST(Operators, AreAskedAgainAtPowersOfTwoAndEvery32nd) {
  EngineUnderTest t;
  const KernelInfo k = t.kernel("free", 5000);
  const TenantId a = t.join(spec("a", TenantClass::throughput, 20));
  int asked = 0;
  script.predict = [&](const lithos_predict_query*, lithos_prediction* out) {
    ++asked;
    *out = {50'000u + 10'000u * static_cast<unsigned>(asked), 1'000'000, 1};
    return LITHOS_OK;
  };
  t.engine->register_kernel(a, k, t.now);
  const int before = asked;
  for (std::uint64_t launch = 1; launch <= 64; ++launch) {
    t.submitted(a, k, launch);
    t.now += Nanoseconds{100'000};
    t.completed(a, k, launch);
  }
  EXPECT_EQ(asked - before, 4 * 7);  // 1, 2, 4, 8, 16, 32, 64; four points each
  EXPECT_EQ(t.out.decision_count, 1 + 7);
}

// What a small kernel takes on TPCs that hold no block of it is asked only where it may run on them.
TEST(Operators, AreAskedAboutAtQuartersOfWhatTheyAreGiven) {
  for (const bool masked : {true, false}) {
    EngineUnderTest t;
    t.config.masked = masked;
    t.engine = std::make_unique<Engine>(t.gpu, t.config, *t.policies, t.out);
    const KernelInfo small = t.kernel("free", 150), large = t.kernel("free", 5000);
    ASSERT_EQ(small.useful_tpcs, 10u);
    std::map<std::uint64_t, std::vector<std::uint32_t>> asked;
    script.predict = [&](const lithos_predict_query* query, lithos_prediction* out) {
      asked[query->op.op_id].push_back(query->tpcs);
      *out = {1'000'000 / query->tpcs, 1'000'000, 1};
      return LITHOS_OK;
    };
    const TenantId a = t.join(spec("a", TenantClass::throughput, 20));
    t.engine->register_kernel(a, small, t.now);
    t.engine->register_kernel(a, large, t.now);
    EXPECT_THAT(asked[value_of(large.id)], testing::ElementsAre(17, 33, 50, 66));
    if (masked) EXPECT_THAT(asked[value_of(small.id)], testing::ElementsAre(3, 5, 8, 10));
    else EXPECT_THAT(asked[value_of(small.id)], testing::ElementsAre(17, 33, 50, 66));
    const OperatorDecision& decision = t.out.decisions[small.id];
    for (const unsigned tpcs : {3u, 4u, 5u, 10u}) EXPECT_NEAR(static_cast<double>(decision.predicted(tpcs).count()), 1e6 / tpcs, 5) << tpcs;
    EXPECT_EQ(decision.predicted(66), masked ? Nanoseconds{100'000} : Nanoseconds{15'151});
  }
}

TEST(Operators, UnchangedDecisionsAreNotPublished) {
  EngineUnderTest t;
  const KernelInfo k = t.kernel("free", 5000);
  const TenantId a = t.join(spec("a", TenantClass::throughput, 20));
  script.predict = [](const lithos_predict_query*, lithos_prediction* out) { *out = {100'000, 100'000, 1}; return LITHOS_OK; };
  t.engine->register_kernel(a, k, t.now);
  t.engine->register_kernel(a, k, t.now);  // idempotent
  for (std::uint64_t launch = 1; launch <= 32; ++launch) t.completed(a, k, launch);
  EXPECT_EQ(t.out.decision_count, 1);
}

TEST(Observations, KnowTheirNeighbours) {
  EngineUnderTest t;
  const KernelInfo k = t.kernel("free", 5000);
  const TenantId a = t.join(spec("a", TenantClass::throughput, 20)), b = t.join(spec("b", TenantClass::throughput, 20));
  t.engine->register_kernel(a, k, t.now);
  t.engine->register_kernel(b, k, t.now);
  std::vector<std::uint32_t> neighbours;
  script.observe = [&](const lithos_observation* seen) { neighbours.push_back(seen->neighbour_tpcs); };
  t.submitted(a, k, 1);
  t.now += kMs;
  t.completed(a, k, 1);  // alone
  t.submitted(a, k, 2);
  t.submitted(b, k, 1);
  t.now += kMs;
  t.completed(b, k, 1);
  t.now += kMs;
  t.completed(a, k, 2);  // beside ten TPCs for half of its time
  EXPECT_THAT(neighbours, testing::ElementsAre(0, 0, 10, 10, 5, 5));  // each told to predictor and right-sizer
}

TEST(Records, DoubledLateAndForeignOnesDoNoHarm) {
  EngineUnderTest t;
  const KernelInfo k = t.kernel("free", 5000);
  const TenantId a = t.join(spec("a", TenantClass::throughput, 20));
  t.engine->register_kernel(a, k, t.now);
  const Record first = t.record(RecordKind::submitted, a, k, 1), second = t.record(RecordKind::submitted, a, k, 2);
  t.engine->on_record(second, t.now);
  t.engine->on_record(first, t.now);  // overtaken
  t.engine->on_record(first, t.now);  // and doubled
  EXPECT_EQ(t.engine->counters(a).atoms_submitted, 2u);
  EXPECT_EQ(t.engine->counters().bad_records, 1u);
  Record foreign = first;
  foreign.tenant = TenantId{77};
  t.engine->on_record(foreign, t.now);
  Record unknown = t.record(RecordKind::submitted, a, k, 3);
  unknown.op = OperatorId{1234};
  t.engine->on_record(unknown, t.now);
  EXPECT_EQ(t.engine->counters().bad_records, 3u);
}

TEST(Records, ALaterCompletionEndsWhatCameBefore) {
  EngineUnderTest t;
  const KernelInfo k = t.kernel("free", 5000);
  const TenantId a = t.join(spec("a", TenantClass::throughput, 20));
  t.engine->register_kernel(a, k, t.now);
  std::uint32_t inflight = 0;
  script.decide = [&](const lithos_sched_view* view, lithos_sched_answer*) { inflight = view->tenant[0].inflight_launches; return LITHOS_OK; };
  for (std::uint64_t launch = 1; launch <= 3; ++launch) t.submitted(a, k, launch);
  t.completed(a, k, 2);
  t.run_until(t.now + 20 * kMs);
  EXPECT_EQ(inflight, 1u);
}

TEST(Records, LostCompletionsAgeOut) {
  EngineUnderTest t;
  const KernelInfo k = t.kernel("free", 5000);
  const TenantId a = t.join(spec("a", TenantClass::throughput, 20));
  t.engine->register_kernel(a, k, t.now);
  t.submitted(a, k, 1);
  t.run_until(t.now + 5000 * kMs);
  EXPECT_EQ(t.engine->counters().lost_completions, 1u);
}

TEST(Requests, GraphsAndSynchronisedBatchesCount) {
  EngineUnderTest t;
  const KernelInfo k = t.kernel("free", 5000);
  const GraphInfo g = make_graph_info("g", {&k, &k});
  const TenantId a = t.join(spec("a", TenantClass::latency_critical, 20, kMs));
  t.engine->register_graph(a, g, t.now);
  double attainment = 0;
  script.decide = [&](const lithos_sched_view* view, lithos_sched_answer*) { attainment = view->tenant[0].slo_attainment; return LITHOS_OK; };
  for (std::uint64_t launch = 1; launch <= 4; ++launch) {
    Record r = t.record(RecordKind::submitted, a, k, launch);
    r.op = g.id;
    r.block_count = 0;
    t.engine->on_record(r, t.now);
    t.now += launch == 4 ? 3 * kMs : kMs / 2;
    for (std::uint32_t node = 1; node <= 2; ++node) {
      Record done = t.record(RecordKind::completed, a, k, launch);
      done.op = g.id;
      done.block_count = 0;
      done.node = node;
      done.last = node == 2;
      t.engine->on_record(done, t.now);
    }
  }
  EXPECT_EQ(t.engine->counters(a).requests_completed, 4u);
  t.run_until(t.now + 20 * kMs);
  EXPECT_DOUBLE_EQ(attainment, 0.75);
  t.submitted(a, k, 5);
  t.completed(a, k, 5);
  Record sync = t.record(RecordKind::synchronised, a, k, 0);
  t.engine->on_record(sync, t.now);
  EXPECT_EQ(t.engine->counters(a).requests_completed, 5u);
}

TEST(CoResidency, TheRightMovesOnlyAfterItsHolderHasLetGo) {
  EngineUnderTest t;
  script.decide = [](const lithos_sched_view* view, lithos_sched_answer* answer) {
    for (std::uint32_t i = 0; i < view->tenants; ++i) answer->lease[i].usable[LITHOS_PRESSURE_IDLE] = abi(TpcSet::first(view->tpcs));
    return LITHOS_OK;
  };
  const KernelInfo spins = t.kernel("unknown", 8);
  const TenantId hp = t.join(spec("hp", TenantClass::latency_critical, 42));
  const TenantId be = t.join(spec("be", TenantClass::best_effort, 0));
  t.engine->register_kernel(be, spins, t.now);
  t.run_until(t.now + 20 * kMs);
  EXPECT_EQ(t.lease(be).co_resident.count(), 66u);  // the owner has nothing that spins
  Record spinning = t.record(RecordKind::submitted, be, spins, 1);
  spinning.spinning = t.engine->own_tpcs(hp);
  t.engine->on_record(spinning, t.now);
  t.engine->register_kernel(hp, spins, t.now);      // now it has
  EXPECT_EQ(t.lease(be).co_resident.count(), 24u);
  EXPECT_TRUE(t.lease(hp).co_resident.empty());     // the borrower's launch is still in flight
  t.run_until(t.now + kMs);
  Record done = t.record(RecordKind::completed, be, spins, 1);
  t.engine->on_record(done, t.now);
  EXPECT_EQ(t.lease(hp).co_resident, t.engine->own_tpcs(hp));
}

// What does not queue in the executor (the shim) says no more than that its head waits.
TEST(View, WhoOnlySaysThatItWaitsHasAHead) {
  EngineUnderTest t;
  const KernelInfo small = t.kernel("free", 8), large = t.kernel("unknown", 16 * 60);
  const TenantId be = t.join(spec("be", TenantClass::best_effort, 0));
  lithos_launch head{};
  std::uint32_t queued = 0;
  bool hold = false;
  script.decide = [&](const lithos_sched_view* view, lithos_sched_answer* answer) {
    head = view->tenant[0].head;
    queued = view->tenant[0].queued_launches;
    if (hold) answer->lease[0].flags = LITHOS_LEASE_HOLD;
    return LITHOS_OK;
  };
  t.engine->register_kernel(be, small, t.now);
  t.engine->register_kernel(be, large, t.now);
  t.engine->on_record(t.record(RecordKind::waiting, be, large, 3), t.now);
  t.run_until(t.now + kMs);
  EXPECT_EQ(head.op.op_id, value_of(large.id));
  EXPECT_EQ(head.op.min_tpcs, large.min_tpcs);
  EXPECT_GT(head.since_ns, 0u);
  EXPECT_EQ(queued, 1u);
  t.submitted(be, large, 3);
  t.engine->on_record(t.record(RecordKind::waiting, be, small, 4), t.now);
  t.run_until(t.now + kMs);
  EXPECT_EQ(head.op.op_id, value_of(small.id));
  hold = true;  // by decision: it lacks nothing
  for (int i = 0; i < 2; ++i) {
    t.engine->on_record(t.record(RecordKind::waiting, be, small, 4), t.now);
    t.run_until(t.now + kMs);
  }
  EXPECT_EQ(head.op.op_id, 0u);
  hold = false;
  for (int i = 0; i < 2; ++i) {
    t.engine->on_record(t.record(RecordKind::waiting, be, small, 4), t.now);
    t.run_until(t.now + kMs);
  }
  EXPECT_EQ(head.op.op_id, value_of(small.id));
  t.run_until(t.now + 100 * kMs);  // it did not say so again: the word that it went was lost, or it failed
  (void)t.join(spec("x", TenantClass::best_effort, 0));  // somebody asks
  EXPECT_EQ(head.op.op_id, 0u);
}

TEST(CoResidency, StarvingLaunchHasItsRightsGathered) {
  EngineUnderTest t;
  const KernelInfo small = t.kernel("unknown", 8), large = t.kernel("unknown", 16 * 60);  // 60 TPCs
  const TenantId hp = t.join(spec("hp", TenantClass::latency_critical, 42));
  const TenantId be = t.join(spec("be", TenantClass::best_effort, 0));
  t.engine->register_kernel(hp, small, t.now);
  t.engine->register_kernel(be, large, t.now);
  t.run_until(t.now + 20 * kMs);
  for (int i = 0; i < 230; ++i) {  // as its executor would, every millisecond
    Record waiting = t.record(RecordKind::waiting, be, large, 1);
    t.engine->on_record(waiting, t.now);
    t.run_until(t.now + kMs);
    if (i == 150) { EXPECT_EQ(t.lease(be).co_resident.count(), 24u); }
  }
  EXPECT_GE(t.lease(be).co_resident.count(), 60u);
  t.submitted(be, large, 1);
  t.completed(be, large, 1);
  EXPECT_EQ(t.lease(hp).co_resident, t.engine->own_tpcs(hp));  // and given back
}

TEST(Dvfs, PlansOnceAWindowAndRequestsOnChange) {
  EngineUnderTest t;
  const KernelInfo k = t.kernel("free", 5000);
  const TenantId a = t.join(spec("a", TenantClass::throughput, 20));
  t.engine->register_kernel(a, k, t.now);
  int plans = 0;
  double share = 0, busy = 0;
  script.plan = [&](const lithos_power_sample* sample, lithos_clock_request* out) {
    ++plans;
    if (sample->ops > 0) share = sample->op[0].share;
    busy = std::max(busy, sample->busy_share);
    out->clock_mhz = 1500;
    return LITHOS_OK;
  };
  for (std::uint64_t launch = 1; launch <= 400; ++launch) {
    t.submitted(a, k, launch);
    t.run_until(t.now + kMs);
    t.completed(a, k, launch);
  }
  EXPECT_GE(plans, 3);
  EXPECT_LE(plans, 6);
  EXPECT_DOUBLE_EQ(share, 1.0);
  EXPECT_GT(busy, 0.95);
  EXPECT_THAT(t.out.clocks, testing::ElementsAre(1500u));
}

// As after the daemon's death: the engine is new, the tenant counts on where it was.
TEST(Records, TheFirstNumberMayBeAny) {
  EngineUnderTest t;
  const KernelInfo k = t.kernel("free", 5000);
  const TenantId a = t.join(spec("a", TenantClass::throughput, 20));
  t.engine->register_kernel(a, k, t.now);
  t.sequence[value_of(a)] = 5'000'000;
  t.submitted(a, k, 70'000);
  t.completed(a, k, 70'000);
  EXPECT_EQ(t.engine->counters().bad_records, 0u);
  EXPECT_EQ(t.engine->counters(a).atoms_completed, 1u);
  t.sequence[value_of(a)] += 5'000'000;
  t.submitted(a, k, 70'001);
  EXPECT_EQ(t.engine->counters().bad_records, 1u) << "a jump later on is nonsense";
}

TEST(Policies, AreReplacedAtADecisionBoundary) {
  EngineUnderTest t;
  const KernelInfo k = t.kernel("free", 5000);
  const TenantId a = t.join(spec("a", TenantClass::throughput, 20));
  t.engine->register_kernel(a, k, t.now);
  auto other = std::move(PolicySet::from_tables({}, gpu_info(t.gpu, 0))).value();
  const std::uint64_t before = t.policies->calls(PolicyKind::scheduler);
  t.engine->set_policies(*other, t.now);
  t.run_until(t.now + 50 * kMs);
  EXPECT_EQ(t.policies->calls(PolicyKind::scheduler), before);
  EXPECT_GE(other->calls(PolicyKind::scheduler), 5u);
  EXPECT_GE(other->calls(PolicyKind::predictor), 4u);
}

// Facts are the host's: whoever takes a predictor's or right-sizer's place is told them again, and nobody else is.
TEST(Policies, ThoseThatComeNewAreToldWhatWasObserved) {
  EngineUnderTest t;
  const KernelInfo k = t.kernel("free", 5000), other_k = t.kernel("free too", 7000);
  const TenantId a = t.join(spec("a", TenantClass::throughput, 20));
  for (const KernelInfo* kernel : {&k, &other_k}) t.engine->register_kernel(a, *kernel, t.now);
  for (std::uint64_t launch = 1; launch <= 40; ++launch) {
    t.submitted(a, launch % 2 == 0 ? k : other_k, launch);
    t.run_until(t.now + kMs);
    t.completed(a, launch % 2 == 0 ? k : other_k, launch);
  }
  PolicyTables only_predictor;
  only_predictor.predictor = all_tables().predictor;
  auto next = std::move(PolicySet::from_tables(only_predictor, gpu_info(t.gpu, 0))).value();
  std::map<std::uint64_t, std::uint64_t> told;  // by operator
  script.observe = [&](const lithos_observation* seen) {
    told[seen->op.op_id] = seen->duration_ns;
    EXPECT_EQ(seen->neighbour_tpcs, 0u);
    EXPECT_EQ(seen->block_count, seen->op.blocks);
  };
  t.engine->set_policies(*next, t.now);
  t.engine->on_timer(t.now);  // a few at a time: exchange_test.cpp
  EXPECT_THAT(told, testing::UnorderedElementsAre(testing::Pair(value_of(k.id), 100'000u), testing::Pair(value_of(other_k.id), 100'000u)));
  told.clear();
  t.engine->set_policies(*next, t.now);
  t.run_until(t.now + kMs);
  EXPECT_TRUE(told.empty()) << "the same instance knows already";
}

}  // namespace
}  // namespace lithos::test
