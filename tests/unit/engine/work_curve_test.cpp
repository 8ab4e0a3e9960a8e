// SPDX-License-Identifier: Apache-2.0
// What the scheduler is told of how a tenant's recent work scales (lithos_tenant_view.work_slowdown).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <set>
#include <string>

#include "unit/engine/support.hpp"

namespace lithos {
namespace {

using namespace test;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::DoubleNear;

// A tenant whose kernels take, by prediction, 100 µs on the whole GPU: one that divides at will, and one that does not scale at all.
class WorkSlowdown : public ::testing::Test {
 protected:
  void SetUp() override {
    t_ = std::make_unique<EngineUnderTest>();
    divides_ = t_->kernel("free_divides", 5000);
    narrow_ = t_->kernel("free_narrow", 4000);
    script.predict = [this](const lithos_predict_query* query, lithos_prediction* out) {
      const std::uint64_t ns = query->op.op_id == value_of(narrow_.id) ? 100'000 : 100'000 * 66 / query->tpcs;
      *out = {ns, ns, 1};
      return LITHOS_OK;
    };
    script.decide = [this](const lithos_sched_view* view, lithos_sched_answer*) {
      if (told_[0] == 0 && view->tenant[0].work_slowdown[0] != 0) first_told_why_ = view->why;
      for (unsigned point = 0; point < told_.size(); ++point) told_[point] = view->tenant[0].work_slowdown[point];
      return LITHOS_OK;
    };
    tenant_ = t_->join(spec("a", TenantClass::latency_critical, 66));
    t_->engine->register_kernel(tenant_, divides_, t_->now);
    t_->engine->register_kernel(tenant_, narrow_, t_->now);
  }
  // So much work by prediction.
  void run(const KernelInfo& kernel, int milliseconds) {
    for (int i = 0; i < milliseconds * 10; ++i) {
      t_->submitted(tenant_, kernel, ++launch_);
      t_->now += Nanoseconds{100'000};
      t_->completed(tenant_, kernel, launch_);
    }
    t_->run_until(t_->now + kMs);
  }
  // The same as a graph of one node.
  void run_as_graph(const KernelInfo& kernel, int milliseconds) {
    const GraphInfo& graph = graphs_.emplace_back(make_graph_info("graph", {&kernel}));
    t_->engine->register_graph(tenant_, graph, t_->now);
    for (int i = 0; i < milliseconds * 10; ++i) {
      Record record = t_->record(RecordKind::submitted, tenant_, kernel, ++launch_);
      record.op = graph.id;
      t_->engine->on_record(record, t_->now);
      t_->now += Nanoseconds{100'000};
      record = t_->record(RecordKind::completed, tenant_, kernel, launch_);
      record.op = graph.id;
      record.node = 1;
      record.last = true;
      t_->engine->on_record(record, t_->now);
    }
    t_->run_until(t_->now + kMs);
  }
  static auto near(double value) { return ::testing::DoubleNear(value, 0.01); }

  const KernelInfo& make(const std::string& name, std::uint32_t blocks, std::uint32_t cluster = 1) {
    return kernels_.emplace_back(t_->kernel(name, blocks, cluster));
  }

  std::deque<KernelInfo> kernels_;  // the engine keeps pointers to them
  std::deque<GraphInfo> graphs_;
  std::unique_ptr<EngineUnderTest> t_;
  KernelInfo divides_, narrow_;
  TenantId tenant_{};
  std::uint64_t launch_ = 0;
  std::array<double, 4> told_{};
  std::uint32_t first_told_why_ = 0;
};

TEST_F(WorkSlowdown, IsUnknownUntilAQuarterSecondOfWorkAndThenToldAtOnce) {
  run(divides_, 240);
  EXPECT_THAT(told_, Each(0.0));
  run(divides_, 20);
  EXPECT_THAT(told_, ElementsAre(near(66.0 / 17), near(2), near(66.0 / 50), near(1)));
  EXPECT_EQ(first_told_why_, LITHOS_WHY_TENANTS) << "not when the engine asks anyway, some time later";
}

TEST_F(WorkSlowdown, IsThatOfItsTimeNotOfItsLaunches) {
  run(narrow_, 150);
  run(divides_, 110);
  // The last word came after 250 ms: 150 that do not scale, 100 that do.
  EXPECT_THAT(told_, ElementsAre(near((1.5 + 66.0 / 17) / 2.5), near((1.5 + 2) / 2.5), near((1.5 + 1.32) / 2.5), near(1)));
}

TEST_F(WorkSlowdown, FollowsWhatTheTenantDoesNow) {
  run(narrow_, 1'000);
  EXPECT_THAT(told_, Each(near(1)));
  run(divides_, 250);
  EXPECT_GT(told_[1], 1.4);
  run(divides_, 1'250);
  EXPECT_GT(told_[1], 1.95);
}

// On three quarters it has all that its right-sizer wants.
TEST_F(WorkSlowdown, CountsFromWhatTheRightSizerWants) {
  script.choose = [](const lithos_size_query* query, lithos_size* out) {
    *out = {std::min(query->tpcs, 50u), {0}, 1.3};
    return LITHOS_OK;
  };
  run(divides_, 300);
  EXPECT_THAT(told_, ElementsAre(near(50.0 / 17), near(50.0 / 33), near(1), near(1)));
}

// Launched one by one it is confined to the ten TPCs that hold its blocks; in a graph nobody confines it until its right-sizer does.
TEST_F(WorkSlowdown, OfASmallKernelIsOfWhatItGets) {
  const KernelInfo& small = make("free_small", 150);
  ASSERT_EQ(small.useful_tpcs, 10u);
  t_->engine->register_kernel(tenant_, small, t_->now);
  run(small, 4'000);  // ten times as long as on the whole GPU
  EXPECT_THAT(told_, Each(near(1)));
  run_as_graph(small, 8'000);
  EXPECT_THAT(told_, ElementsAre(near(66.0 / 17), near(2), near(66.0 / 50), near(1)));
}

// A cluster never runs on the TPCs that no GPC owns: what it would take on all is no time of its.
TEST_F(WorkSlowdown, OfClustersIsOfTheTpcsThatTheyReach) {
  const KernelInfo& clusters = make("free_clusters", 4096, 4);
  script.predict = [](const lithos_predict_query* query, lithos_prediction* out) {
    const std::uint64_t ns = query->tpcs > 62 ? 50'000 : 100'000;  // a wave less, had it those
    *out = {ns, ns, 1};
    return LITHOS_OK;
  };
  run_as_graph(clusters, 300);
  EXPECT_THAT(told_, Each(near(1)));
}

// Between the points of a narrower span a prediction is a guess; a sum of such guesses flatters few TPCs or many.
TEST_F(WorkSlowdown, IsOfPredictionsForThoseTpcs) {
  const KernelInfo& medium = make("free_medium", 640);
  ASSERT_EQ(medium.useful_tpcs, 40u);
  std::set<std::uint32_t> asked;
  script.predict = [&](const lithos_predict_query* query, lithos_prediction* out) {
    asked.insert(query->tpcs);
    const std::uint64_t ns = query->tpcs <= 10 ? 900'000 : 100'000;
    *out = {ns, ns, 1};
    return LITHOS_OK;
  };
  t_->engine->register_kernel(tenant_, medium, t_->now);
  run(medium, 300);
  EXPECT_THAT(told_, Each(near(1)));
  EXPECT_THAT(asked, ElementsAre(10, 17, 20, 30, 33, 40)) << "never more than hold a block of it";
}

}  // namespace
}  // namespace lithos
