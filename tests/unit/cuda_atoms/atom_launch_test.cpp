// SPDX-License-Identifier: Apache-2.0
#include "cuda/atoms/atom_launch.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>

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

// A Hopper descriptor of a kernel at 0x7f0000001000 with 4 registers and 10 × 20 × 1 blocks (GPU.md §2).
struct HopperDescriptor {
  HopperDescriptor() {
    bytes[72] = 0x40;
    for (unsigned axis = 0; axis < 3; ++axis) view().set_grid(axis, (std::array{10u, 20u, 1u})[axis]);
    view().set_program(0x7f0000001000);
    view().set_registers(4);
  }
  Descriptor view() { return Descriptor::of(bytes.data()); }
  std::array<std::uint8_t, kDescriptorBytes> bytes{};
};

AtomPlan plan_of_rows_5_to_11() {
  static const PreludeImage image = image_of_hopper();
  AtomPlan plan;
  EXPECT_EQ(plan_atom({{10, 20, 1}, {1, 1, 1}, {50, 70}, 0x7f0000001000}, {&image, {0, 0x7f0000aa0000}}, plan),
            NoAtom::planned);
  return plan;
}

TEST(Apply, ChangesGridProgramRegistersAndBank) {
  HopperDescriptor whole;
  Descriptor d = whole.view();
  ASSERT_EQ(apply_atom(plan_of_rows_5_to_11(), 0x7f0000bb0040, d), NoAtom::planned);
  EXPECT_EQ(d.grid(), (Dims{10, 12, 1}));
  EXPECT_EQ(d.program(), 0x7f0000aa0000u);
  EXPECT_EQ(d.registers(), 8u);
  EXPECT_EQ(d.bank_state(6), kBankValidInvalidate);
  EXPECT_EQ(d.bank_address(6), 0x7f0000bb0040u);
  EXPECT_EQ(d.bank_bytes(6), 64u);
  // The words that ran: docs/design/hardware.md §2.
  std::uint64_t entry;
  std::memcpy(&entry, whole.bytes.data() + 192 + 8 * 6, sizeof entry);
  EXPECT_EQ(entry, 0x7f0000bb0040u >> 6 | 4ull << 51);
}

TEST(Apply, LeavesOtherLaunchesAlone) {
  const AtomPlan plan = plan_of_rows_5_to_11();
  for (int what = 0; what < 3; ++what) {
    HopperDescriptor other;
    Descriptor d = other.view();
    if (what == 0) d.set_program(0x7f0000002000);
    if (what == 1) d.set_grid(1, 11);
    if (what == 2) d.set_bank(6, kBankValid, 0x1000, 256);
    const auto before = other.bytes;
    EXPECT_EQ(apply_atom(plan, 0x40, d), what == 2 ? NoAtom::bank_taken : NoAtom::other_launch);
    EXPECT_EQ(other.bytes, before);
  }
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
