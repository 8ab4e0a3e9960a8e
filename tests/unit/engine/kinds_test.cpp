// SPDX-License-Identifier: Apache-2.0
// Operators whose launches do different work: told apart by what they follow, where that helps.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <random>
#include <set>

#include "lithos/testing/trace.hpp"
#include "test_paths.hpp"
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
  for (unsigned i = 0; i < 1'200; ++i) launch(after(i % 4), kShort);
  EXPECT_FALSE(decided().mixed);
  layers(100);
  EXPECT_TRUE(decided().mixed);
}

// Longer requests: the kinds are as far apart as before, and no launch is what was typical of its kind.
TEST_F(Kinds, OutliveAChangeOfAllLaunches) {
  layers(100);
  ASSERT_TRUE(decided().mixed);
  for (unsigned i = 0; i < 1'000; ++i) {
    launch(after(i % 4), (i % 4 == 3 ? kLong : kShort) * 2);
    ASSERT_TRUE(decided().mixed) << i;
  }
  EXPECT_EQ(decided(after(3))->predicted(20), 2 * kLong);
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

// A model's launches one by one, as they were recorded on an H200, again and again: how far off what is published about them is, as a share of
// the time, once it is known.
double error_of(const std::string& model, bool say_what_came_before) {
  EngineUnderTest t;
  const TenantId tenant = t.join(spec("model", TenantClass::latency_critical, 66));
  std::map<std::uint64_t, std::vector<std::uint64_t>> seen;
  script.observe = [&](const lithos_observation* o) { seen[o->op.op_id].push_back(o->duration_ns); };
  script.predict = [&](const lithos_predict_query* query, lithos_prediction* out) {
    std::vector<std::uint64_t>& all = seen[query->op.op_id];
    std::vector<std::uint64_t> recent(all.end() - std::min<std::ptrdiff_t>(8, std::ssize(all)), all.end());
    std::sort(recent.begin(), recent.end());
    const std::uint64_t ns = recent.empty() ? 100'000 : recent[recent.size() / 2];
    *out = {ns, ns, 1};
    return LITHOS_OK;
  };
  const auto rows = lithos::testing::read_trace(LITHOS_SOURCE_DIR "/configs/traces/" + model + ".csv");
  std::map<std::uint64_t, KernelInfo> kernels;
  for (const auto& row : rows) {
    KernelInfo& kernel = kernels.try_emplace(row.op.op_id, t.kernel("free", row.op.blocks)).first->second;
    kernel.id = OperatorId{row.op.op_id};
    t.engine->register_kernel(tenant, kernel, t.now);
  }
  double off = 0, all = 0;
  std::uint64_t launch = 0;
  LaunchContext before = 0;
  constexpr unsigned kPasses = 12;
  for (unsigned pass = 0; pass < kPasses; ++pass) {
    for (const auto& row : rows) {
      const KernelInfo& kernel = kernels.at(row.op.op_id);
      const LaunchContext context = say_what_came_before ? before : LaunchContext{0};
      const OperatorDecision* decision = &t.out.decisions[kernel.id];
      const auto kind = t.out.decisions.find(kind_of(kernel.id, context));
      if (decision->mixed && context != 0 && kind != t.out.decisions.end()) decision = &kind->second;
      const auto ns = static_cast<double>(row.time_ns(66));
      if (pass + 1 == kPasses) off += std::abs(static_cast<double>(decision->predicted(66).count()) - ns), all += ns;
      Record record = t.record(RecordKind::submitted, tenant, kernel, ++launch);
      record.tpcs = t.gpu.all();
      record.context = context;
      t.engine->on_record(record, t.now);
      record.kind = RecordKind::completed;
      record.started = t.now;
      record.at = t.now += Nanoseconds{static_cast<std::int64_t>(ns)};
      record.sequence = ++t.sequence[value_of(tenant)];
      t.engine->on_record(record, t.now);
      before = context_of(kernel.id);
    }
  }
  return off / all;
}

TEST(KindsOfRecordedModels, ArePredictedMuchBetter) {
  for (const char* model : {"bert_large_infer_b8_s384", "llama8b_prefill_b1_s512", "llama8l_prefill_b8_s2048", "gpt2_medium_train_b16_s1024"}) {
    const double one_for_all = error_of(model, false), by_kind = error_of(model, true);
    std::printf("%-28s off by %4.1f %% of its time with one decision for all launches of an operator, %4.1f %% by kind\n", model,
                100 * one_for_all, 100 * by_kind);
    EXPECT_LT(by_kind, 0.05) << model;
    EXPECT_LT(by_kind, 0.5 * one_for_all) << model;
  }
}

// Where an operator's launches scatter without a reason that one could see, nothing is lost.
TEST(KindsOfRecordedModels, DoNoHarm) {
  for (const char* model : {"resnet50_infer_b16", "mobilenet_v2_train_b64", "resnet50_train_b64", "llama8b_decode_b1_kv512"}) {
    EXPECT_LE(error_of(model, true), 1.01 * error_of(model, false)) << model;
  }
}

}  // namespace
}  // namespace lithos::test
