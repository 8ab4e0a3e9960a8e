// SPDX-License-Identifier: Apache-2.0
#include "executor/executor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/executor/support.hpp"

namespace lithos::test {
namespace {

const TpcSet kHome = TpcSet::range(0, 12), kLent = TpcSet::range(20, 53);

TEST(Inline, GoesAtOnceOnWhatTheLeaseGives) {
  ExecutorUnderTest t(LaunchPath::inline_path);
  t.port.current.own = kHome;
  const KernelInfo k = t.kernel("free", 1000);
  for (int i = 0; i < 100; ++i) t.launch(k);
  ASSERT_EQ(t.device.atoms.size(), 100u);
  EXPECT_EQ(t.device.atoms[0].tpcs, kHome);
  EXPECT_TRUE(t.device.atoms[0].masked);
  EXPECT_FALSE(t.device.atoms[0].cut);
}

TEST(Inline, WaitsForItsFirstLease) {
  ExecutorUnderTest t(LaunchPath::inline_path);
  t.port.current = {};
  const KernelInfo k = t.kernel("free", 1000);
  t.launch(k);
  EXPECT_TRUE(t.device.atoms.empty());
  t.port.current.generation = 1;
  t.port.current.own = kHome;
  t.executor->poke(t.now);
  EXPECT_EQ(t.device.atoms.size(), 1u);
}

TEST(Pressure, FollowsTheBusyPeriod) {
  ExecutorUnderTest t(LaunchPath::inline_path);
  t.port.current.own = kHome;
  const KernelInfo k = t.kernel("free", 1000);
  const auto last = [&] { return t.port.published.back().level; };
  t.launch(k);
  EXPECT_EQ(last(), Pressure::active);
  t.launch(k);
  EXPECT_EQ(last(), Pressure::pressed);
  t.complete(0);
  EXPECT_EQ(last(), Pressure::pressed);
  t.complete(1);
  EXPECT_EQ(last(), Pressure::idle);
  t.now += 40 * kUs;
  t.launch(k);
  EXPECT_EQ(last(), Pressure::pressed);  // right after the last
  t.complete(2);
  t.now += 60 * kUs;
  t.launch(k);
  EXPECT_EQ(last(), Pressure::active);
}

TEST(Pressure, QueuedWorkIsNeverPressed) {
  ExecutorUnderTest t;
  t.port.current.own = kHome;
  const KernelInfo k = t.kernel("free", 1000);
  for (int i = 0; i < 5; ++i) t.launch(k);
  EXPECT_THAT(t.port.published, testing::SizeIs(1));
  EXPECT_EQ(t.port.published[0].level, Pressure::active);
}

TEST(Queued, SmallKernelsArePipelinedByPredictedTime) {
  ExecutorUnderTest t;
  t.port.current.own = TpcSet::first(20);
  const KernelInfo k = t.kernel("free", 100);
  t.predict(k, 4 * kUs);
  for (int i = 0; i < 20; ++i) t.launch(k);
  EXPECT_EQ(t.device.atoms.size(), 6u);  // the sixth is submitted with 20 µs ahead of it
  EXPECT_EQ(t.executor->waiting_launches(), 14u);
  t.now += 4 * kUs;
  t.complete(0);
  EXPECT_EQ(t.device.atoms.size(), 7u);
}

TEST(Queued, RefusesMoreThanItsCapacity) {
  ExecutorUnderTest t;
  t.port.current.hold = true;
  const KernelInfo k = t.kernel("free", 100);
  for (int i = 0; i < 4096; ++i) t.launch(k);
  EXPECT_EQ(t.executor->launch(QueueId{0}, k, t.now).status().code(), StatusCode::exhausted);
}

TEST(RightSizing, LowEndOfOwnHighEndOfBorrowed) {
  ExecutorUnderTest t;
  t.port.current.own = kHome;
  t.borrow(kLent);
  const KernelInfo k = t.kernel("free", 1000);
  t.predict(k, 10 * kUs, 8);
  t.launch(k);
  EXPECT_EQ(t.device.atoms[0].tpcs, TpcSet::range(0, 8));
  t.predict(k, 10 * kUs, 16);
  t.complete(0);
  t.launch(k);
  EXPECT_EQ(t.device.atoms[1].tpcs, kHome | TpcSet::range(49, 53));
}

// Those that fill TPCs of a whole GPC come from the same ends, though the GPCs there may not be the largest.
TEST(RightSizing, ClustersToo) {
  ExecutorUnderTest t;
  t.port.current.own = TpcSet::first(66);
  const KernelInfo k = t.kernel("free", 1000, 8);  // two TPCs to a cluster
  t.predict(k, 10 * kUs, 12);
  t.launch(k);
  EXPECT_TRUE(TpcSet::first(20).contains(t.device.atoms[0].tpcs)) << "the first GPCs that hold most";
  t.complete(0);
  t.port.current.own = {};
  ++t.port.current.generation;
  t.borrow(TpcSet::first(66));
  t.launch(k);
  EXPECT_TRUE(TpcSet::range(44, 62).contains(t.device.atoms[1].tpcs)) << "the last ones";
}

TEST(RightSizing, NeverBelowTheMinimum) {
  ExecutorUnderTest t;
  t.port.current.own = t.port.current.co_resident = TpcSet::first(40);
  const KernelInfo k = t.kernel("unknown", 100);  // needs 25
  t.predict(k, 10 * kUs, 4);
  t.port.current.max_tpcs = 3;
  t.launch(k);
  EXPECT_EQ(t.device.atoms[0].tpcs.count(), 25u);
  EXPECT_THAT(t.coverage(), testing::ElementsAre(Coverage::whole_co_resident));
}

// One of `gemm` after each of two others; graphs in between do not count.
TEST(RightSizing, LaunchesOfOneOperatorGoAsTheirKindShould) {
  for (const LaunchPath path : {LaunchPath::inline_path, LaunchPath::queued_path}) {
    ExecutorUnderTest t(path);
    t.port.current.own = TpcSet::first(40);
    const KernelInfo gemm = t.kernel("free gemm", 1000), gelu = t.kernel("free gelu", 1000), norm = t.kernel("free norm", 1000);
    const GraphInfo graph = make_graph_info("g", {&norm});
    t.predict(gemm, 10 * kUs, 24);
    const auto know = [&](const KernelInfo& after, Nanoseconds time, std::uint32_t tpcs) {
      KernelInfo kind;
      kind.id = kind_of(gemm.id, context_of(after.id));
      t.predict(kind, time, tpcs);
    };
    using Went = std::pair<unsigned, Nanoseconds>;
    const auto after = [&](const KernelInfo* before) -> Went {
      if (before != nullptr) t.launch(*before), t.complete(t.device.atoms.size() - 1);
      t.launch(gemm);
      t.complete(t.device.atoms.size() - 1);
      const auto newest = [&](RecordKind kind) {
        return *std::find_if(t.port.records.rbegin(), t.port.records.rend(), [&](const Record& r) { return r.kind == kind; });
      };
      const Record went = newest(RecordKind::submitted);
      EXPECT_EQ(went.op, gemm.id);
      EXPECT_EQ(went.tpcs, t.device.atoms.back().tpcs);
      EXPECT_EQ(newest(RecordKind::completed).context, went.context);
      return {went.tpcs.count(), went.predicted};
    };
    know(gelu, 68 * kUs, 20);
    EXPECT_EQ(after(nullptr), (Went{24, 10 * kUs})) << "after nothing";
    EXPECT_EQ(after(&gelu), (Went{24, 10 * kUs})) << "as long as the operator is one";
    t.port.decisions[gemm.id].mixed = true;
    EXPECT_EQ(after(&gelu), (Went{20, 68 * kUs}));
    EXPECT_EQ(after(&norm), (Went{24, 10 * kUs})) << "of which nothing is known";
    know(norm, 22 * kUs, 19);
    know(gemm, 30 * kUs, 18);
    EXPECT_EQ(after(&norm), (Went{19, 22 * kUs}));
    EXPECT_EQ(after(nullptr), (Went{18, 30 * kUs})) << "after itself";
    t.launch(gelu);
    t.complete(t.device.atoms.size() - 1);
    ASSERT_TRUE(t.executor->launch_graph(QueueId{0}, graph, t.now).ok());
    const GraphSubmission& g = t.device.graphs.back();
    t.executor->on_completed({g.tenant, g.queue, g.launch, 0, 0, 1, t.now - kUs, t.now}, t.now);
    EXPECT_EQ(after(nullptr), (Went{20, 68 * kUs})) << "after a graph";
    t.executor->add_queue(QueueId{1}, path);
    ASSERT_TRUE(t.executor->launch(QueueId{1}, norm, t.now).ok());
    EXPECT_EQ(after(nullptr), (Went{18, 30 * kUs})) << "other queues have their own order";
  }
}

// A kind's later parts are as its first.
TEST(Cutting, PartsOfAKindArePredictedAsIts) {
  ExecutorUnderTest t;
  t.borrow(kLent);
  t.port.current.atom_length = 100 * kUs;
  t.port.current.outstanding_limit = t.port.current.uncuttable_limit = Nanoseconds{1'000'000'000};
  const KernelInfo gemm = t.kernel("free gemm", 66 * 100), gelu = t.kernel("free gelu", 1000);
  t.predict(gemm, 100 * kUs);
  t.port.decisions[gemm.id].mixed = true;
  KernelInfo kind;
  kind.id = kind_of(gemm.id, context_of(gelu.id));
  t.predict(kind, 1'000 * kUs);
  t.launch(gelu);
  t.complete(0);
  t.launch(gemm);
  for (std::size_t i = 1; i < t.device.atoms.size(); ++i) t.complete(i);
  ASSERT_GT(t.device.atoms.size(), 5u);
  for (const Record& record : t.port.records) {
    if (record.op == gemm.id) {
      EXPECT_EQ(record.context, context_of(gelu.id));
    }
  }
}

// Three requests of two launches each, one right behind the other; then a pause. The right-sizer's word ends with the third.
TEST(RightSizing, ATenantThatFallsBehindGetsAll) {
  ExecutorUnderTest t(LaunchPath::inline_path);
  t.port.current.own = kHome;
  const KernelInfo k = t.kernel("free", 1000);
  t.predict(k, 10 * kUs, 4);
  t.port.decisions[k.id].rush_after = 2;
  std::vector<unsigned> tpcs;
  const auto request = [&](Nanoseconds pause) {
    t.now += pause;
    for (int i = 0; i < 2; ++i) {
      t.launch(k);
      tpcs.push_back(t.device.atoms.back().tpcs.count());
    }
    t.now += 20 * kUs;
    t.complete(t.device.atoms.size() - 2);
    t.complete(t.device.atoms.size() - 1);
    t.executor->synchronised(QueueId{0}, t.now);
  };
  for (int i = 0; i < 3; ++i) request(kUs);
  request(1'000 * kUs);
  EXPECT_THAT(tpcs, testing::ElementsAre(4, 4, 4, 4, kHome.count(), kHome.count(), 4, 4));
}

// One whose right-sizer says nothing of haste goes on as it was.
TEST(RightSizing, NobodyRushesUnasked) {
  ExecutorUnderTest t(LaunchPath::inline_path);
  t.port.current.own = kHome;
  const KernelInfo k = t.kernel("free", 1000);
  t.predict(k, 10 * kUs, 4);
  for (int i = 0; i < 100; ++i) {
    t.launch(k);
    t.executor->synchronised(QueueId{0}, t.now);
  }
  for (const AtomSubmission& atom : t.device.atoms) ASSERT_EQ(atom.tpcs.count(), 4u);
}

TEST(Borrowing, FollowsTheLendersPressure) {
  ExecutorUnderTest t;
  t.borrow(kLent);
  t.port.current.borrowed[2] = {};
  const KernelInfo k = t.kernel("free", 1000);
  t.predict(k, 10 * kUs);
  t.port.words[TenantId{9}] = {Pressure::pressed, t.now};
  t.launch(k);
  EXPECT_TRUE(t.device.atoms.empty());
  EXPECT_EQ(t.port.records.back().kind, RecordKind::waiting);
  t.port.words[TenantId{9}] = {Pressure::active, t.now};
  t.executor->poke(t.now);
  EXPECT_EQ(t.device.atoms.size(), 1u);
}

TEST(Borrowing, OwnersCountAsIdleOnlyAfterAWhile) {
  ExecutorUnderTest t;
  t.borrow(kLent);
  t.port.current.borrowed[1] = {};
  t.port.current.idle_grace = 50 * kUs;
  t.port.words[TenantId{9}] = {Pressure::idle, t.now};
  const KernelInfo k = t.kernel("free", 1000);
  t.launch(k);
  EXPECT_TRUE(t.device.atoms.empty());
  EXPECT_EQ(t.executor->next_poke(), t.now + 50 * kUs);
  t.now += 50 * kUs;
  t.executor->poke(t.now);
  EXPECT_EQ(t.device.atoms.size(), 1u);
}

TEST(Borrowing, OutstandingWorkIsBounded) {
  ExecutorUnderTest t;
  t.borrow(kLent);
  t.executor->add_queue(QueueId{1}, LaunchPath::queued_path);
  t.port.current.outstanding_limit = 15 * kUs;
  const KernelInfo k = t.kernel("free", 1000);
  t.predict(k, 10 * kUs);
  for (int i = 0; i < 4; ++i) t.launch(k);
  EXPECT_EQ(t.device.atoms.size(), 2u);  // one runs, ten microseconds behind it
}

// A piece longer than the limit follows the one before it without a gap, and not sooner than the limit before that one's end.
TEST(Borrowing, ALongPieceGoesOnceWhatIsBeforeItIsWithinTheLimit) {
  ExecutorUnderTest t;
  t.borrow(kLent);
  t.executor->add_queue(QueueId{1}, LaunchPath::inline_path);
  t.port.current.outstanding_limit = 15 * kUs;
  t.port.current.atom_length = 500 * kUs;
  const KernelInfo k = t.kernel("free", 1000);
  t.predict(k, 200 * kUs);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(t.executor->launch(QueueId{1}, k, t.now).ok());
  EXPECT_EQ(t.device.atoms.size(), 1u);
  EXPECT_EQ(t.executor->next_poke(), t.now + 185 * kUs);
  t.now += 184 * kUs;
  t.executor->poke(t.now);
  EXPECT_EQ(t.device.atoms.size(), 1u);
  t.now += kUs;
  t.executor->poke(t.now);
  EXPECT_EQ(t.device.atoms.size(), 2u);
  t.now += 100 * kUs;  // the first takes longer than predicted: what it still takes nobody knows, but one piece waits behind it already
  t.executor->poke(t.now);
  EXPECT_EQ(t.device.atoms.size(), 2u);
}

// A tenant with 12 TPCs of its own and 33 lent ones, whose program runs ahead of the GPU.
struct Owner : ExecutorUnderTest {
  Owner() : ExecutorUnderTest(LaunchPath::inline_path) {
    port.current.own = kHome;
    borrow(kLent);
    port.current.borrowed[2] = {};
    port.current.outstanding_limit = 5 * kUs;
    wide = kernel("free", 1000), narrow = kernel("free", 8);
    predict_scaling(wide, 10 * kUs), predict(narrow, 10 * kUs);
  }
  bool at_home(std::size_t atom) const { return kHome.contains(device.atoms[atom].tpcs); }
  void lender_is(Pressure level) { port.words[TenantId{9}] = {level, now}; }
  KernelInfo wide, narrow;
};

TEST(OwnersThatBorrow, WaitForTheirOwnWorkOnLentTpcsRatherThanCrawlAtHome) {
  Owner t;
  for (int i = 0; i < 3; ++i) t.launch(t.wide);
  ASSERT_EQ(t.device.atoms.size(), 1u);
  EXPECT_FALSE(t.at_home(0));
  t.now += 20 * kUs;
  t.complete(0);
  ASSERT_EQ(t.device.atoms.size(), 2u);
  EXPECT_FALSE(t.at_home(1));
}

TEST(OwnersThatBorrow, GoHomeWhereThatIsHardlySlower) {
  Owner t;
  for (int i = 0; i < 4; ++i) t.launch(t.narrow);
  ASSERT_EQ(t.device.atoms.size(), 4u) << "nothing waits";
}

// What one queue has lent out is nothing to another: that launch would begin at once.
TEST(OwnersThatBorrow, GoHomeWhereNothingOfTheQueueIsInFlight) {
  Owner t;
  t.executor->add_queue(QueueId{1}, LaunchPath::inline_path);
  for (int i = 0; i < 2; ++i) t.launch(t.wide);
  ASSERT_EQ(t.device.atoms.size(), 1u);
  ASSERT_TRUE(t.executor->launch(QueueId{1}, t.wide, t.now).ok());
  ASSERT_EQ(t.device.atoms.size(), 2u);
  EXPECT_TRUE(t.at_home(1));
}

TEST(OwnersThatBorrow, DoNotFillTheStreamAtHomeWhileTheLenderWorks) {
  Owner t;
  t.lender_is(Pressure::pressed);
  for (int i = 0; i < 5; ++i) t.launch(t.wide);
  ASSERT_EQ(t.device.atoms.size(), 1u) << "55 us at home are more than the limit";
  EXPECT_TRUE(t.at_home(0));
  t.lender_is(Pressure::idle);
  t.now += 55 * kUs;
  t.complete(0);
  ASSERT_GE(t.device.atoms.size(), 2u);
  EXPECT_FALSE(t.at_home(1));
}

TEST(OwnersThatBorrow, NeverWaitWhereNobodyEverLends) {
  Owner t;
  t.port.current.borrowed = {};
  t.port.current.lenders = 0;
  for (int i = 0; i < 5; ++i) t.launch(t.wide);
  EXPECT_EQ(t.device.atoms.size(), 5u);
}

TEST(OwnersThatBorrow, FlushedLaunchesDoNotWait) {
  Owner t;
  t.launch(t.wide);
  t.launch(t.wide);
  ASSERT_EQ(t.device.atoms.size(), 1u);
  t.executor->flush(QueueId{0}, t.now);
  EXPECT_EQ(t.device.atoms.size(), 2u);
}

TEST(Borrowing, LendersTolerateOnlySoMuch) {
  ExecutorUnderTest t;
  t.port.current.unowned = TpcSet::of(60);
  t.borrow(kLent);
  const KernelInfo k = t.kernel("free", 60);  // cannot be cut
  t.predict(k, 1'001 * kUs);
  t.launch(k);
  ASSERT_EQ(t.device.atoms.size(), 1u);
  EXPECT_EQ(t.device.atoms[0].tpcs, TpcSet::of(60));  // at home instead
}

TEST(Borrowing, EndsWithTheLease) {
  ExecutorUnderTest t;
  t.port.current.own = kHome;
  t.borrow(kLent);
  t.port.current.expires_at = t.now;
  const KernelInfo k = t.kernel("free", 1000);
  t.launch(k);
  EXPECT_EQ(t.device.atoms[0].tpcs, kHome);
}

TEST(Cutting, AtomsCoverTheGridInOrder) {
  ExecutorUnderTest t;
  t.borrow(kLent);
  t.port.current.atom_length = 250 * kUs;
  const KernelInfo k = t.kernel("free", 5'000, 8);
  t.predict(k, 2'000 * kUs);
  t.launch(k);
  std::uint32_t next = 0;
  for (std::size_t i = 0; i < t.device.atoms.size(); ++i) {
    const AtomSubmission atom = t.device.atoms[i];
    EXPECT_EQ(atom.first_block, next);
    EXPECT_TRUE(atom.cut);
    next += atom.block_count;
    if (next < k.blocks) { EXPECT_EQ(atom.block_count % 8, 0u); }
    t.now += 250 * kUs;
    t.complete(i);
  }
  EXPECT_EQ(next, k.blocks);
  EXPECT_GE(t.device.atoms.size(), 6u);
  EXPECT_LE(t.device.atoms.size(), 9u);
}

TEST(Cutting, OnlyOnBorrowedTpcsAndOnlyWhereItPays) {
  ExecutorUnderTest t;
  t.port.current.own = kHome;
  t.port.current.atom_length = 250 * kUs;
  const KernelInfo large = t.kernel("free", 5'000), tiny_blocks = t.kernel("free2", 4'000'000);
  t.predict(large, 2'000 * kUs);
  t.launch(large);
  EXPECT_FALSE(t.device.atoms[0].cut);  // its own TPCs
  ExecutorUnderTest u;
  u.borrow(kLent);
  u.port.current.atom_length = 250 * kUs;
  u.predict(tiny_blocks, 900 * kUs);    // early exit would take longer than the kernel
  u.launch(tiny_blocks);
  EXPECT_FALSE(u.device.atoms[0].cut);
  EXPECT_THAT(u.coverage(), testing::ElementsAre(Coverage::whole_dear));
}

TEST(CoResidency, WaitsForItsRightAndStarvesWithoutIt) {
  ExecutorUnderTest t;
  t.port.current.own = TpcSet::first(40);
  const KernelInfo k = t.kernel("unknown", 100);
  t.launch(k);
  t.now += Nanoseconds{300'000'000};
  t.executor->poke(t.now);
  EXPECT_TRUE(t.device.atoms.empty());  // no starvation breaks this rule
  t.port.current.generation = 2;
  t.port.current.co_resident = TpcSet::range(30, 60);
  t.executor->poke(t.now);
  ASSERT_EQ(t.device.atoms.size(), 1u);
  EXPECT_TRUE(TpcSet::range(30, 60).contains(t.device.atoms[0].tpcs));
  EXPECT_THAT(t.coverage(), testing::ElementsAre(Coverage::starved));
}

TEST(Starvation, AHeldLaunchRunsAtItsMinimum) {
  ExecutorUnderTest t;
  t.port.current.own = kHome;
  t.port.current.hold = true;
  const KernelInfo k = t.kernel("free", 1000);
  t.launch(k);
  EXPECT_LE(t.executor->next_poke(), t.now + Nanoseconds{200'000'000});
  t.now += Nanoseconds{200'000'000};
  t.executor->poke(t.now);
  ASSERT_EQ(t.device.atoms.size(), 1u);
}

TEST(Collectives, AreNeverHeldNorLimited) {
  ExecutorUnderTest t;
  t.port.current.own = kHome;
  t.port.current.hold = true;
  const KernelInfo nccl = t.kernel("nccl", 24);
  t.predict(nccl, 10'000 * kUs, 2);
  t.launch(nccl);
  t.launch(nccl);
  ASSERT_EQ(t.device.atoms.size(), 2u);
  EXPECT_EQ(t.device.atoms[0].tpcs, kHome);
}

TEST(Rate, SpacesLaunches) {
  ExecutorUnderTest t;
  t.port.current.own = kHome;
  t.port.current.launches_per_s = 10'000;
  const KernelInfo k = t.kernel("free", 100);
  t.predict(k, kUs);
  t.launch(k);
  t.launch(k);
  EXPECT_EQ(t.device.atoms.size(), 1u);
  EXPECT_EQ(t.executor->next_poke(), t.now + 100 * kUs);
  t.now += 100 * kUs;
  t.executor->poke(t.now);
  EXPECT_EQ(t.device.atoms.size(), 2u);
}

TEST(Flush, SubmitsEverythingWhateverTheLease) {
  ExecutorUnderTest t;
  t.port.current.own = kHome;
  t.port.current.hold = true;
  const KernelInfo k = t.kernel("free", 1000);
  for (int i = 0; i < 10; ++i) t.launch(k);
  t.executor->flush(QueueId{0}, t.now);
  EXPECT_EQ(t.device.atoms.size(), 10u);
  EXPECT_EQ(t.executor->waiting_launches(), 0u);
}

TEST(Graphs, MasksStayUntilTheTenantsTpcsChange) {
  ExecutorUnderTest t(LaunchPath::inline_path);
  t.port.current.own = kHome;
  t.borrow(kLent);
  const KernelInfo a = t.kernel("free", 1000), b = t.kernel("free2", 8);
  t.predict(a, kUs, 6);
  const GraphInfo graph = make_graph_info("g", {&a, &b});
  ASSERT_TRUE(t.executor->launch_graph(QueueId{0}, graph, t.now).ok());
  EXPECT_EQ(t.device.masks[0][0], TpcSet::first(6));  // right-sized, never borrowed
  EXPECT_EQ(t.device.masks[0][1], kHome);  // eight blocks: only a right-sizer's wish narrows a baked mask  // more hold no block of it
  t.predict(a, kUs, 3);
  ASSERT_TRUE(t.executor->launch_graph(QueueId{0}, graph, t.now).ok());
  EXPECT_EQ(t.device.masks[1], t.device.masks[0]);
  EXPECT_EQ(t.device.graphs[1].node_tpcs.data(), t.device.graphs[0].node_tpcs.data());
  t.port.current.own = TpcSet::range(8, 12);
  t.port.current.generation = 2;
  ASSERT_TRUE(t.executor->launch_graph(QueueId{0}, graph, t.now).ok());
  EXPECT_EQ(t.device.masks[2][0], TpcSet::range(8, 11));
}

// A small grid on a few TPCs: more than its blocks fill when packed, far fewer than all. That is a wish; exactly the packed number is none.
TEST(Graphs, ARightSizerMayGiveASmallGridMoreThanItsBlocksFill) {
  ExecutorUnderTest t(LaunchPath::inline_path);
  t.port.current.own = kHome;
  const KernelInfo small = t.kernel("free", 8);
  ASSERT_LT(small.useful_tpcs + 1, kHome.count());
  const GraphInfo wished = make_graph_info("g", {&small}), packed = make_graph_info("h", {&small});
  t.predict(small, kUs, small.useful_tpcs + 1);
  ASSERT_TRUE(t.executor->launch_graph(QueueId{0}, wished, t.now).ok());
  EXPECT_EQ(t.device.masks[0][0].count(), small.useful_tpcs + 1);
  t.predict(small, kUs, small.useful_tpcs);
  ASSERT_TRUE(t.executor->launch_graph(QueueId{0}, packed, t.now).ok());
  EXPECT_EQ(t.device.masks[1][0], kHome);
}

TEST(Graphs, HaveMasksOfTheirOwnForEachLimit) {
  ExecutorUnderTest t(LaunchPath::inline_path);
  t.port.current.own = kHome;
  const KernelInfo k = t.kernel("free", 1000);
  const GraphInfo graph = make_graph_info("g", {&k});
  for (const std::uint32_t limit : {0u, 4u, 0u, 4u}) {
    t.port.current.max_tpcs = limit;
    ++t.port.current.generation;
    ASSERT_TRUE(t.executor->launch_graph(QueueId{0}, graph, t.now).ok());
  }
  EXPECT_EQ(t.device.masks[0][0], kHome);
  EXPECT_EQ(t.device.masks[1][0], kHome.lowest(4));
  for (const std::size_t i : {2u, 3u}) EXPECT_EQ(t.device.graphs[i].node_tpcs.data(), t.device.graphs[i - 2].node_tpcs.data());
}

// Each launch of a graph is a request. Both sets of masks are kept: haste comes and goes, and nothing is baked again for it.
TEST(Graphs, HaveMasksOfTheirOwnForHaste) {
  ExecutorUnderTest t(LaunchPath::inline_path);
  t.port.current.own = kHome;
  const KernelInfo calm = t.kernel("free", 1000), hasty = t.kernel("free", 2000);
  t.predict(calm, 10 * kUs, 4);
  t.predict(hasty, 10 * kUs, 6);
  t.port.decisions[hasty.id].rush_after = 2;
  const GraphInfo graph = make_graph_info("g", {&calm, &hasty});
  for (int round = 0; round < 2; ++round) {
    t.now += 1'000 * kUs;
    for (int i = 0; i < 3; ++i) {
      const LaunchId id = t.executor->launch_graph(QueueId{0}, graph, t.now).value();
      t.now += 20 * kUs;
      t.executor->on_completed({TenantId{}, QueueId{0}, id, 0, 0, 2, t.now - Nanoseconds{1}, t.now}, t.now);
    }
  }
  ASSERT_EQ(t.device.masks.size(), 6u);
  for (const std::size_t i : {0u, 1u}) EXPECT_THAT(t.device.masks[i], testing::ElementsAre(kHome.lowest(4), kHome.lowest(6)));
  EXPECT_THAT(t.device.masks[2], testing::ElementsAre(kHome.lowest(4), kHome)) << "who is never in haste keeps its mask";
  for (const std::size_t i : {3u, 4u, 5u}) EXPECT_EQ(t.device.graphs[i].node_tpcs.data(), t.device.graphs[i - 3].node_tpcs.data());
}

TEST(Graphs, EndWithTheirLastNode) {
  ExecutorUnderTest t(LaunchPath::inline_path);
  t.port.current.own = kHome;
  const KernelInfo a = t.kernel("free", 1000);
  const GraphInfo graph = make_graph_info("g", {&a, &a});
  const LaunchId id = t.executor->launch_graph(QueueId{0}, graph, t.now).value();
  EXPECT_FALSE(t.executor->on_completed({{}, QueueId{0}, id, 0, 0, 1, t.now, t.now}, t.now));
  EXPECT_FALSE(t.executor->on_completed({{}, QueueId{0}, id, 0, 0, 1, t.now, t.now}, t.now));  // doubled
  EXPECT_TRUE(t.executor->on_completed({{}, QueueId{0}, id, 0, 0, 2, t.now, t.now}, t.now));
  EXPECT_EQ(t.executor->atoms_in_flight(), 0u);
}

TEST(Unmasked, SubmitsWholeAndAtOnce) {
  ExecutorUnderTest t;
  t.port.current.masked = false;
  const KernelInfo k = t.kernel("free", 5'000);
  for (int i = 0; i < 10; ++i) t.launch(k);
  ASSERT_EQ(t.device.atoms.size(), 10u);
  EXPECT_FALSE(t.device.atoms[0].masked);
  EXPECT_THAT(t.coverage(), testing::Each(Coverage::unmasked));
}

TEST(Unmasked, IsHeldAllTheSame) {
  ExecutorUnderTest t;
  t.port.current.masked = false;
  t.port.current.hold = true;
  const KernelInfo k = t.kernel("free", 5'000);
  t.launch(k);
  EXPECT_EQ(t.device.atoms.size(), 0u);
  t.port.current.hold = false;
  t.executor->poke(t.now);
  ASSERT_EQ(t.device.atoms.size(), 1u);
  EXPECT_FALSE(t.device.atoms[0].masked);
}

TEST(Unmasked, AtLowPriorityOutstandingWorkIsBounded) {
  ExecutorUnderTest t;
  t.port.current.masked = false;
  t.port.current.low_priority = true;
  t.port.current.outstanding_limit = Nanoseconds{300'000};  // one beyond the one that runs
  const KernelInfo k = t.kernel("free", 5'000);
  t.predict(k, Nanoseconds{200'000});
  for (int i = 0; i < 10; ++i) t.launch(k);
  ASSERT_EQ(t.device.atoms.size(), 2u);
  EXPECT_TRUE(t.device.atoms[0].low_priority);
  EXPECT_FALSE(t.device.atoms[0].masked);
}

TEST(Device, WithoutRoomIsTriedAgain) {
  ExecutorUnderTest t;
  t.port.current.own = kHome;
  const KernelInfo k = t.kernel("free", 100);
  t.device.answer = exhausted("full");
  t.launch(k);
  EXPECT_EQ(t.executor->waiting_launches(), 1u);
  t.device.answer = {};
  t.now = t.executor->next_poke();
  t.executor->poke(t.now);
  EXPECT_EQ(t.device.atoms.size(), 1u);
}

TEST(Completions, ALaterOneEndsWhatCameBefore) {
  ExecutorUnderTest t(LaunchPath::inline_path);
  t.port.current.own = kHome;
  const KernelInfo k = t.kernel("free", 100);
  for (int i = 0; i < 3; ++i) t.launch(k);
  t.complete(2);
  EXPECT_EQ(t.executor->atoms_in_flight(), 0u);
  t.complete(0);  // late
  EXPECT_EQ(t.executor->atoms_in_flight(), 0u);
}

}  // namespace
}  // namespace lithos::test
