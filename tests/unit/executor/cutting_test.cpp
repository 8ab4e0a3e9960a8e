// SPDX-License-Identifier: Apache-2.0
#include "executor/cutting.hpp"

#include <gtest/gtest.h>

#include "executor/block_range.hpp"
#include "executor/cut_cost.hpp"
#include "property/dice.hpp"
#include "unit/engine/support.hpp"
#include "unit/executor/support.hpp"

namespace lithos::test {
namespace {

KernelInfo independent(const Dim3& grid, std::uint32_t threads, const Dim3& cluster = {}) {
  KernelRules rules;
  rules.rules.push_back({"k", KernelNature::independent, false, ""});
  static const GpuShape gpu = h200();
  return make_kernel_info({"k", grid, {threads, 1, 1}, cluster, 32, 0, false}, gpu, gpu.tpcs, rules);
}

std::vector<Atom> cut(CutQuestion q) {
  std::vector<Atom> atoms;
  while (q.first_block < q.kernel->blocks) {
    atoms.push_back(next_atom(q));
    q.first_block += atoms.back().blocks;
  }
  return atoms;
}

double cost_share(const CutQuestion& q, const std::vector<Atom>& atoms) {
  const CutCost cost;
  double ns = 0;
  std::uint32_t first = 0;
  for (const Atom& atom : atoms) {
    ns += skipped_blocks(q.kernel->grid, q.kernel->cluster, {first, atom.blocks}) *
              cost.skip_ns(static_cast<double>(q.kernel->block.total())) * q.device_tpcs / q.tpcs +
          static_cast<double>(cost.gap.count());
    first += atom.blocks;
  }
  return ns / static_cast<double>(q.whole.count());
}

// docs/design/hardware.md §2: "cut such kernels into three, or leave them whole".
TEST(WhenToCut, ShortBlocksAreCutIntoFewerAtoms) {
  const KernelInfo large = independent({105'600, 1, 1}, 1024), small = independent({105'600, 1, 1}, 256);
  const auto atoms = [](const KernelInfo& k) { return cut({&k, 0, 66, 66, 3'200 * kUs, 250 * kUs}); };
  EXPECT_GE(atoms(large).size(), 2u);
  EXPECT_LE(atoms(large).size(), 3u);
  EXPECT_GE(atoms(small).size(), 4u);
  EXPECT_LE(atoms(small).size(), 6u);
}

TEST(WhenToCut, LongBlocksAreCutAsWished) {
  const KernelInfo k = independent({16'896, 1, 1}, 1024);
  const auto atoms = cut({&k, 0, 66, 66, 3'240 * kUs, 400 * kUs});
  EXPECT_EQ(atoms.size(), 8u);
  for (const Atom& atom : atoms) EXPECT_EQ(atom.reason, CutReason::cut);
}

TEST(WhenToCut, DearAtomsAreMadeOnlyWhereNothingLongerIsTolerated) {
  const KernelInfo k = independent({262'144, 1, 1}, 256);
  const CutQuestion q{&k, 0, 66, 66, 1'000 * kUs, 250 * kUs};
  EXPECT_EQ(next_atom(q).reason, CutReason::too_dear);
  EXPECT_EQ(next_atom(q).blocks, k.blocks);
  CutQuestion strict = q;
  strict.tolerated = 400 * kUs;
  EXPECT_EQ(next_atom(strict).reason, CutReason::cut);
  EXPECT_LT(next_atom(strict).blocks, k.blocks / 2);
}

TEST(WhenToCut, SaysWhyNot) {
  const KernelInfo wave = independent({66, 1, 1}, 1024);
  KernelInfo k = independent({16'896, 1, 1}, 1024);
  const CutQuestion q{&k, 0, 66, 66, 3'240 * kUs, 250 * kUs};
  const auto reason = [](const CutQuestion& question) { return next_atom(question).reason; };
  EXPECT_EQ(reason({&k, 0, 66, 66, 3'240 * kUs, Nanoseconds{0}}), CutReason::not_wished);
  EXPECT_EQ(reason({&k, 0, 66, 66, 300 * kUs, 250 * kUs}), CutReason::short_enough);
  EXPECT_EQ(reason({&wave, 0, 66, 66, 3'240 * kUs, 250 * kUs}), CutReason::one_wave);
  k.cuttable = false;
  k.launch_special = true;
  EXPECT_EQ(reason(q), CutReason::special);
  k.may_spin = true;
  EXPECT_EQ(reason(q), CutReason::may_spin);
  k.persistent = true;
  EXPECT_EQ(reason(q), CutReason::persistent);
}

TEST(WhenToCut, PropertiesOfRandomLaunches) {
  for (std::uint64_t seed = 1; seed <= 3'000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Dice dice(seed);
    const std::uint32_t axes = dice.between(1, 3);
    const Dim3 cluster{dice.chance(30) ? 2u : 1u, axes > 1 && dice.chance(10) ? 2u : 1u, 1};
    const Dim3 grid{dice.between(1, 4'000) * cluster.x, axes > 1 ? dice.between(1, 40) * cluster.y : 1,
                    axes > 2 ? dice.between(1, 8) : 1};
    const KernelInfo k = independent(grid, 32 * dice.between(1, 32), cluster);
    CutQuestion q{&k, 0, dice.between(1, 66), 66, dice.time(1'000, 20'000'000), dice.time(0, 1'000'000)};
    if (dice.chance(50)) q.tolerated = dice.time(0, 2'000'000);
    const std::vector<Atom> atoms = cut(q);
    const std::uint64_t wave = std::uint64_t{q.tpcs} * k.blocks_per_tpc;
    std::uint32_t first = 0;
    for (const Atom& atom : atoms) {
      ASSERT_GT(atom.blocks, 0u);
      ASSERT_GT(atom.predicted.count(), 0);
      ASSERT_TRUE(box_of(k.grid, k.cluster, {first, atom.blocks})) << first << " + " << atom.blocks;
      if (atoms.size() > 1) { ASSERT_EQ(atom.reason, CutReason::cut); }
      first += atom.blocks;
      // Whole waves, as far as rows and planes allow.
      const bool fine = k.cluster.y == 1 && first < k.blocks && k.grid.y == 1 && k.grid.z == 1;
      if (fine) { ASSERT_LE(std::min(atom.blocks % wave, wave - atom.blocks % wave), 1u) << atom.blocks; }
    }
    ASSERT_EQ(first, k.blocks);
    const bool free_to_choose = q.tolerated == kNever && atoms.size() > 1;
    if (free_to_choose) { ASSERT_LE(cost_share(q, atoms), 0.12); }  // 5 % as planned; rounding to waves and rows adds
  }
}

}  // namespace
}  // namespace lithos::test
