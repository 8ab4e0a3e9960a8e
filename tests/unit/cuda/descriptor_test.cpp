// SPDX-License-Identifier: Apache-2.0
// The layout tables and the view over them.
#include <gtest/gtest.h>

#include "unit/cuda/descriptors.hpp"

namespace lithos::cuda {
namespace {

using testing::Bytes;

// Every field of a layout that the tables know, with its name.
std::vector<std::pair<std::string, DescriptorField>> fields_of(const DescriptorLayout& layout) {
  std::vector<std::pair<std::string, DescriptorField>> fields{
      {"version", layout.version_field}, {"type", layout.type},           {"mask_valid", layout.mask_valid},
      {"registers", layout.registers},   {"shared", layout.shared_bytes}, {"program", layout.program}};
  for (unsigned i = 0; i < 3; ++i) {
    const std::string axis = std::to_string(i);
    fields.push_back({"grid" + axis, layout.grid[i]});
    fields.push_back({"block" + axis, layout.block[i]});
    fields.push_back({"cluster" + axis, layout.cluster[i]});
    fields.push_back({"gpu_cluster" + axis, layout.gpu_cluster[i]});
    if (layout.release_control.known()) {
      fields.push_back({"release_control" + axis, layout.release_control.at(i, 16)});
      fields.push_back({"release_address" + axis, layout.release_address[i]});
      fields.push_back({"release_payload" + axis, layout.release_payload[i]});
    }
  }
  for (unsigned i = 0; i < layout.mask_words; ++i)
    fields.push_back({"mask" + std::to_string(i), layout.mask.at(i, 32)});
  for (unsigned i = 0; i < kConstantBanks && layout.bank_valid.known(); ++i) {
    const std::string bank = std::to_string(i);
    fields.push_back({"bank_valid" + bank, layout.bank_valid.at(i, 4)});
    fields.push_back({"bank_address" + bank, layout.bank_address.at(i, 64)});
    fields.push_back({"bank_size" + bank, layout.bank_size.at(i, 64)});
  }
  std::erase_if(fields, [](const auto& field) { return !field.second.known(); });
  return fields;
}

TEST(DescriptorLayout, EveryFieldCanBeReadInOneWordInsideTheDescriptor) {
  for (const DescriptorLayout& layout : all_layouts())
    for (const auto& [name, field] : fields_of(layout)) {
      EXPECT_LE(field.first_bit % 8 + field.bits, 64) << layout.name << " " << name;
      EXPECT_LE(field.first_bit / 8 + 8u, kDescriptorBytes) << layout.name << " " << name;
    }
}

TEST(DescriptorLayout, NoTwoFieldsShareABit) {
  for (const DescriptorLayout& layout : all_layouts()) {
    std::vector<std::string> owner(kDescriptorBytes * 8);
    for (const auto& [name, field] : fields_of(layout))
      for (unsigned bit = field.first_bit; bit < field.first_bit + field.bits; ++bit) {
        EXPECT_EQ(owner[bit], "") << layout.name << ": " << name << " at bit " << bit;
        owner[bit] = name;
      }
  }
}

// GPU.md §2, in its own terms: byte offsets.
TEST(DescriptorLayout, HoppersTableIsTheMeasuredOne) {
  const DescriptorLayout& hopper = all_layouts()[1];
  EXPECT_TRUE(hopper.may_run);
  EXPECT_EQ(hopper.version_field.first_bit, 72 * 8);
  EXPECT_EQ(hopper.mask.first_bit, 304 * 8);
  EXPECT_EQ(hopper.grid[0].first_bit, 128 * 8);
  EXPECT_EQ(hopper.grid[1].first_bit, 132 * 8);
  EXPECT_EQ(hopper.grid[2].first_bit, 136 * 8);
  EXPECT_EQ(hopper.block[0].first_bit, 144 * 8);
  EXPECT_EQ(hopper.registers.first_bit, 150 * 8);
  EXPECT_EQ(hopper.program.first_bit, 152 * 8);
  EXPECT_EQ(hopper.cluster[0].first_bit, 268 * 8);
  EXPECT_EQ(hopper.gpu_cluster[0].first_bit, 276 * 8);
  EXPECT_EQ(hopper.release_control.first_bit, 40 * 8);
  EXPECT_EQ(hopper.release_address[1].first_bit, 96 * 8);
  EXPECT_EQ(hopper.release_payload[2].first_bit, 120 * 8);
  EXPECT_EQ(hopper.bank_valid.at(6, 4).first_bit, 52 * 8 + 24);
  EXPECT_EQ(hopper.bank_address.at(6, 64).first_bit, (192 + 8 * 6) * 8);
}

TEST(DescriptorLayout, OnlyWhatWasMeasuredMayRun) {
  for (const DescriptorLayout& layout : all_layouts()) EXPECT_EQ(layout.may_run, layout.version == 0x40) << layout.name;
  EXPECT_EQ(layout_for_capability(9, 0), &all_layouts()[1]);
  EXPECT_EQ(layout_for_capability(7, 5), nullptr);
  EXPECT_EQ(layout_for_capability(11, 0), nullptr);
}

TEST(Descriptor, AFieldThatIsSetIsReadBackAndDisturbsNoOther) {
  for (const DescriptorLayout& layout : all_layouts()) {
    std::mt19937_64 dice(7);
    Bytes bytes;
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(dice());
    Descriptor descriptor(bytes.data(), &layout);
    const auto fields = fields_of(layout);
    std::vector<std::uint64_t> expected;
    for (const auto& [name, field] : fields) expected.push_back(descriptor.get(field));
    for (unsigned round = 0; round < 2000; ++round) {
      const std::size_t which = dice() % fields.size();
      const DescriptorField field = fields[which].second;
      const std::uint64_t value = (field.bits == 64 ? dice() : dice() % (1ull << field.bits)) << field.shift;
      descriptor.set(field, value);
      expected[which] = value;
      for (std::size_t i = 0; i < fields.size(); ++i)
        ASSERT_EQ(descriptor.get(fields[i].second), expected[i]) << layout.name << " " << fields[i].first;
    }
  }
}

TEST(Descriptor, ReadsWhatWasRecorded) {
  for (const DescriptorLayout& layout : all_layouts()) {
    for (const testing::Recorded& what : testing::recorded()) {
      if (!layout.type.known() && what.type != kGridOfBlocks) continue;
      if (layout.block[2].bits < 16 && what.block[2] > 255) continue;
      Bytes bytes;
      const Descriptor descriptor = testing::write(bytes, what, layout, 3);
      EXPECT_TRUE(is_of(bytes.data(), layout));
      EXPECT_EQ(volume(descriptor.grid()) * volume(descriptor.cluster()), volume(what.grid)) << what.name;
      EXPECT_EQ(descriptor.block(), what.block) << what.name;
      EXPECT_EQ(descriptor.cluster(), what.cluster) << what.name;
      EXPECT_EQ(descriptor.gpu_cluster(), what.gpu_cluster) << what.name;
      EXPECT_EQ(descriptor.registers(), what.registers) << what.name;
      EXPECT_EQ(descriptor.shared_bytes(), what.shared_bytes) << what.name;
      EXPECT_TRUE(matches(descriptor, testing::shape_of(what))) << layout.name << " " << what.name;
    }
  }
}

TEST(Descriptor, UnknownBytesHaveNoLayout) {
  Bytes bytes{};
  EXPECT_EQ(layout_of(bytes.data()), nullptr);
  bytes[72] = 0x41;
  bytes[58] = 0x51;
  EXPECT_EQ(Descriptor::of(bytes.data()).layout(), nullptr);
  bytes[58] = 0x50;
  EXPECT_EQ(layout_of(bytes.data()), &all_layouts()[2]);
  bytes[72] = 0x40;  // a Hopper descriptor whose byte 58, part of a pointer, looks like Blackwell's version
  EXPECT_EQ(layout_of(bytes.data()), &all_layouts()[1]);
}

TEST(DescriptorBackup, PutsEverythingBack) {
  Bytes bytes;
  Descriptor descriptor = testing::write(bytes, testing::recorded()[2], all_layouts()[1], 11);
  const Bytes before = bytes;
  const DescriptorBackup backup(descriptor);
  descriptor.set_grid(0, 1);
  descriptor.set_program(0x1234);
  descriptor.set_bank(6, kBankValidInvalidate, 0x7000, 256);
  EXPECT_NE(bytes, before);
  EXPECT_EQ(descriptor.bank_address(6), 0x7000u);
  EXPECT_EQ(descriptor.bank_bytes(6), 256u);
  EXPECT_EQ(descriptor.bank_state(6), kBankValidInvalidate);
  backup.restore(descriptor);
  EXPECT_EQ(bytes, before);
}

}  // namespace
}  // namespace lithos::cuda
