// SPDX-License-Identifier: Apache-2.0
#include "cuda/atoms/atom_launch.hpp"

#include <gtest/gtest.h>

namespace lithos::cuda {
namespace {

PreludeImage image_of_hopper() {
  PreludeImage image;
  image.sm = 90;
  for (std::size_t kind = 0; kind < kPreludeKinds; ++kind)
    image.preludes[kind] = {static_cast<BlockTest>(kind), "k", 0, 384, 0, 8, 6, 16, 9};
  return image;
}

TEST(Plan, TheFirstAtomNeedsOnlyTruncation) {
  AtomPlan plan;
  EXPECT_EQ(plan_atom({{1000, 1, 1}, {1, 1, 1}, {0, 600}}, {}, plan), NoAtom::planned);
  EXPECT_EQ(plan.grid, (Dim3{600, 1, 1}));
  EXPECT_FALSE(plan.redirected);
}

TEST(Plan, LaterAtomsGoThroughThePreludeOfTheirAxis) {
  const PreludeImage image = image_of_hopper();
  const LoadedPreludes loaded{&image, {0x100, 0x200, 0x300, 0x400}};
  AtomPlan plan;
  EXPECT_EQ(plan_atom({{10, 20, 1}, {1, 1, 1}, {50, 70}, 0xabc}, loaded, plan), NoAtom::planned);
  EXPECT_EQ(plan.grid, (Dim3{10, 12, 1}));
  EXPECT_TRUE(plan.redirected);
  EXPECT_EQ(plan.program, 0x200u);
  EXPECT_EQ(plan.slot.first, 5u);
  EXPECT_EQ(plan.slot.entry, 0xabcu);
  EXPECT_EQ(plan.registers, 8u);
  EXPECT_EQ(plan.constant_bank, 6u);
}

TEST(Plan, IsRefusedForAReason) {
  const PreludeImage image = image_of_hopper();
  const LoadedPreludes loaded{&image, {0, 0x200, 0x300, 0x400}};
  AtomPlan plan;
  const AtomRequest later{{1000, 1, 1}, {1, 1, 1}, {600, 400}, 0xabc};
  EXPECT_EQ(plan_atom(later, {}, plan), NoAtom::no_prelude);
  EXPECT_EQ(plan_atom(later, loaded, plan), NoAtom::address_unknown);
  EXPECT_EQ(plan_atom({{1000, 1, 1}, {2, 1, 1}, {601, 399}, 0xabc}, loaded, plan), NoAtom::not_a_range);
}

TEST(Plan, CanBeForced) {
  const PreludeImage image = image_of_hopper();
  AtomPlan plan;
  EXPECT_EQ(plan_atom({{1000, 1, 1}, {1, 1, 1}, {0, 1000}, 0xabc, true}, {&image, {0x100}}, plan), NoAtom::planned);
  EXPECT_TRUE(plan.redirected);
  EXPECT_EQ(plan.slot.first, 0u);
}

}  // namespace
}  // namespace lithos::cuda
