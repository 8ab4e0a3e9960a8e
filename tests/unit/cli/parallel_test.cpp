// SPDX-License-Identifier: Apache-2.0
#include "cli/parallel.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

namespace lithos {
namespace {

TEST(Parallel, DoesEveryPieceOnce) {
  std::vector<int> done(1000, 0);
  for_each_in_parallel(done.size(), 0, [&done](std::size_t piece) { ++done[piece]; });
  EXPECT_EQ(done, std::vector<int>(1000, 1));
}

TEST(Parallel, NeverMoreThanJobsAtOnce) {
  std::atomic<int> running{0};
  std::atomic<bool> more{false};
  for_each_in_parallel(1000, 2, [&](std::size_t) {
    if (running.fetch_add(1) >= 2) more = true;
    running.fetch_sub(1);
  });
  EXPECT_FALSE(more);
}

}  // namespace
}  // namespace lithos
