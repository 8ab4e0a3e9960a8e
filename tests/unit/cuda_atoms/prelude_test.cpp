// SPDX-License-Identifier: Apache-2.0
#include "cuda/atoms/prelude_patch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cuda/atoms/cubin.hpp"
#include "cuda/atoms/preludes.hpp"
#include "property/dice.hpp"
#include "unit/cuda_atoms/cubins.hpp"

namespace lithos::cuda::test {
namespace {

std::vector<Instruction> code_in(const Bytes& file, const std::string& kernel) {
  const Result<Cubin> cubin = Cubin::read(file);
  const CubinSection* text = cubin.value().code_of(kernel);
  std::vector<Instruction> code(text->size / kInstructionBytes);
  std::memcpy(code.data(), file.data() + text->offset, text->size);
  return code;
}

// What hardware.md §2 ran on six H200s, word for word.
TEST(Patch, JumpsThroughRegistersWhereNothingElseRan) {
  Bytes file = make_cubin("k", hopper_prelude(), 89);
  const Result<PatchedPrelude> prelude = patch_prelude(file, "k");
  ASSERT_TRUE(prelude.ok()) << prelude.status().message();
  EXPECT_EQ(prelude.value().registers, 8u);
  EXPECT_EQ(prelude.value().bank_bytes, 16u);
  EXPECT_EQ(prelude.value().instructions, 9u);
  std::vector<Instruction> expected = hopper_prelude();
  expected[2] = {0x01800000ff007b82, 0x000e240000000800};  // c[6][0]
  expected[5] = {0x01800200ff027b82, 0x000e220000000a00};  // c[6][8]
  expected[6] = {0x7918, 0x000fe20000000000};
  expected[7] = {0x7918, 0x000fce0000000000};
  expected[8] = {0x000000000200794c, 0x001fea0003800000};  // JMX R2
  EXPECT_EQ(code_in(file, "k"), expected);
}

TEST(Patch, JumpsThroughTheConstantBankOnHopper) {
  Bytes file = make_cubin("k", hopper_prelude());
  const Result<PatchedPrelude> prelude = patch_prelude(file, "k");
  ASSERT_TRUE(prelude.ok()) << prelude.status().message();
  EXPECT_EQ(prelude.value().registers, 8u);
  EXPECT_EQ(prelude.value().bank_bytes, 16u);
  EXPECT_EQ(prelude.value().instructions, 5u);
  std::vector<Instruction> expected = hopper_prelude();
  expected.erase(expected.begin());  // the stack pointer
  expected[1] = {0x01800000ff007b82, 0x000e240000000800};  // c[6][0]
  expected[4] = {0x0180020000007b4a, 0x000fea0003800000};  // JMP c[6][8]
  expected[5] = {0x794d, 0x000fea0003800000};              // EXIT
  expected.resize(6);
  expected.resize(hopper_prelude().size(), {0x7918, 0x000fc00000000000});
  EXPECT_EQ(code_in(file, "k"), expected);
}

// Something stands between the last exit and the call: it stays, and so does the jump through registers.
TEST(Patch, KeepsWhatItCannotShorten) {
  std::vector<Instruction> code = hopper_prelude();
  code.insert(code.begin() + 5, {0x0000000400007c0c, 0x001fda000bf03070});
  code[7].low += std::uint64_t{0x10} << 32;  // the return address is one instruction further
  Bytes file = make_cubin("k", code);
  const Result<PatchedPrelude> prelude = patch_prelude(file, "k");
  ASSERT_TRUE(prelude.ok()) << prelude.status().message();
  EXPECT_EQ(prelude.value().instructions, 10u);
  EXPECT_EQ(code_in(file, "k")[9].opcode(), opcode::kJumpRegister);
}

TEST(Patch, IsRefusedTwice) {
  Bytes file = make_cubin("k", hopper_prelude());
  ASSERT_TRUE(patch_prelude(file, "k").ok());
  EXPECT_FALSE(patch_prelude(file, "k").ok());
}

struct Surprise {
  const char* name;
  std::size_t at;
  Instruction instead;
  const char* said;
};

class Surprises : public testing::TestWithParam<Surprise> {};

TEST_P(Surprises, StopTheBuildWithTheirPlace) {
  std::vector<Instruction> code = hopper_prelude();
  code[GetParam().at] = GetParam().instead;
  Bytes file = make_cubin("k", code);
  const Bytes before = file;
  const Status status = patch_prelude(file, "k").status();
  EXPECT_EQ(status.code(), StatusCode::incompatible);
  EXPECT_THAT(status.message(), testing::HasSubstr(GetParam().said));
  EXPECT_EQ(file, before);
}

INSTANTIATE_TEST_SUITE_P(
    Patch, Surprises,
    testing::Values(Surprise{"UnknownOpcode", 1, {0x0000000000047fff, 0}, "k at +16"},
                    Surprise{"NoCall", 8, {0x7918, 0}, "0 calls"},
                    Surprise{"TwoCalls", 3, {0xfffffffc02dc7344, 0}, "2 calls"},
                    Surprise{"ConditionalCall", 8, {0xfffffffc02dc0344, 0x001fea0003c3ffff}, "conditional"},
                    Surprise{"OtherBank", 2, {0x01000000ff007b82, 0x000e240000000800}, "unexpected constant bank"},
                    Surprise{"AParameter", 2, {0x00008400ff007b82, 0x000e240000000800}, "a parameter of the kernel"},
                    Surprise{"EntryElsewhere", 5, {0x00c00000ff027b82, 0x000e220000000a00}, "not the entry"},
                    Surprise{"HalfAnEntry", 5, {0x00c00200ff027b82, 0x000e220000000800}, "not the entry"},
                    Surprise{"OtherReturnAddress", 6, {0x000000a000147802, 0x000fe20000000f00}, "return address"},
                    Surprise{"IndexedConstant", 5, {0x00c0020004027b82, 0x000e220000000a00}, "indexed"},
                    Surprise{"BeyondTheSlot", 2, {0x00c01000ff007b82, 0x000e240000000800}, "beyond the slot"},
                    Surprise{"EarlyBranch", 4, {0xfffffffc00fc7947, 0x000fc0000383ffff}, "a branch before"},
                    Surprise{"PredicatedLoad", 5, {0x00c00200ff020b82, 0x000e220000000a00}, "depends on a predicate"},
                    Surprise{"NobodyLeaves", 4, {0x7918, 0}, "no block can leave"},
                    Surprise{"CodeBehind", 9, {0x00000a00ff017b82, 0x000ff00000000800}, "behind the call"}),
    [](const auto& surprise) { return std::string(surprise.param.name); });

TEST(Patch, RefusesArchitecturesItDoesNotKnow) {
  Bytes file = make_cubin("k", hopper_prelude(), 70);
  EXPECT_EQ(patch_prelude(file, "k").status().message(), "sm_70 has an unknown instruction encoding");
}

// A word changed at random is refused, or what comes out still reads nothing but the slot and jumps to its entry.
TEST(Patch, NeverPatchesHalf) {
  for (std::uint64_t seed = 1; seed <= 20'000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    lithos::test::Dice dice(seed);
    std::vector<Instruction> code = hopper_prelude();
    Instruction& i = code[dice.below(static_cast<std::uint32_t>(code.size()))];
    (dice.chance(50) ? i.low : i.high) ^= std::uint64_t{1} << dice.below(64);
    Bytes file = make_cubin("k", code);
    const Bytes before = file;
    const Result<PatchedPrelude> prelude = patch_prelude(file, "k");
    if (!prelude.ok()) {
      ASSERT_EQ(file, before);
      continue;
    }
    std::size_t jumps = 0;
    for (const Instruction& now : code_in(file, "k")) {
      jumps += now.opcode() == opcode::kJumpRegister || now.opcode() == opcode::kJumpConstant;
      ASSERT_NE(now.opcode(), opcode::kCallRegister);
      const auto form = form_of(now.opcode());
      ASSERT_TRUE(form);
      const bool constant = form->b == OperandB::constant || form->b == OperandB::load_constant;
      if (constant) { ASSERT_NE(now.bank(), kSourceBank); }
    }
    ASSERT_EQ(jumps, 1u);
  }
}

TEST(Built, EveryArchitectureOfTheToolkitHasItsPreludes) {
  const std::vector<std::string> compiled = compiled_cubins();
  if (compiled.empty()) GTEST_SKIP() << "built without a CUDA Toolkit";
  ASSERT_EQ(built_preludes().size(), compiled.size());
  for (const PreludeImage& image : built_preludes()) {
    SCOPED_TRACE("sm_" + std::to_string(image.sm));
    ASSERT_TRUE(Cubin::read(image.image).ok());
    for (std::size_t kind = 0; kind < kPreludeKinds; ++kind) {
      const PreludeManifest& prelude = image.preludes[kind];
      EXPECT_EQ(static_cast<std::size_t>(prelude.test), kind);
      EXPECT_EQ(prelude.registers, 8u);
      EXPECT_EQ(prelude.constant_bank, kPreludeBank);
      if (image.sm == 90) { EXPECT_EQ(prelude.instructions, prelude.test == BlockTest::any ? 15u : 5u); }
      EXPECT_EQ(prelude.bank_bytes, prelude.test == BlockTest::any ? 24u : 16u);
      const CubinSection* text = nullptr;
      const Result<Cubin> cubin = Cubin::read(image.image);
      text = cubin.value().code_of(prelude.kernel);
      ASSERT_NE(text, nullptr);
      EXPECT_EQ(text->offset, prelude.code_offset);
      EXPECT_EQ(text->size, prelude.code_bytes);
    }
  }
}

TEST(Built, OnlyWhatRanOnHardwareIsEnabled) {
  EXPECT_EQ(enabled_prelude(80), nullptr);
  EXPECT_EQ(enabled_prelude(100), nullptr);
  EXPECT_EQ(enabled_prelude(90) == nullptr, compiled_cubins().empty());
}

}  // namespace
}  // namespace lithos::cuda::test
