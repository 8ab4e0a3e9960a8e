// SPDX-License-Identifier: Apache-2.0
#include "executor/block_range.hpp"

#include <algorithm>

namespace lithos {
namespace {

constexpr std::uint32_t kMaxRows =
    65'536;  // y and z of a grid fit 16 bits (CUDA programming guide), as block_key() needs

// The grid in clusters. A cluster that does not divide the grid cannot be launched; then the launch is not cut.
struct Clusters {
  Dim3 grid;
  std::uint32_t blocks = 1;  // of a cluster
  BlockTest major = BlockTest::x;
  std::uint64_t slice = 1;  // clusters in one step of the outermost axis that extends
};

std::optional<Clusters> clusters_of(const Dim3& grid, const Dim3& cluster) {
  const auto divides = [](std::uint32_t part, std::uint32_t whole) {
    return part > 0 && whole > 0 && whole % part == 0;
  };
  if (!divides(cluster.x, grid.x) || !divides(cluster.y, grid.y) || !divides(cluster.z, grid.z)) return std::nullopt;
  if (grid.y > kMaxRows || grid.z > kMaxRows || grid.total() > 0xffff'ffffu) return std::nullopt;
  Clusters c;
  c.grid = {grid.x / cluster.x, grid.y / cluster.y, grid.z / cluster.z};
  c.blocks = static_cast<std::uint32_t>(cluster.total());
  c.major = c.grid.z > 1 ? BlockTest::z : c.grid.y > 1 ? BlockTest::y : BlockTest::x;
  c.slice = c.major == BlockTest::z ? std::uint64_t{c.grid.x} * c.grid.y : c.major == BlockTest::y ? c.grid.x : 1;
  return c;
}

// Keys follow the numbers only if a cluster spans one row.
bool keys_follow_numbers(const Dim3& cluster) { return cluster.y == 1 && cluster.z == 1; }

Dim3 position(const Dim3& grid, std::uint64_t number) {
  const std::uint64_t row = number / grid.x;
  return {static_cast<std::uint32_t>(number % grid.x), static_cast<std::uint32_t>(row % grid.y),
          static_cast<std::uint32_t>(row / grid.y)};
}

// The smallest grid that begins at the origin and holds the clusters before `end`.
Dim3 truncated(const Dim3& grid, std::uint64_t end) {
  const Dim3 last = position(grid, end - 1);
  if (last.z > 0) return {grid.x, grid.y, last.z + 1};
  if (last.y > 0) return {grid.x, last.y + 1, 1};
  return {last.x + 1, 1, 1};
}

std::uint32_t extent(const Dim3& dim, BlockTest axis) {
  return axis == BlockTest::x ? dim.x : axis == BlockTest::y ? dim.y : dim.z;
}

}  // namespace

std::uint32_t cut_granule(const Dim3& grid, const Dim3& cluster, std::uint32_t wished) {
  const auto clusters = clusters_of(grid, cluster);
  if (!clusters) return static_cast<std::uint32_t>(std::max<std::uint64_t>(grid.total(), 1));
  const auto in_blocks = [&](std::uint64_t n) { return static_cast<std::uint32_t>(n * clusters->blocks); };
  const std::uint32_t slice = in_blocks(clusters->slice), row = in_blocks(clusters->grid.x);
  if (slice <= wished || !keys_follow_numbers(cluster)) return slice;
  return row <= wished ? row : clusters->blocks;
}

std::optional<AtomBox> box_of(const Dim3& grid, const Dim3& cluster, BlockRange range) {
  const auto clusters = clusters_of(grid, cluster);
  const std::uint64_t blocks = grid.total();
  if (!clusters || range.count == 0 || range.count > blocks || range.first > blocks - range.count) return std::nullopt;
  if (range.first % clusters->blocks != 0 || range.end() % clusters->blocks != 0) return std::nullopt;
  const std::uint64_t first = range.first / clusters->blocks, end = range.end() / clusters->blocks;

  AtomBox box;
  box.grid = truncated(clusters->grid, end);
  box.started = static_cast<std::uint32_t>(box.grid.total() * clusters->blocks);
  box.tested = box.started != range.count;
  box.test = clusters->major;
  const bool at_slices = first % clusters->slice == 0 && box.grid.total() == end;
  if (at_slices) {
    box.first = first / clusters->slice * extent(cluster, box.test);
    return box;
  }
  if (!keys_follow_numbers(cluster)) return std::nullopt;
  box.test = BlockTest::any;
  const auto corner = [&](std::uint64_t number) {
    Dim3 at = position(clusters->grid, number);
    at.x *= cluster.x;
    return at;
  };
  box.first = block_key(corner(first));
  box.end = block_key(corner(end - 1)) + cluster.x;
  return box;
}

}  // namespace lithos
