// SPDX-License-Identifier: Apache-2.0
// The SDK's test kit: does it show a policy what a host would?
#include <gtest/gtest.h>

#include <filesystem>

#include "lithos/policy.hpp"
#include "lithos/testing/expect.hpp"
#include "lithos/testing/fake_host.hpp"
#include "lithos/testing/policy_under_test.hpp"
#include "lithos/testing/trace.hpp"
#include "lithos/testing/view_builder.hpp"
#include "test_paths.hpp"

namespace {

using lithos::testing::Answer;
using lithos::testing::FakeGpu;
using lithos::testing::FakeHost;
using lithos::testing::ViewBuilder;

TEST(SdkTesting, QuotasAreDisjointAndOwned) {
  ViewBuilder machine(66);
  machine.latency_critical("web", 40).idle();
  machine.throughput("train", 20).active();
  machine.best_effort("batch").pressed().waits(1000).waits(500);
  const lithos_sched_view& view = *machine.c();
  ASSERT_EQ(view.tenants, 3u);
  EXPECT_FALSE(lithos::TpcSet(view.tenant[0].own).overlaps(view.tenant[1].own));
  EXPECT_EQ(lithos::TpcSet(view.unowned).count(), 6u);
  EXPECT_EQ(view.tpc[0].owner, 0u);
  EXPECT_EQ(view.tpc[40].owner, 1u);
  EXPECT_EQ(view.tpc[65].owner, LITHOS_NOBODY);
  EXPECT_EQ(view.tenant[2].queued_launches, 2u);
  EXPECT_EQ(view.tenant[2].queued_ns, 1500u);
  EXPECT_STREQ(view.tenant[1].name, "train");
  EXPECT_THROW(machine.latency_critical("more", 7), std::invalid_argument);
}

TEST(SdkTesting, WhoLeavesGivesTpcsBackAndOthersMoveUp) {
  ViewBuilder machine(66);
  machine.latency_critical("web", 40);
  machine.throughput("train", 20);
  machine.remove("web");
  const lithos_sched_view& view = *machine.c();
  ASSERT_EQ(view.tenants, 1u);
  EXPECT_EQ(view.tenant[0].tenant_id, 2u);
  EXPECT_EQ(view.tpc[40].owner, 0u);
  EXPECT_EQ(view.tpc[0].owner, LITHOS_NOBODY);
  EXPECT_EQ(machine.unowned().count(), 46u);
}

TEST(SdkTesting, AnswersArePresetAsTheHostPresetsThem) {
  ViewBuilder machine(66);
  machine.latency_critical("web", 40);
  machine.best_effort("batch");
  const Answer answer(machine);
  EXPECT_EQ(lithos::TpcSet(answer.lease("web").usable[0]).count(), 40u);
  EXPECT_EQ(lithos::TpcSet(answer.lease("batch").usable[2]).count(), 26u);
  EXPECT_TRUE(answer.borrowed("web", LITHOS_PRESSURE_IDLE).empty());
}

TEST(SdkTesting, TheHostRecordsWhatIsSaid) {
  FakeHost fake;
  const lithos::Host host(fake.c());
  host.warning("look");
  host.fail("broken");
  host.add(2, 3);
  host.add(2);
  host.set(1, 7);
  ASSERT_EQ(fake.lines().size(), 1u);
  EXPECT_EQ(fake.lines()[0].text, "look");
  EXPECT_EQ(fake.failure(), "broken");
  EXPECT_EQ(fake.failures(), 1u);
  EXPECT_EQ(fake.counter(2), 4);
  EXPECT_EQ(fake.gauge(1), 7);
  const FakeHost silent(FakeHost::Offers::nothing);
  lithos::Host(silent.c()).info("nobody hears");
}

TEST(SdkTesting, TheGpuHasClocksHighestFirst) {
  const FakeGpu fake(66);
  const lithos::Gpu gpu(*fake.c());
  EXPECT_EQ(gpu.max_clock_mhz(), 1980u);
  EXPECT_EQ(gpu.clocks_mhz().back(), 345u);
  EXPECT_EQ(gpu.gpc_of(65), 7u);
}

TEST(SdkTesting, EveryShippedTraceCanBeRead) {
  for (const auto& entry : std::filesystem::directory_iterator(LITHOS_SOURCE_DIR "/configs/traces")) {
    if (entry.path().extension() != ".csv") continue;
    const auto kernels = lithos::testing::read_trace(entry.path().string());
    EXPECT_FALSE(kernels.empty()) << entry.path();
    for (const auto& kernel : kernels) {
      EXPECT_GT(kernel.op.blocks, 0u);
      EXPECT_GT(kernel.op.blocks_per_tpc, 0u);
      EXPECT_NE(kernel.op.op_id, 0u);
    }
  }
  EXPECT_THROW(lithos::testing::read_trace("nowhere.csv"), std::runtime_error);
}

TEST(SdkTesting, TimesBetweenMeasuredPointsComeFromTheNextWider) {
  lithos::testing::TraceKernel kernel;
  kernel.measured = {{66, 100}, {16, 300}, {4, 900}};
  EXPECT_EQ(kernel.time_ns(66), 100u);
  EXPECT_EQ(kernel.time_ns(40), 100u);
  EXPECT_EQ(kernel.time_ns(10), 300u);
  EXPECT_EQ(kernel.time_ns(4), 900u);
  EXPECT_EQ(kernel.time_ns(2), 1800u);
}

}  // namespace
