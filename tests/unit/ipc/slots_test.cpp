// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <vector>

#include "ipc/completion_slots.hpp"

namespace lithos::ipc {
namespace {

TEST(RunPool, HandsOutEverySlotOnce) {
  RunPool pool(8);
  std::vector<bool> taken(8, false);
  for (int i = 0; i < 4; ++i) {
    const std::uint32_t first = pool.take(2);
    ASSERT_NE(first, RunPool::kNone);
    for (std::uint32_t s = first; s < first + 2; ++s) {
      ASSERT_FALSE(taken[s]);
      taken[s] = true;
    }
  }
  EXPECT_EQ(pool.take(1), RunPool::kNone);
}

TEST(RunPool, FindsARunAmongHoles) {
  RunPool pool(8);
  for (std::uint32_t i = 0; i < 8; ++i) ASSERT_EQ(pool.take(1), i);
  for (const std::uint32_t hole : {0u, 2u, 3u, 4u, 6u}) pool.give_back(hole, 1);
  EXPECT_EQ(pool.take(3), 2u);
  EXPECT_EQ(pool.take(2), RunPool::kNone);
  EXPECT_EQ(pool.taken(), 6u);
}

TEST(RunPool, RefusesWhatCanNeverFit) {
  RunPool pool(8);
  EXPECT_EQ(pool.take(0), RunPool::kNone);
  EXPECT_EQ(pool.take(9), RunPool::kNone);
  EXPECT_EQ(pool.take(8), 0u);
}

TEST(CompletionSlot, AnOldGenerationIsNoNews) {
  CompletionSlot slot{};
  write_completion(slot, 4, Nanoseconds{1}, Nanoseconds{2}, false);
  EXPECT_TRUE(has_completed(slot, 4));
  EXPECT_FALSE(has_completed(slot, 5));
  EXPECT_EQ(slot.completed_ns, 2u);
}

}  // namespace
}  // namespace lithos::ipc
