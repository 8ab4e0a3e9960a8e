// SPDX-License-Identifier: Apache-2.0
// Ranges of a launch's blocks, and the part of the grid that a device must start to run one. Pure arithmetic; any thread.
//
// Blocks are numbered as the hardware starts them: x fastest, then y, then z; launches with clusters cluster by cluster. Atoms are
// contiguous ranges of these numbers, so work that relies on the order of blocks (decoupled look-back scans) stays right.
//
// A range is run by two means (GPU.md §4). Native truncation: the launch descriptor's grid is shrunk on every axis that the range leaves
// unused, which costs nothing. A test at each block's beginning (the prelude): blocks that the truncated grid holds and the range does not
// start and leave at once. Cuts at the outermost axis need a comparison with one coordinate only; cuts anywhere else compare all of them,
// and are possible where clusters extend along x only. Source: docs/design/atoms.md.
#pragma once

#include <cstdint>
#include <optional>

#include "engine/operator.hpp"

namespace lithos {

struct BlockRange {
  std::uint32_t first = 0, count = 0;
  constexpr std::uint32_t end() const { return first + count; }
};

// What each block's test looks at.
enum class BlockTest : std::uint8_t { x, y, z, any };

struct AtomBox {
  Dim3 grid;            // of the descriptor: blocks, or clusters if the launch has them
  bool tested = false;  // some blocks that start must leave
  BlockTest test = BlockTest::x;
  std::uint64_t first = 0;    // lowest coordinate, or lowest key (BlockTest::any), that stays
  std::uint64_t end = 0;      // one past the highest key (BlockTest::any)
  std::uint32_t started = 0;  // blocks that start
};

// A block's key: keys order blocks as their numbers do.
constexpr std::uint64_t block_key(const Dim3& block) { return std::uint64_t{block.z << 16 | block.y} << 32 | block.x; }

// The numbers at which a launch of this shape may be cut are the multiples of the result, which divides the number of blocks. The finest
// that does not exceed `wished` blocks is not sought: the outermost axis if its slices are no larger, else rows, else single clusters.
std::uint32_t cut_granule(const Dim3& grid, const Dim3& cluster, std::uint32_t wished);

// How to run `range`. Empty if it cannot be run: not inside the grid, empty, or cut where cutting is not possible.
std::optional<AtomBox> box_of(const Dim3& grid, const Dim3& cluster, BlockRange range);

// Blocks that start in vain when `range` is run; what cannot be run counts as if it were cut at its first block.
inline std::uint32_t skipped_blocks(const Dim3& grid, const Dim3& cluster, BlockRange range) {
  const auto box = box_of(grid, cluster, range);
  return box ? box->started - range.count : range.first;
}

}  // namespace lithos
