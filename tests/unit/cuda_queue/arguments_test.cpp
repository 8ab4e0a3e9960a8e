// SPDX-License-Identifier: Apache-2.0
#include "cuda/queue/kernel_arguments.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <deque>

#include "property/dice.hpp"

namespace lithos::cuda {
namespace {

using lithos::test::Dice;

TEST(Layout, PacksEachParameterWhereTheKernelReadsIt) {
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Dice dice(seed);
    std::vector<ParameterPlace> places;
    std::vector<std::vector<char>> values;
    std::vector<void*> pointers;
    std::uint32_t next = 0;
    for (std::uint32_t n = dice.below(20); n > 0; --n) {
      next += dice.below(16);
      places.push_back({next, dice.between(0, 300)});
      next += places.back().bytes;
      values.emplace_back(places.back().bytes);
      for (char& c : values.back()) c = static_cast<char>(dice.between(1, 255));
    }
    for (auto& value : values) pointers.push_back(value.data());
    const Result<ParameterLayout> layout = ParameterLayout::make(places);
    ASSERT_TRUE(layout.ok()) << layout.status().message();
    ASSERT_EQ(layout.value().bytes(), next);
    std::vector<std::byte> packed(next, std::byte{0xee}), expected(next);
    layout.value().pack(pointers.data(), packed.data());
    for (std::size_t i = 0; i < places.size(); ++i)
      if (!values[i].empty()) std::memcpy(expected.data() + places[i].offset, values[i].data(), values[i].size());
    ASSERT_EQ(packed, expected);
  }
}

TEST(Layout, RefusesNonsense) {
  const auto fails = [](std::vector<ParameterPlace> places) { return !ParameterLayout::make(places).ok(); };
  EXPECT_TRUE(fails({{0, 8}, {4, 4}}));
  EXPECT_TRUE(fails({{8, 8}, {0, 4}}));
  EXPECT_TRUE(fails({{0, 40'000}}));
  EXPECT_TRUE(fails({{0xffff'fff0u, 0x20u}}));
  EXPECT_TRUE(fails(std::vector<ParameterPlace>(5'000)));
  EXPECT_FALSE(fails({{0, 32'764}}));
}

TEST(Extra, IsReadLikeTheDriverDoes) {
  char buffer[24] = {};
  std::size_t size = sizeof buffer;
  void* const good[] = {reinterpret_cast<void*>(kExtraPointer), buffer, reinterpret_cast<void*>(kExtraSize), &size,
                        nullptr};
  const auto packed = read_extra(good);
  ASSERT_TRUE(packed);
  EXPECT_EQ(packed->data, reinterpret_cast<std::byte*>(buffer));
  EXPECT_EQ(packed->bytes, 24u);
  void* const empty[] = {nullptr};
  ASSERT_TRUE(read_extra(empty));
  EXPECT_EQ(read_extra(empty)->bytes, 0u);
}

TEST(Extra, IsNotQueuedIfItIsNotUnderstood) {
  char buffer[24] = {};
  std::size_t size = sizeof buffer, huge = 1u << 20;
  void* const unknown[] = {reinterpret_cast<void*>(std::uintptr_t{9}), buffer, nullptr};
  EXPECT_FALSE(read_extra(unknown));
  void* const no_pointer[] = {reinterpret_cast<void*>(kExtraSize), &size, nullptr};
  EXPECT_TRUE(!read_extra(no_pointer) || read_extra(no_pointer)->data != nullptr);
  void* const too_large[] = {reinterpret_cast<void*>(kExtraPointer), buffer, reinterpret_cast<void*>(kExtraSize), &huge,
                             nullptr};
  EXPECT_FALSE(read_extra(too_large));
  void* pair[10];
  for (int i = 0; i < 10; i += 2) pair[i] = reinterpret_cast<void*>(kExtraPointer), pair[i + 1] = buffer;
  EXPECT_FALSE(read_extra(pair));  // no end
}

TEST(Ring, PiecesNeverOverlapAndComeBackInOrder) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Dice dice(seed);
    const std::uint32_t capacity = dice.between(16, 600);
    ArgumentRing ring(capacity);
    struct Piece {
      std::byte* at;
      std::uint32_t bytes;
      std::byte mark;
    };
    std::deque<Piece> pieces;
    for (int step = 0; step < 600; ++step) {
      const std::uint32_t bytes = dice.below(capacity / 2 + 2);
      std::byte* at = dice.chance(55) ? ring.take(bytes) : nullptr;
      if (at != nullptr) {
        const Piece piece{at, bytes, static_cast<std::byte>(step)};
        if (bytes > 0) std::memset(at, static_cast<int>(piece.mark), bytes);
        pieces.push_back(piece);
      } else if (!pieces.empty()) {
        const Piece& oldest = pieces.front();
        for (std::uint32_t i = 0; i < oldest.bytes; ++i) ASSERT_EQ(oldest.at[i], oldest.mark);
        ring.give_back(oldest.bytes);
        pieces.pop_front();
      }
    }
    while (!pieces.empty()) {
      ring.give_back(pieces.front().bytes);
      pieces.pop_front();
    }
    ASSERT_TRUE(ring.empty());
    ASSERT_NE(ring.take(capacity / 16 * 16), nullptr);  // all of it is free again
  }
}

TEST(Ring, RefusesWhatItCanNeverHold) { EXPECT_EQ(ArgumentRing(64).take(65), nullptr); }

}  // namespace
}  // namespace lithos::cuda
