// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "ipc/operator_table.hpp"
#include "unit/ipc/support.hpp"

namespace lithos::ipc {
namespace {

OperatorDecision decision_number(std::uint32_t n) {
  OperatorDecision decision;
  for (Nanoseconds& at : decision.predicted_at) at = Nanoseconds{n};
  decision.tpcs = n;
  decision.rush_after = n;
  decision.span_tpcs = n;
  decision.confidence = n;
  return decision;
}

TEST(OperatorTable, FindsWhatWasDecidedAndItsChanges) {
  testing::PrivateArea area;
  OperatorTableWriter writer(*area);
  OperatorTableReader reader(*area);
  EXPECT_EQ(reader.find(OperatorId{5}), nullptr);
  EXPECT_EQ(reader.find(OperatorId{0}), nullptr);
  ASSERT_TRUE(writer.publish(OperatorId{5}, decision_number(1)));
  const OperatorDecision* found = reader.find(OperatorId{5});
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->tpcs, 1u);
  EXPECT_EQ(found->rush_after, 1u);
  ASSERT_TRUE(writer.publish(OperatorId{5}, decision_number(2)));
  EXPECT_EQ(reader.find(OperatorId{5}), found);
  EXPECT_EQ(found->tpcs, 2u);
}

TEST(OperatorTable, RefusesWhenFullAndKeepsTheRest) {
  testing::PrivateArea area;
  OperatorTableWriter writer(*area);
  OperatorTableReader reader(*area);
  std::uint32_t held = 0;
  for (std::uint32_t op = 1; op <= kOperators + 10; ++op)
    held += writer.publish(OperatorId{op * 77777777u}, decision_number(op));
  EXPECT_EQ(held, kOperators * 7 / 8);
  for (std::uint32_t op = 1; op <= held; ++op) {
    const OperatorDecision* found = reader.find(OperatorId{op * 77777777u});
    ASSERT_NE(found, nullptr);
    ASSERT_EQ(found->tpcs, op);
  }
  EXPECT_EQ(reader.find(OperatorId{(held + 1) * 77777777u}), nullptr);
}

TEST(OperatorTable, ReadersNeverSeeATornDecision) {
  testing::PrivateArea area;
  OperatorTableWriter writer(*area);
  std::atomic<bool> stop = false;
  std::atomic<int> seen = 0;
  std::thread reading([&] {
    OperatorTableReader reader(*area);
    while (!stop) {
      const OperatorDecision* found = reader.find(OperatorId{9});
      if (found == nullptr) continue;
      // Goes on though it has failed: the writer waits for so many looks.
      for (const Nanoseconds at : found->predicted_at) EXPECT_EQ(at.count(), found->tpcs);
      EXPECT_EQ(found->span_tpcs, found->tpcs);
      ++seen;
    }
  });
  for (std::uint32_t n = 1; seen < 2000; ++n) ASSERT_TRUE(writer.publish(OperatorId{9}, decision_number(n)));
  stop = true;
  reading.join();
}

TEST(OperatorTable, ADamagedTableEndsEverySearch) {
  testing::PrivateArea area;
  std::memset(area->operators, 0xff, sizeof area->operators);  // no free entry, odd versions
  OperatorTableReader reader(*area);
  EXPECT_EQ(reader.find(OperatorId{1}), nullptr);
  EXPECT_EQ(reader.find(OperatorId{~std::uint64_t{0}}), nullptr);
}

}  // namespace
}  // namespace lithos::ipc
