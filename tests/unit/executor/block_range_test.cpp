// SPDX-License-Identifier: Apache-2.0
// Ranges against a machine that starts blocks one by one and tests each as the prelude does.
#include "executor/block_range.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "property/dice.hpp"

namespace lithos::test {
namespace {

struct Launch {
  Dim3 grid, cluster;
};

std::uint32_t extent(const Dim3& dim, BlockTest axis) {
  return axis == BlockTest::x ? dim.x : axis == BlockTest::y ? dim.y : dim.z;
}

// prelude.cu: whether this block stays.
bool stays(const AtomBox& box, const Dim3& block) {
  if (!box.tested) return true;
  if (box.test == BlockTest::any) return block_key(block) >= box.first && block_key(block) < box.end;
  return extent(block, box.test) >= static_cast<std::uint32_t>(box.first);
}

// The number of a block: cluster by cluster, x fastest.
std::uint32_t number_of(const Launch& launch, const Dim3& cluster_at, std::uint32_t rank) {
  const Dim3 clusters{launch.grid.x / launch.cluster.x, launch.grid.y / launch.cluster.y,
                      launch.grid.z / launch.cluster.z};
  const std::uint64_t cluster =
      cluster_at.x + std::uint64_t{clusters.x} * (cluster_at.y + std::uint64_t{clusters.y} * cluster_at.z);
  return static_cast<std::uint32_t>(cluster * launch.cluster.total() + rank);
}

// Numbers of the blocks that run, in the order in which they start.
std::vector<std::uint32_t> run(const Launch& launch, const AtomBox& box) {
  std::vector<std::uint32_t> ran;
  std::uint32_t started = 0;
  Dim3 at;
  for (at.z = 0; at.z < box.grid.z; ++at.z)
    for (at.y = 0; at.y < box.grid.y; ++at.y)
      for (at.x = 0; at.x < box.grid.x; ++at.x)
        for (std::uint32_t rank = 0; rank < launch.cluster.total(); ++rank, ++started) {
          const std::uint32_t row = rank / launch.cluster.x;
          const Dim3 block{at.x * launch.cluster.x + rank % launch.cluster.x,
                           at.y * launch.cluster.y + row % launch.cluster.y,
                           at.z * launch.cluster.z + row / launch.cluster.y};
          if (stays(box, block)) ran.push_back(number_of(launch, at, rank));
        }
  EXPECT_EQ(started, box.started);
  return ran;
}

Launch random_launch(Dice& dice) {
  Launch launch;
  const std::uint32_t axes = dice.between(1, 3);
  if (dice.chance(40))
    launch.cluster = {dice.between(1, 4), axes > 1 && dice.chance(30) ? dice.between(1, 2) : 1,
                      axes > 2 && dice.chance(30) ? 2u : 1u};
  launch.grid = {dice.between(1, axes == 1 ? 400 : 20), axes > 1 ? dice.between(1, 12) : 1,
                 axes > 2 ? dice.between(1, 8) : 1};
  launch.grid = {launch.grid.x * launch.cluster.x, launch.grid.y * launch.cluster.y, launch.grid.z * launch.cluster.z};
  return launch;
}

std::vector<BlockRange> random_cuts(Dice& dice, const Launch& launch) {
  const auto blocks = static_cast<std::uint32_t>(launch.grid.total());
  std::vector<BlockRange> ranges;
  for (std::uint32_t first = 0; first < blocks;) {
    const std::uint32_t wished = dice.between(1, std::max(blocks / dice.between(1, 64), 1u));
    const std::uint32_t granule = cut_granule(launch.grid, launch.cluster, wished);
    EXPECT_EQ(blocks % granule, 0u);
    const std::uint32_t end = std::min(std::max((first + wished) / granule, first / granule + 1) * granule, blocks);
    ranges.push_back({first, end - first});
    first = end;
  }
  return ranges;
}

TEST(BlockRange, EveryBlockRunsOnceInIncreasingOrder) {
  for (std::uint64_t seed = 1; seed <= 3'000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Dice dice(seed);
    const Launch launch = random_launch(dice);
    std::uint32_t next = 0;
    for (const BlockRange& range : random_cuts(dice, launch)) {
      const auto box = box_of(launch.grid, launch.cluster, range);
      ASSERT_TRUE(box) << range.first << " + " << range.count;
      for (const std::uint32_t block : run(launch, *box)) ASSERT_EQ(block, next++);
      ASSERT_EQ(next, range.end());
      ASSERT_EQ(skipped_blocks(launch.grid, launch.cluster, range), box->started - range.count);
    }
    ASSERT_EQ(next, launch.grid.total());
  }
}

TEST(BlockRange, OneDimensionStartsNothingBehindTheAtom) {
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    Dice dice(seed);
    const Dim3 grid{dice.between(1, 2'000'000'000), 1, 1};
    const std::uint32_t first = dice.below(grid.x), count = dice.between(1, grid.x - first);
    const auto box = box_of(grid, {}, {first, count});
    ASSERT_TRUE(box) << "seed " << seed;
    EXPECT_EQ(box->grid, (Dim3{first + count, 1, 1})) << "seed " << seed;
    EXPECT_EQ(box->tested, first > 0);
    EXPECT_EQ(box->test, BlockTest::x);
  }
}

TEST(BlockRange, RowsAndPlanesAreTestedOnOneAxis) {
  const auto rows = box_of({100, 50, 1}, {}, {1'000, 2'000});
  ASSERT_TRUE(rows);
  EXPECT_EQ(rows->test, BlockTest::y);
  EXPECT_EQ(rows->first, 10u);
  EXPECT_EQ(rows->grid, (Dim3{100, 30, 1}));
  const auto planes = box_of({10, 5, 20}, {}, {100, 150});
  ASSERT_TRUE(planes);
  EXPECT_EQ(planes->test, BlockTest::z);
  EXPECT_EQ(planes->first, 2u);
  EXPECT_EQ(planes->grid, (Dim3{10, 5, 5}));
}

// The descriptor of a cluster launch counts clusters, blocks are tested as blocks.
TEST(BlockRange, ClustersAreKeptWhole) {
  const auto box = box_of({64, 6, 1}, {2, 3, 1}, {192, 192});
  ASSERT_TRUE(box);
  EXPECT_EQ(box->grid, (Dim3{32, 2, 1}));
  EXPECT_EQ(box->first, 3u);
  EXPECT_FALSE(box_of({64, 6, 1}, {2, 3, 1}, {190, 194}));  // through clusters
  EXPECT_FALSE(box_of({64, 6, 1}, {2, 3, 1}, {6, 12}));     // inside a row of clusters of two rows
  EXPECT_EQ(cut_granule({64, 6, 1}, {2, 3, 1}, 6), 192u);
  EXPECT_EQ(cut_granule({64, 6, 1}, {2, 1, 1}, 6), 2u);
}

TEST(BlockRange, WhatIsNoRangeIsRefused) {
  EXPECT_FALSE(box_of({10, 1, 1}, {}, {0, 0}));
  EXPECT_FALSE(box_of({10, 1, 1}, {}, {5, 6}));
  EXPECT_FALSE(box_of({10, 1, 1}, {}, {0xffff'fff0u, 0x20u}));
  EXPECT_FALSE(box_of({10, 1, 1}, {3, 1, 1}, {0, 3}));  // no such launch
  EXPECT_FALSE(box_of({0, 1, 1}, {}, {0, 1}));
  EXPECT_FALSE(box_of({10, 1, 1}, {0, 1, 1}, {0, 1}));
  EXPECT_FALSE(box_of({0x7fff'ffffu, 65'535, 65'535}, {}, {0, 1}));  // more blocks than can be numbered
}

}  // namespace
}  // namespace lithos::test
