// SPDX-License-Identifier: Apache-2.0
#include "cuda/atoms/cubin.hpp"

#include <gtest/gtest.h>

#include "property/dice.hpp"
#include "unit/cuda_atoms/cubins.hpp"

namespace lithos::cuda::test {
namespace {

TEST(Cubin, FindsTheCodeOfAKernel) {
  const Bytes file = make_cubin("k", hopper_prelude());
  const Result<Cubin> cubin = Cubin::read(file);
  ASSERT_TRUE(cubin.ok()) << cubin.status().message();
  EXPECT_EQ(cubin.value().sm(), 90u);
  const CubinSection* text = cubin.value().code_of("k");
  ASSERT_NE(text, nullptr);
  EXPECT_EQ(text->offset, sizeof(Elf64_Ehdr));
  EXPECT_EQ(text->size, hopper_prelude().size() * kInstructionBytes);
  EXPECT_EQ(cubin.value().code_of("kk"), nullptr);
  EXPECT_EQ(cubin.value().code_of(""), nullptr);
}

TEST(Cubin, OlderFilesNameTheirArchitectureElsewhere) {
  Bytes file = make_cubin("k", hopper_prelude());
  file[EI_ABIVERSION] = std::byte{7};
  const std::uint32_t flags = 0x500 | 80;
  std::memcpy(file.data() + offsetof(Elf64_Ehdr, e_flags), &flags, sizeof flags);
  EXPECT_EQ(Cubin::read(file).value().sm(), 80u);
}

TEST(Cubin, RefusesWhatIsNotOne) {
  EXPECT_FALSE(Cubin::read({}).ok());
  Bytes file = make_cubin("k", hopper_prelude());
  file[0] = std::byte{0};
  EXPECT_EQ(Cubin::read(file).status().message(), "not an ELF file");
  file = make_cubin("k", hopper_prelude());
  file[offsetof(Elf64_Ehdr, e_machine)] = std::byte{62};
  EXPECT_EQ(Cubin::read(file).status().message(), "the ELF file is not for a CUDA device");
}

TEST(Cubin, EveryPrefixIsReadWithinItsBounds) {
  const Bytes file = make_cubin("k", hopper_prelude());
  for (std::size_t size = 0; size < file.size(); ++size) {
    const Bytes prefix(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size));  // so that ASan sees its end
    EXPECT_FALSE(Cubin::read(prefix).ok()) << size;
  }
}

// Whatever is damaged, what is returned lies inside the file.
TEST(Cubin, DamagedFilesNeverLeadOutside) {
  for (std::uint64_t seed = 1; seed <= 20'000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    lithos::test::Dice dice(seed);
    Bytes file = make_cubin("k", hopper_prelude());
    for (std::uint32_t n = dice.between(1, 8); n > 0; --n) {
      const bool headers = dice.chance(70);
      const auto size = static_cast<std::uint32_t>(file.size());
      const std::uint32_t at = headers ? size - 1 - dice.below(3 * sizeof(Elf64_Shdr)) : dice.below(size);
      file[at] = static_cast<std::byte>(dice.chance(50) ? dice.below(256) : 0xff);
    }
    const Result<Cubin> cubin = Cubin::read(file);
    if (!cubin.ok()) continue;
    for (const CubinSection& section : cubin.value().sections()) {
      ASSERT_LE(section.size, file.size());
      ASSERT_LE(section.offset, file.size() - section.size);
      const auto* name = reinterpret_cast<const std::byte*>(section.name.data());
      ASSERT_TRUE(name >= file.data() && name + section.name.size() < file.data() + file.size());
    }
  }
}

}  // namespace
}  // namespace lithos::cuda::test
