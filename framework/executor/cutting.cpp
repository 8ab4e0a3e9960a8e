// SPDX-License-Identifier: Apache-2.0
#include "executor/cutting.hpp"

#include <algorithm>

namespace lithos {
namespace {

constexpr double kSkippedBlocksPerNs = 0.75;  // early exit of blocks below an atom's first, full device
constexpr double kPreludeNsPerBlock = 2.0;    // two dependent loads in each block of a cut launch, full device
constexpr double kWorthCutting = 1.5;         // in atom lengths: below, the atom would hardly be shorter than the launch

// Time that early exit takes in an atom that starts at `first_block`.
double skip_ns(const CutQuestion& q, double first_block) {
  return first_block / kSkippedBlocksPerNs * q.device_tpcs / q.tpcs;
}

// Whether the wait that others are spared is longer than what the cut costs.
bool worth_cutting(const CutQuestion& q) {
  const auto whole = static_cast<double>(q.whole.count());
  const auto atom = static_cast<double>(q.atom_length.count());
  if (whole <= kWorthCutting * atom) return false;
  const double blocks = q.kernel->blocks;
  const double atoms = whole / atom;
  const double skipped = blocks * (atoms - 1) / 2;
  const double cost = skip_ns(q, skipped) + kPreludeNsPerBlock * blocks * q.device_tpcs / q.tpcs;
  return whole - atom > cost;
}

std::uint32_t blocks_of_atom(const CutQuestion& q) {
  const KernelInfo& kernel = *q.kernel;
  const double share = static_cast<double>(q.atom_length.count()) / static_cast<double>(q.whole.count());
  // Less than one wave would leave TPCs empty and take as long as the wave.
  const std::uint32_t wave = q.tpcs * kernel.blocks_per_tpc;
  const auto wished = static_cast<std::uint32_t>(share * kernel.blocks);
  const std::uint32_t blocks = std::max(wished, wave);
  return std::max(blocks / kernel.cluster_blocks, 1u) * kernel.cluster_blocks;
}

}  // namespace

Atom next_atom(const CutQuestion& q) {
  const std::uint32_t left = q.kernel->blocks - q.first_block;
  std::uint32_t blocks = left;
  if (q.kernel->cuttable && q.atom_length.count() > 0 && q.tpcs > 0 && worth_cutting(q)) {
    const std::uint32_t wished = blocks_of_atom(q);
    if (std::uint64_t{wished} * 3 / 2 < left) blocks = wished;  // no stub at the end
  }
  const double share = static_cast<double>(blocks) / q.kernel->blocks;
  const double predicted = static_cast<double>(q.whole.count()) * share + (q.first_block > 0 ? skip_ns(q, q.first_block) : 0);
  return {blocks, Nanoseconds{static_cast<std::int64_t>(predicted)}};
}

}  // namespace lithos
