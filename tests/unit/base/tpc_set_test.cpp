// SPDX-License-Identifier: Apache-2.0
#include "base/tpc_set.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <vector>

namespace lithos {
namespace {

std::vector<unsigned> members(const TpcSet& set) {
  std::vector<unsigned> out;
  set.for_each([&](unsigned tpc) { out.push_back(tpc); });
  return out;
}

TEST(TpcSet, StartsEmpty) {
  const TpcSet set;
  EXPECT_TRUE(set.empty());
  EXPECT_EQ(set.count(), 0u);
  EXPECT_TRUE(members(set).empty());
}

TEST(TpcSet, FirstCountsAcrossWordBoundaries) {
  for (const unsigned count : {0u, 1u, 63u, 64u, 65u, 66u, 127u, 128u, 192u, 255u, 256u}) {
    const TpcSet set = TpcSet::first(count);
    EXPECT_EQ(set.count(), count);
    if (count > 0) {
      EXPECT_TRUE(set.has(count - 1));
    }
    if (count < TpcSet::kMaxTpcs) {
      EXPECT_FALSE(set.has(count));
    }
  }
}

TEST(TpcSet, FirstNeverExceedsItsRoom) { EXPECT_EQ(TpcSet::first(1000).count(), TpcSet::kMaxTpcs); }

TEST(TpcSet, RangeIsHalfOpen) {
  EXPECT_EQ(members(TpcSet::range(62, 66)), (std::vector<unsigned>{62, 63, 64, 65}));
  EXPECT_TRUE(TpcSet::range(5, 5).empty());
  EXPECT_TRUE(TpcSet::range(9, 5).empty());
}

TEST(TpcSet, LowestKeepsTheFirstMembers) {
  TpcSet set;
  for (const unsigned tpc : {3u, 64u, 70u, 200u}) set.add(tpc);
  EXPECT_TRUE(set.lowest(0).empty());
  EXPECT_EQ(members(set.lowest(2)), (std::vector<unsigned>{3, 64}));
  EXPECT_EQ(members(set.lowest(3)), (std::vector<unsigned>{3, 64, 70}));
  EXPECT_EQ(set.lowest(4), set);
  EXPECT_EQ(set.lowest(99), set);
}

TEST(TpcSet, ContainsAndOverlapsTreatTheEmptySetAsASet) {
  const TpcSet some = TpcSet::range(10, 20);
  EXPECT_TRUE(some.contains(TpcSet{}));
  EXPECT_FALSE(some.overlaps(TpcSet{}));
  EXPECT_TRUE(some.contains(TpcSet::of(10)));
  EXPECT_FALSE(some.contains(TpcSet::range(19, 21)));
  EXPECT_TRUE(some.overlaps(TpcSet::range(19, 21)));
}

TEST(TpcSet, SurvivesAWordRoundTrip) {
  const TpcSet set = TpcSet::range(40, 130) | TpcSet::of(255);
  EXPECT_EQ(TpcSet::from_words(set.words()), set);
}

// Against std::set, over random operations from a printed seed.
TEST(TpcSet, BehavesLikeASetOfNumbers) {
  constexpr unsigned kSeed = 20261;
  SCOPED_TRACE(kSeed);
  std::mt19937 random(kSeed);
  for (int round = 0; round < 200; ++round) {
    TpcSet a, b;
    std::set<unsigned> model_a, model_b;
    for (int i = 0; i < 60; ++i) {
      const unsigned tpc = random() % TpcSet::kMaxTpcs;
      if (random() % 2) { a.add(tpc); model_a.insert(tpc); }
      else { b.add(tpc); model_b.insert(tpc); }
      const unsigned gone = random() % TpcSet::kMaxTpcs;
      a.remove(gone);
      model_a.erase(gone);
    }
    std::set<unsigned> united = model_a, common, rest;
    united.insert(model_b.begin(), model_b.end());
    for (const unsigned tpc : model_a) (model_b.count(tpc) ? common : rest).insert(tpc);
    const auto list = [](const std::set<unsigned>& set) { return std::vector<unsigned>(set.begin(), set.end()); };
    EXPECT_EQ(members(a | b), list(united));
    EXPECT_EQ(members(a & b), list(common));
    EXPECT_EQ(members(a - b), list(rest));
    EXPECT_EQ(a.count(), model_a.size());
    EXPECT_EQ(a.overlaps(b), !common.empty());
    EXPECT_EQ(a.contains(b), common.size() == model_b.size());
  }
}

}  // namespace
}  // namespace lithos
