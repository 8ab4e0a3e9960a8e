// SPDX-License-Identifier: Apache-2.0
// The class of an operator, memory-bound or compute-bound: learnt from how it scales, taken from a profile, and of a graph that of the
// kernel that runs in it.
#include <gtest/gtest.h>

#include "engine/scaling.hpp"
#include "unit/engine/support.hpp"

namespace lithos {
namespace {

using namespace test;

TEST(Scaling, LearnsTheClassFromTwoWidths) {
  ScalingEstimate compute, memory;
  EXPECT_EQ(compute.bound(), LITHOS_BOUND_UNKNOWN);
  for (int i = 0; i < 8; ++i) {
    compute.add(66, Nanoseconds{100'000}, 66);
    memory.add(66, Nanoseconds{100'000}, 66);
  }
  EXPECT_EQ(compute.bound(), LITHOS_BOUND_UNKNOWN) << "one width says nothing";
  compute.add(22, Nanoseconds{270'000}, 66);  // nearly three times on a third
  memory.add(22, Nanoseconds{120'000}, 66);
  EXPECT_EQ(compute.bound(), LITHOS_BOUND_COMPUTE);
  EXPECT_EQ(memory.bound(), LITHOS_BOUND_MEMORY);
}

TEST(Scaling, NeighbouringWidthsSayNothing) {
  ScalingEstimate scaling;
  scaling.add(40, Nanoseconds{100'000}, 66);
  scaling.add(55, Nanoseconds{50'000}, 66);
  EXPECT_EQ(scaling.bound(), LITHOS_BOUND_UNKNOWN);
}

TEST(Bound, OfAGraphIsThatOfTheKernelThatRuns) {
  EngineUnderTest test;
  const TenantId hp = test.join(spec("hp", TenantClass::latency_critical, 66));
  KernelInfo copies = test.kernel("copies", 600), multiplies = test.kernel("multiplies", 700);
  copies.bound = LITHOS_BOUND_MEMORY;
  multiplies.bound = LITHOS_BOUND_COMPUTE;
  const GraphInfo graph = make_graph_info("graph", {&copies, &multiplies});
  test.engine->register_graph(hp, graph, test.now);
  std::uint32_t shown = 99;
  script.decide = [&](const lithos_sched_view* view, lithos_sched_answer*) {
    shown = view->tenant[0].running.op.bound;
    return LITHOS_OK;
  };
  const auto decide = [&] {
    test.now += Nanoseconds{20'000'000};
    test.engine->on_timer(test.now);
    return shown;
  };
  Record launch = test.record(RecordKind::submitted, hp, copies, 1);
  launch.op = graph.id;
  test.engine->on_record(launch, test.now);
  EXPECT_EQ(decide(), LITHOS_BOUND_MEMORY);
  Record node = test.record(RecordKind::completed, hp, copies, 1);
  node.op = graph.id;
  node.node = 1;
  test.engine->on_record(node, test.now);
  EXPECT_EQ(decide(), LITHOS_BOUND_COMPUTE);
}

TEST(Operators, ReportsWhatRan) {
  EngineUnderTest test;
  const TenantId hp = test.join(spec("hp", TenantClass::latency_critical, 66));
  const KernelInfo kernel = test.kernel("work", 600);
  test.engine->register_kernel(hp, kernel, test.now);
  test.now += Nanoseconds{1'000'000};
  test.submitted(hp, kernel, 1);
  test.completed(hp, kernel, 1);
  const std::vector<OperatorReport> operators = test.engine->operators(hp);
  ASSERT_EQ(operators.size(), 1u);
  EXPECT_EQ(operators[0].name, "work");
  EXPECT_EQ(operators[0].totals.launches, 1u);
  EXPECT_EQ(operators[0].totals.ns, 100'000u);
  EXPECT_EQ(operators[0].totals.tpc_ns, 1'000'000u);
}

}  // namespace
}  // namespace lithos
