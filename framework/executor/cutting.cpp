// SPDX-License-Identifier: Apache-2.0
#include "executor/cutting.hpp"

#include <algorithm>
#include <cmath>

#include "executor/block_range.hpp"
#include "executor/cut_cost.hpp"

namespace lithos {
namespace {

constexpr CutCost kCost;
constexpr double kWorthCutting = 1.5;   // in atom lengths: below, the atom would hardly be shorter than the launch
constexpr double kCostShareMax = 0.05;  // of the launch's time

double threads_of(const CutQuestion& q) { return static_cast<double>(q.kernel->block.total()); }

// Blocks start at a rate of the whole device; on fewer TPCs more slowly.
double on_mask(const CutQuestion& q) { return static_cast<double>(q.device_tpcs) / q.tpcs; }

double skip_ns(const CutQuestion& q, double blocks) { return blocks * kCost.skip_ns(threads_of(q)) * on_mask(q); }

// What so many atoms cost beyond the launch itself. All of the i-th's blocks before its first start in vain: (n − 1) / 2 grids.
double cost_ns(const CutQuestion& q, double atoms) {
  const double blocks = q.kernel->blocks;
  const double preludes = blocks * kCost.prelude_ns(threads_of(q)) * on_mask(q);
  return (atoms - 1) * (skip_ns(q, blocks / 2) + static_cast<double>(kCost.gap.count())) + preludes;
}

// The most atoms whose cost stays below the limit; 1 if two cost more already.
double affordable_atoms(const CutQuestion& q, double whole) {
  const double each = cost_ns(q, 2) - cost_ns(q, 1);
  const double budget = kCostShareMax * whole - cost_ns(q, 1);
  return budget < each ? 1 : 1 + std::floor(budget / each);
}

// Length of the atoms to make; 0: too dear.
double atom_ns(const CutQuestion& q) {
  const auto whole = static_cast<double>(q.whole.count());
  const auto wished = static_cast<double>(q.atom_length.count());
  const auto tolerated = static_cast<double>(q.tolerated.count());
  double length = std::max(wished, whole / affordable_atoms(q, whole));
  // The only way onto these TPCs is in pieces that are tolerated, dear or not.
  if (length > kWorthCutting * wished) length = std::min(length, std::max(wished, tolerated));
  if (length >= whole) return 0;
  return whole - length > cost_ns(q, whole / length) ? length : 0;
}

CutReason why_never(const KernelInfo& kernel) {
  if (kernel.persistent) return CutReason::persistent;
  if (kernel.may_spin) return CutReason::may_spin;
  return kernel.launch_special || kernel.nature == KernelNature::never_touch ? CutReason::special : CutReason::one_wave;
}

// Whole waves, and no less than what the grid's shape lets one cut off.
std::uint32_t blocks_of_atom(const CutQuestion& q, double length) {
  const KernelInfo& kernel = *q.kernel;
  const double share = length / static_cast<double>(q.whole.count());
  const std::uint64_t wave = std::max<std::uint64_t>(std::uint64_t{q.tpcs} * kernel.blocks_per_tpc, 1);
  const auto waves = static_cast<std::uint64_t>(std::llround(share * kernel.blocks / static_cast<double>(wave)));
  const std::uint64_t wished = std::min<std::uint64_t>(std::max<std::uint64_t>(waves, 1) * wave, kernel.blocks);
  const std::uint64_t granule = cut_granule(kernel.grid, kernel.cluster, static_cast<std::uint32_t>(wished));
  const std::uint64_t end =
      std::max((q.first_block + wished + granule / 2) / granule, q.first_block / granule + 1) * granule;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(end, kernel.blocks)) - q.first_block;
}

Nanoseconds predicted(const CutQuestion& q, std::uint32_t blocks) {
  if (blocks == q.kernel->blocks) return q.whole;
  const double share = static_cast<double>(blocks) / q.kernel->blocks;
  const double skipped = skipped_blocks(q.kernel->grid, q.kernel->cluster, {q.first_block, blocks});
  const double ns = static_cast<double>(q.whole.count()) * share + (skipped > 0 ? skip_ns(q, skipped) : 0);
  return Nanoseconds{static_cast<std::int64_t>(ns)};
}

// `blocks`: of the next atom, if it is `cut`.
CutReason decide(const CutQuestion& q, std::uint32_t left, std::uint32_t& blocks) {
  if (q.atom_length.count() <= 0 || q.tpcs == 0) return CutReason::not_wished;
  if (!q.kernel->cuttable) return why_never(*q.kernel);
  const auto whole = static_cast<double>(q.whole.count());
  if (whole <= kWorthCutting * static_cast<double>(q.atom_length.count())) return CutReason::short_enough;
  const double length = atom_ns(q);
  if (length <= 0) return CutReason::too_dear;
  const std::uint32_t wished = blocks_of_atom(q, length);
  if (std::uint64_t{wished} * 3 / 2 >= left) return CutReason::short_enough;  // no stub at the end
  blocks = wished;
  return CutReason::cut;
}

}  // namespace

Atom next_atom(const CutQuestion& q) {
  const std::uint32_t left = q.kernel->blocks - q.first_block;
  Atom atom;
  atom.blocks = left;
  atom.reason = decide(q, left, atom.blocks);
  if (q.first_block > 0) atom.reason = CutReason::cut;
  atom.predicted = predicted(q, atom.blocks);
  return atom;
}

}  // namespace lithos
