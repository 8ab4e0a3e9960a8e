// SPDX-License-Identifier: Apache-2.0
// Operators whose launches do different work: told apart by what they follow, where that helps.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "unit/engine/support.hpp"

namespace lithos::test {
namespace {

constexpr Nanoseconds kShort{22'000}, kLong{68'000};

class Kinds : public ::testing::Test {
 protected:
  Kinds() {
    for (unsigned i = 0; i < 12; ++i) before.push_back(t.kernel("free before " + std::to_string(i), 5000));
    tenant = t.join(spec("a", TenantClass::throughput, 20));
    other = t.join(spec("b", TenantClass::throughput, 20));
    t.engine->register_kernel(tenant, gemm, t.now);
    t.engine->register_kernel(other, gemm, t.now);
    // What was seen last, and fewer TPCs for what is short.
    script.observe = [this](const lithos_observation* seen) { last[seen->op.op_id] = seen->duration_ns; };
    script.predict = [this](const lithos_predict_query* query, lithos_prediction* out) {
      asked.insert(query->op.op_id);
      const std::uint64_t ns = last.count(query->op.op_id) == 0 ? 100'000 : last[query->op.op_id];
      *out = {ns, ns, 1};
      return LITHOS_OK;
    };
    script.choose = [this](const lithos_size_query* query, lithos_size* out) {
      const bool is_short = last.count(query->op.op_id) != 0 && last[query->op.op_id] == to_u64(kShort);
      *out = {is_short ? 5u : query->tpcs, 0, 1};
      return LITHOS_OK;
    };
  }
  // One launch of `gemm` that took so long; nobody else runs.
  void launch(LaunchContext after, Nanoseconds took, std::uint32_t tpcs = 20) {
    ++launches;
    Record record = t.record(RecordKind::submitted, tenant, gemm, launches);
    record.context = after;
    record.tpcs = TpcSet::first(tpcs);
    t.engine->on_record(record, t.now);
    t.now += took;
    record = t.record(RecordKind::completed, tenant, gemm, launches);
    record.context = after;
    record.tpcs = TpcSet::first(tpcs);
    record.started = t.now - took;
    t.engine->on_record(record, t.now);
  }
  LaunchContext after(unsigned i) const { return context_of(before[i].id); }
  // As BERT's layers have it.
  void layers(unsigned n) {
    for (unsigned i = 0; i < n; ++i) {
      for (unsigned k = 0; k < 3; ++k) launch(after(k), kShort);
      launch(after(3), kLong);
    }
  }
  const OperatorDecision& decided() { return t.out.decisions[gemm.id]; }
  const OperatorDecision* decided(LaunchContext context) {
    const auto found = t.out.decisions.find(kind_of(gemm.id, context));
    return found == t.out.decisions.end() ? nullptr : &found->second;
  }

  EngineUnderTest t;
  const KernelInfo gemm = t.kernel("free gemm", 5000);
  std::vector<KernelInfo> before;
  TenantId tenant{}, other{};
  std::uint64_t launches = 0;
  std::map<std::uint64_t, std::uint64_t> last;
  std::set<std::uint64_t> asked;
};

TEST_F(Kinds, EachHasItsOwnPredictionAndSize) {
  layers(20);
  EXPECT_TRUE(decided().mixed);
  for (unsigned k = 0; k < 4; ++k) {
    ASSERT_NE(decided(after(k)), nullptr) << k;
    EXPECT_EQ(decided(after(k))->predicted(20), k < 3 ? kShort : kLong) << k;
    EXPECT_EQ(decided(after(k))->tpcs, k < 3 ? 5u : 0u) << k;
    EXPECT_FALSE(decided(after(k))->mixed);
  }
  EXPECT_EQ(t.engine->counters().bad_records, 0u);
}

TEST_F(Kinds, TheEngineItselfExpectsOfALaunchWhatItsKindTakes) {
  layers(20);
  Nanoseconds predicted{0};
  script.decide = [&](const lithos_sched_view* view, lithos_sched_answer*) {
    predicted = from_u64(view->tenant[0].head.predicted_ns);
    return LITHOS_OK;
  };
  for (const auto& [k, takes] : {std::pair{0u, kShort}, std::pair{3u, kLong}}) {
    Record queued = t.record(RecordKind::queued, tenant, gemm, ++launches);
    queued.context = after(k);
    t.engine->on_record(queued, t.now);
    t.run_until(t.now + Nanoseconds{20'000'000});
    EXPECT_EQ(predicted, takes);
    Record idle = t.record(RecordKind::pressure, tenant, gemm, 0);
    idle.pressure = Pressure::idle;
    t.engine->on_record(idle, t.now);
  }
}

TEST_F(Kinds, SteadyShortAndContendedOperatorsHaveNone) {
  std::minstd_rand dice;
  for (unsigned i = 0; i < 400; ++i) launch(after(i % 4), Nanoseconds{22'000 + static_cast<int>(dice() % 2200)});
  EXPECT_FALSE(decided().mixed) << "five percent either way";
  for (unsigned i = 0; i < 400; ++i) launch(after(i % 4), i % 100 == 0 ? 10 * kLong : kShort);
  EXPECT_FALSE(decided().mixed) << "a stall now and then";
  t.run_until(t.now + Nanoseconds{1'000'000});
  Record beside = t.record(RecordKind::submitted, other, gemm, 1);
  beside.tpcs = TpcSet::range(20, 40);
  t.engine->on_record(beside, t.now);
  for (unsigned i = 0; i < 400; ++i) launch(after(i % 4), i % 4 == 3 ? kLong : kShort);
  EXPECT_FALSE(decided().mixed) << "beside another tenant";
  EXPECT_EQ(decided(after(3)), nullptr);
}

TEST_F(Kinds, WhatIsTooShortToMatterHasNone) {
  for (unsigned i = 0; i < 400; ++i) launch(after(i % 4), Nanoseconds{i % 4 == 3 ? 6'000 : 2'000});
  EXPECT_FALSE(decided().mixed);
}

TEST_F(Kinds, AreGivenUpWhereTheyTellNothing) {
  std::minstd_rand dice;
  bool was_mixed = false;
  for (unsigned i = 0; i < 1'000; ++i) {
    launch(after(static_cast<unsigned>(dice() / 7) % 4), dice() / 7 % 2 == 0 ? kShort : kLong);
    was_mixed |= decided().mixed;
  }
  EXPECT_TRUE(was_mixed);
  EXPECT_FALSE(decided().mixed);
  const int published = t.out.decision_count;
  std::set<std::uint64_t> plain;
  asked.clear();
  layers(1'000);
  EXPECT_FALSE(decided().mixed) << "for a long while";
  EXPECT_EQ(asked, std::set<std::uint64_t>{value_of(gemm.id)});
  EXPECT_GT(t.out.decision_count, published) << "the operator is learnt as a whole again";
}

TEST_F(Kinds, EndWhenTheLaunchesAreAlikeAgain) {
  layers(20);
  ASSERT_TRUE(decided().mixed);
  for (unsigned i = 0; i < 400; ++i) launch(after(i % 4), kShort);
  EXPECT_FALSE(decided().mixed);
  layers(20);
  EXPECT_TRUE(decided().mixed);
}

TEST_F(Kinds, AreBounded) {
  for (unsigned i = 0; i < 400; ++i) launch(after(i % 12), i % 2 == 0 ? kShort : kLong);
  ASSERT_TRUE(decided().mixed);
  unsigned kinds = 0;
  for (unsigned k = 0; k < 12; ++k) kinds += decided(after(k)) != nullptr;
  EXPECT_EQ(kinds, 8u);
  EXPECT_EQ(t.engine->operators(tenant).size(), 1u + 8u);
  EXPECT_EQ(t.engine->counters().bad_records, 0u);
}

TEST_F(Kinds, NobodyIsAskedAboutOneBeforeItIsSeen) {
  layers(20);
  Record announced = t.record(RecordKind::submitted, tenant, gemm, ++launches);
  announced.context = after(7);
  t.engine->on_record(announced, t.now);
  auto next = std::move(PolicySet::from_tables(all_tables(), gpu_info(t.gpu, 0))).value();
  t.engine->set_policies(*next, t.now);
  t.run_until(t.now + Nanoseconds{10'000'000});
  EXPECT_TRUE(asked.contains(value_of(kind_of(gemm.id, after(3)))));
  EXPECT_FALSE(asked.contains(value_of(kind_of(gemm.id, after(7)))));
  EXPECT_EQ(decided(after(7)), nullptr);
}

// A tenant's word for what came before is the tenant's: it can have the operator mixed, not more.
TEST_F(Kinds, AreOfOneTenantAlone) {
  layers(20);
  Record theirs = t.record(RecordKind::completed, other, gemm, 1);
  theirs.context = after(3);
  t.engine->on_record(theirs, t.now);
  EXPECT_EQ(t.engine->operators(other).size(), 1u);
}

TEST_F(Kinds, GoOnAfterOtherTpcCounts) {
  layers(10);
  for (unsigned i = 0; i < 4; ++i) launch(after(i), 2 * kLong, 10);
  EXPECT_TRUE(decided().mixed);
  for (unsigned i = 0; i < 40; ++i)
    for (unsigned k = 0; k < 4; ++k) launch(after(k), (k == 3 ? 2 : 1) * kLong, 10);
  EXPECT_TRUE(decided().mixed);
}

}  // namespace
}  // namespace lithos::test
