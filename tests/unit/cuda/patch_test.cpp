// SPDX-License-Identifier: Apache-2.0
// What the callback may do to a descriptor: cases from the hardware, then properties over random ones.
#include <gtest/gtest.h>

#include "unit/cuda/descriptors.hpp"
#include "unit/cuda/patch_properties.hpp"

namespace lithos::cuda {
namespace {

using testing::Bytes;

const DescriptorLayout& hopper() { return all_layouts()[1]; }
MaskGeometry geometry() { return MaskGeometry(testing::h200()); }

PatchWish confine_to(const TpcSet& tpcs, unsigned blocks_per_tpc = 2) {
  PatchWish wish;
  wish.mask = true;
  wish.enabled = geometry().bits_of(tpcs);
  wish.blocks_per_tpc = blocks_per_tpc;
  return wish;
}

struct Case {
  explicit Case(unsigned index)
      : what(testing::recorded()[index]), descriptor(testing::write(bytes, what, hopper(), 5)) {}
  testing::Recorded what;
  Bytes bytes;
  Descriptor descriptor;
};

TEST(Patch, ConfinesALaunchToTheTpcsAsked) {
  Case of(1);
  const PatchOutcome outcome = apply(of.descriptor, confine_to(TpcSet::range(10, 30)), geometry());
  EXPECT_EQ(outcome.mask, MaskOutcome::masked);
  EXPECT_EQ(outcome.tpcs, 20);
  EXPECT_TRUE(of.descriptor.mask_valid());
  MaskBits on;
  for (unsigned word = 0; word < 4; ++word) on.words[word] = ~of.descriptor.mask_word(word);
  EXPECT_EQ(on, geometry().bits_of(TpcSet::range(10, 30)));
}

TEST(Patch, TheDriversOwnMaskStays) {
  Case of(3);  // wide clusters: the driver switched the four singles off
  const PatchOutcome outcome = apply(of.descriptor, confine_to(TpcSet::range(52, 66)), geometry());
  EXPECT_EQ(outcome.mask, MaskOutcome::masked);
  EXPECT_EQ(outcome.tpcs, 10);  // 52 of GPC 6 and all nine of GPC 7; 62 … 65 are the singles
  for (unsigned bit = 72; bit < 128; ++bit) EXPECT_NE(of.descriptor.mask_word(bit / 32) >> (bit % 32) & 1u, 0u) << bit;
}

// GPU.md §3: "An empty mask, or enabling only absent bits, hangs for ever."
TEST(Patch, NeverLeavesALaunchWithoutTpcs) {
  for (const TpcSet& tpcs : {TpcSet{}, TpcSet::range(62, 66)}) {
    Case of(3);
    const Bytes before = of.bytes;
    EXPECT_EQ(apply(of.descriptor, confine_to(tpcs), geometry()).mask, MaskOutcome::too_few);
    EXPECT_EQ(of.bytes, before);
  }
  Case of(1);
  PatchWish holes;
  holes.mask = true;
  holes.enabled.add(4);  // a hole of the map
  holes.enabled.add(127);
  EXPECT_EQ(apply(of.descriptor, holes, geometry()).mask, MaskOutcome::too_few);
}

// The cuDNN kernel that hung on 4 TPCs: clusters of 2 x 8, one block per SM, so 8 TPCs of one GPC.
TEST(Patch, AClusterNeedsRoomInOneGpc) {
  Case of(3);
  EXPECT_EQ(apply(of.descriptor, confine_to(TpcSet::first(4)), geometry()).mask, MaskOutcome::no_cluster);
  // Sixteen TPCs, but no GPC has eight of them.
  TpcSet spread;
  for (unsigned gpc = 0; gpc < 8; ++gpc) spread |= testing::h200().gpc(gpc).lowest(2);
  EXPECT_EQ(apply(of.descriptor, confine_to(spread), geometry()).mask, MaskOutcome::no_cluster);
  EXPECT_EQ(apply(of.descriptor, confine_to(testing::h200().gpc(1)), geometry()).mask, MaskOutcome::masked);
  Case smaller(3);
  EXPECT_EQ(apply(smaller.descriptor, confine_to(TpcSet::first(4), 8), geometry()).mask, MaskOutcome::masked);
}

// hardware.md §4: clusters of two run on the TPCs without a GPC, natively and under a mask of nothing else.
TEST(Patch, ClustersOfATpcsWidthNeedNoGpc) {
  Case of(2);
  const PatchOutcome outcome = apply(of.descriptor, confine_to(TpcSet::range(62, 66)), geometry());
  EXPECT_EQ(outcome.mask, MaskOutcome::masked);
  EXPECT_EQ(outcome.tpcs, 4);
}

// hardware.md §5: a cooperative grid that fills the chip, confined to 32 TPCs, is accepted and hangs for ever.
TEST(Patch, BlocksThatMustBeResidentTogetherGetRoomForAll) {
  Case of(4);  // 264 blocks
  const Bytes before = of.bytes;
  EXPECT_EQ(apply(of.descriptor, confine_to(TpcSet::first(32), 4), geometry()).mask, MaskOutcome::not_resident);
  EXPECT_EQ(of.bytes, before);
  EXPECT_EQ(apply(of.descriptor, confine_to(TpcSet::first(32), 16), geometry()).mask, MaskOutcome::masked);
}

TEST(Patch, BelowTheLaunchsMinimumTheDriversMaskStays) {
  Case of(1);
  PatchWish wish = confine_to(TpcSet::first(8));
  wish.min_tpcs = 9;
  const Bytes before = of.bytes;
  EXPECT_EQ(apply(of.descriptor, wish, geometry()).mask, MaskOutcome::too_few);
  EXPECT_EQ(of.bytes, before);
}

TEST(Patch, CompletionsTakeASlotThatNobodyUses) {
  for (unsigned used = 0; used < 4; ++used) {
    Case of(0);
    for (unsigned slot = 1; slot <= 2; ++slot)
      if ((used >> (slot - 1) & 1u) != 0) of.descriptor.set_release(slot, kReleaseSystemBarrier, 0xabc0, 1);
    const Bytes before = of.bytes;
    PatchWish wish;
    wish.completion = {0x7f0000001000, 77, kReleasePlain};
    const PatchOutcome outcome = apply(of.descriptor, wish, geometry());
    EXPECT_EQ(outcome.mask, MaskOutcome::not_wanted);
    EXPECT_EQ(outcome.timed, used != 3);
    if (!outcome.timed) {
      EXPECT_EQ(of.bytes, before);
      continue;
    }
    EXPECT_EQ(outcome.slot, (used & 1) != 0 ? 2 : 1);
    EXPECT_EQ(of.descriptor.release_control(outcome.slot), kReleasePlain);
    EXPECT_EQ(of.descriptor.release_address(outcome.slot), 0x7f0000001000u);
    EXPECT_EQ(of.descriptor.release_payload(outcome.slot), 77u);
    EXPECT_EQ(of.descriptor.release_control(0), kReleasePlain);  // the driver's own
  }
}

TEST(Patch, AnAddressThatIsNotASlotsIsNotWritten) {
  Case of(0);
  const Bytes before = of.bytes;
  PatchWish wish;
  wish.completion = {0x7f0000001008, 1, kReleasePlain};
  EXPECT_FALSE(apply(of.descriptor, wish, geometry()).timed);
  EXPECT_EQ(of.bytes, before);
}

TEST(Patch, VersionsThatWereNotMeasuredAreNeverChanged) {
  for (const DescriptorLayout& layout : all_layouts()) {
    if (layout.may_run) continue;
    Bytes bytes;
    Descriptor descriptor = testing::write(bytes, testing::recorded()[1], layout, 5);
    const Bytes before = bytes;
    PatchWish wish = confine_to(TpcSet::first(20));
    wish.completion = {0x1000, 1, kReleasePlain};
    const PatchOutcome outcome = apply(descriptor, wish, geometry());
    EXPECT_EQ(outcome.mask, MaskOutcome::refused) << layout.name;
    EXPECT_FALSE(outcome.timed);
    EXPECT_EQ(bytes, before);
  }
}

TEST(Patch, ANullGridIsNotALaunch) {
  Case of(0);
  of.descriptor.set_grid(0, 0);
  EXPECT_FALSE(matches(of.descriptor, {}));
  EXPECT_EQ(apply(of.descriptor, confine_to(TpcSet::first(20)), geometry()).mask, MaskOutcome::refused);
}

TEST(Matches, ADriversOwnKernelIsNotTheLaunch) {
  for (unsigned i = 0; i < testing::recorded().size(); ++i) {
    Case of(i);
    for (unsigned j = 0; j < testing::recorded().size(); ++j)
      EXPECT_EQ(matches(of.descriptor, testing::shape_of(testing::recorded()[j])), i == j) << i << " " << j;
    LaunchShape shape = testing::shape_of(of.what);
    shape.shared_bytes += 2048;
    EXPECT_FALSE(matches(of.descriptor, shape));
    shape.any_shared = true;
    EXPECT_TRUE(matches(of.descriptor, shape));
  }
}

// A cluster size that was compiled in is not in the launch's arguments.
TEST(Matches, TheClusterMayBeUnknown) {
  Case of(3);
  LaunchShape shape = testing::shape_of(of.what);
  shape.cluster = {0, 0, 0};
  EXPECT_TRUE(matches(of.descriptor, shape));
  shape.cluster = {1, 1, 1};
  EXPECT_TRUE(matches(of.descriptor, shape));
  shape.cluster = {4, 4, 1};
  EXPECT_FALSE(matches(of.descriptor, shape));
}

TEST(PatchProperties, HoldForRandomDescriptorsAndWishes) {
  constexpr std::uint64_t kSeed = 20261125;
  std::mt19937_64 dice(kSeed);
  for (unsigned round = 0; round < 20'000; ++round) {
    std::array<std::uint8_t, testing::kFuzzBytes> input;
    for (auto& byte : input) byte = static_cast<std::uint8_t>(dice());
    const std::string wrong = testing::check_patch(input.data(), input.size());
    ASSERT_EQ(wrong, "") << "seed " << kSeed << " round " << round;
  }
}

}  // namespace
}  // namespace lithos::cuda
