// SPDX-License-Identifier: Apache-2.0
// What predictors and right-sizers remember of operators, against the plain way to compute it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <lithos/operator_memory.hpp>
#include <map>
#include <utility>
#include <vector>

#include "property/dice.hpp"

namespace lithos {
namespace {

const ScalingCurve::Shape kShape{100'000, 32, 2, 66};

// Few different durations, so that equal ones meet, falling and rising ones, and fewer than are kept.
TEST(RecentDurations, HasTheMedianAndTheLongestOfTheLastEight) {
  test::Dice dice(7);
  for (int run = 0; run < 50; ++run) {
    RecentDurations recent;
    std::vector<float> all;
    for (int i = 0; i < 60; ++i) {
      all.push_back(static_cast<float>(1 + dice.below(run % 2 == 0 ? 5 : 1000)));
      recent.add(all.back());
      std::vector<float> last(all.end() - std::min<std::ptrdiff_t>(8, std::ssize(all)), all.end());
      std::sort(last.begin(), last.end());
      ASSERT_EQ(recent.size(), last.size());
      ASSERT_EQ(recent.median(), last[(last.size() - 1) / 2]) << "run " << run << ", duration " << i;
      ASSERT_GE(recent.high(), last.back());
    }
  }
}

TEST(RecentDurations, ScalesAsAWhole) {
  RecentDurations recent;
  for (const float ns : {3.0f, 1.0f, 2.0f}) recent.add(ns);
  recent.scale(10);
  EXPECT_EQ(recent.median(), 20);
  EXPECT_EQ(recent.high(), 30);
  recent.add(5);
  EXPECT_EQ(recent.median(), 10);
}

// Against a sorted vector, from 1 to the most TPCs of any device, asked up to far beyond them.
TEST(RisingCounts, AreASortedListOfSix) {
  test::Dice dice(5);
  RisingCounts counts;
  std::vector<std::uint32_t> truth;
  for (int step = 0; step < 20'000; ++step) {
    const auto below = [&](std::uint32_t tpcs) {
      return static_cast<unsigned>(std::lower_bound(truth.begin(), truth.end(), tpcs) - truth.begin());
    };
    const std::uint32_t tpcs = 1 + dice.below(LITHOS_TPCS_MAX);
    if (truth.size() < RisingCounts::kMost && dice.below(2) == 0) {
      const unsigned at = below(tpcs);
      counts.insert(at, tpcs);
      truth.insert(truth.begin() + at, tpcs);
    } else if (!truth.empty()) {
      const unsigned at = dice.below(static_cast<std::uint32_t>(truth.size()));
      counts.erase(at);
      truth.erase(truth.begin() + at);
    }
    for (unsigned i = 0; i < truth.size(); ++i) ASSERT_EQ(counts[i], truth[i]) << step;
    for (const std::uint32_t asked : {1u, tpcs - 1, tpcs, tpcs + 1, LITHOS_TPCS_MAX, 510u})
      ASSERT_EQ(counts.below(asked), below(asked)) << "step " << step << ", " << asked;
    for (const std::uint32_t asked : {511u, 512u, 1024u, ~0u}) ASSERT_EQ(counts.below(asked), truth.size());
  }
}

TEST(OperatorTimes, FindsTheNearestCountInRatio) {
  test::Dice dice(11);
  for (int run = 0; run < 100; ++run) {
    OperatorTimes times;
    std::vector<std::uint32_t> counts;
    while (counts.size() < 1 + dice.below(6)) {
      const auto tpcs = static_cast<std::uint32_t>(1 + dice.below(66));
      if (std::find(counts.begin(), counts.end(), tpcs) == counts.end())
        counts.push_back(tpcs), times.add(kShape, tpcs, 1e6f);
    }
    for (std::uint32_t asked = 1; asked <= 80; ++asked) {
      double least = 1e9;
      for (const double count : counts) least = std::min(least, std::abs(std::log(count / asked)));
      ASSERT_NEAR(std::abs(std::log(static_cast<double>(times.nearest(asked).tpcs) / asked)), least, 1e-12) << asked;
    }
    ASSERT_EQ(times.fewest(), *std::min_element(counts.begin(), counts.end()));
    ASSERT_EQ(times.most(), *std::max_element(counts.begin(), counts.end()));
  }
}

// The curve is drawn when it is asked for: it must know what was observed since.
TEST(OperatorTimes, TheCurveFollowsObservationsAndScales) {
  OperatorTimes times;
  for (const std::uint32_t tpcs : {66u, 33u, 16u}) times.add(kShape, tpcs, 66e6f / static_cast<float>(tpcs));
  EXPECT_NEAR(times.curve().ns(33), 2e6, 10);
  for (int i = 0; i < 8; ++i) times.add(kShape, 33, 3e6f);
  EXPECT_NEAR(times.curve().ns(33), 3e6, 10);
  times.scale(2);
  EXPECT_NEAR(times.curve().ns(33), 6e6, 20);
}

// Seven counts, room for six: of two that lie close together the one not seen for longer goes, and the others keep their times.
TEST(OperatorTimes, GivesUpOneOfTwoCountsThatLieClose) {
  OperatorTimes times;
  for (const std::uint32_t tpcs : {64u, 62u, 32u, 16u, 8u, 4u})
    times.add(kShape, tpcs, static_cast<float>(1000 * tpcs));
  times.add(kShape, 64, 64'000);
  times.add(kShape, 2, 2000);
  EXPECT_EQ(times.counts(), 6u);
  EXPECT_EQ(times.find(62), nullptr);
  for (const std::uint32_t tpcs : {64u, 32u, 16u, 8u, 4u, 2u}) {
    ASSERT_NE(times.find(tpcs), nullptr) << tpcs;
    EXPECT_EQ(times.find(tpcs)->median(), static_cast<float>(1000 * tpcs));
  }
}

// Keys that differ in one part only: whatever the table compares first, it must not take one for another.
// Where a further count would say most, and only while there is room for one.
TEST(OperatorTimes, KnowsTheGapBelowACount) {
  OperatorTimes times;
  const auto gap = [&](std::uint32_t tpcs) { return std::pair{times.gap_below(tpcs).from, times.gap_below(tpcs).half_way}; };
  EXPECT_EQ(gap(66).second, 0u) << "nothing seen";
  times.add(kShape, 66, 100.0f);
  EXPECT_EQ(gap(66).second, 0u) << "none fewer";
  times.add(kShape, 40, 150.0f);
  EXPECT_EQ(gap(66), std::pair(66u, 53u));
  EXPECT_EQ(gap(50), std::pair(66u, 53u)) << "itself not seen";
  EXPECT_EQ(gap(70), std::pair(66u, 53u)) << "above all";
  EXPECT_EQ(gap(40).second, 0u);
  times.add(kShape, 53, 110.0f);
  EXPECT_EQ(gap(66), std::pair(66u, 60u));
  EXPECT_EQ(gap(53), std::pair(53u, 47u));
  for (const std::uint32_t tpcs : {8u, 16u, 24u}) times.add(kShape, tpcs, 500.0f);
  EXPECT_EQ(gap(66).second, 0u) << "as many as it remembers";
}

TEST(BoundedTable, TellsLikeKeysApart) {
  test::Dice dice(3);
  BoundedTable<std::uint64_t> table(4096);
  std::map<std::uint64_t, std::uint64_t> truth;
  for (unsigned bit = 0; bit < 64; ++bit)
    for (const std::uint64_t base : {std::uint64_t{1}, ~std::uint64_t{0}, std::uint64_t{0x0123456789abcdef}}) {
      const std::uint64_t key = base ^ std::uint64_t{1} << bit;
      if (key == 0 || table.find(key) != nullptr) continue;
      table.get(key) = truth[key] = dice.below(1'000'000);
    }
  std::size_t kept = 0;
  for (const auto& [key, value] : truth) {
    const std::uint64_t* found = table.find(key);
    if (found == nullptr) continue;
    ASSERT_EQ(*found, value);
    ++kept;
  }
  EXPECT_GT(kept, 30u);  // many of these share a set
  std::size_t shown = 0;
  table.for_each([&](std::uint64_t) { ++shown; });
  EXPECT_EQ(shown, kept);
}

}  // namespace
}  // namespace lithos
