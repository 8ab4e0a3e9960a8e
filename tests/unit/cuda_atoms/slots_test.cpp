// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <deque>
#include <set>

#include "cuda/atoms/atom_slots.hpp"
#include "cuda/atoms/entry_address.hpp"
#include "property/dice.hpp"

namespace lithos::cuda {
namespace {

TEST(Slots, BelongToOneAtomUntilItsCompletion) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    lithos::test::Dice dice(seed);
    std::vector<AtomSlot> memory(dice.between(1, 20));
    AtomSlots slots(memory);
    std::deque<std::pair<SlotUse, std::uint64_t>> flying;  // use, what it must read
    std::vector<SlotUse> over;
    std::set<std::uint64_t> generations;
    for (std::uint64_t step = 1; step <= 300; ++step) {
      const AtomSlot content{step, step * 3, step * 7};
      if (dice.chance(55)) {
        const auto use = slots.take(content);
        ASSERT_EQ(use.has_value(), flying.size() < memory.size());
        if (!use) continue;
        ASSERT_TRUE(generations.insert(use->generation).second);
        flying.push_back({*use, step});
      } else if (!flying.empty()) {
        const std::size_t i = dice.below(static_cast<std::uint32_t>(flying.size()));
        ASSERT_TRUE(slots.release(flying[i].first));
        over.push_back(flying[i].first);
        flying.erase(flying.begin() + static_cast<std::ptrdiff_t>(i));
      }
      if (!over.empty()) { ASSERT_FALSE(slots.release(over[dice.below(static_cast<std::uint32_t>(over.size()))])); }
      ASSERT_EQ(slots.in_use(), flying.size());
      for (const auto& [use, value] : flying) ASSERT_EQ(memory[use.index].entry, value * 3);
    }
  }
}

TEST(Slots, NonsenseFreesNothing) {
  std::vector<AtomSlot> memory(2);
  AtomSlots slots(memory);
  EXPECT_FALSE(slots.release({0, 0}));
  EXPECT_FALSE(slots.release({7, 1}));
  ASSERT_TRUE(slots.take({}));
  EXPECT_EQ(slots.in_use(), 1u);
}

TEST(EntryAddress, IsBelievedWhenSeenTwice) {
  EntryAddress entry;
  entry.saw(0);
  EXPECT_EQ(entry.trusted(), 0u);
  entry.saw(0x1000);
  EXPECT_EQ(entry.trusted(), 0u);
  entry.saw(0x1000);
  EXPECT_EQ(entry.trusted(), 0x1000u);
}

TEST(EntryAddress, IsNeverBelievedAgainAfterAContradiction) {
  EntryAddress entry;
  entry.saw(0x1000);
  entry.saw(0x2000);
  entry.saw(0x2000);
  entry.saw(0x2000);
  EXPECT_EQ(entry.trusted(), 0u);
  EXPECT_TRUE(entry.contradicted());
  entry.forget();
  entry.saw(0x2000);
  entry.saw(0x2000);
  EXPECT_EQ(entry.trusted(), 0x2000u);
  entry.saw(0x1000);  // later, too
  EXPECT_EQ(entry.trusted(), 0u);
}

}  // namespace
}  // namespace lithos::cuda
