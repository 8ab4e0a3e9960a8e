// SPDX-License-Identifier: Apache-2.0
// What has been observed leaves one engine and is known to another, as over a restart.
#include <gtest/gtest.h>

#include "unit/engine/support.hpp"

namespace lithos::test {
namespace {

lithos_observation seen_once(std::uint64_t op_id, std::uint32_t tpcs) {
  lithos_observation seen{};
  seen.op.op_id = op_id;
  seen.op.blocks = seen.block_count = 64;
  seen.tpcs = tpcs;
  seen.clock_mhz = 1980;
  seen.duration_ns = 50'000;
  return seen;
}

std::vector<lithos_observation> learned_by(const Engine& engine) {
  std::vector<lithos_observation> all;
  for (std::size_t part = 0; part < Engine::kLearnedParts; ++part) engine.learned_part(part, all);
  return all;
}

TEST(Recall, EveryPolicyIsToldAndTheNextEngineIsToo) {
  std::vector<lithos_observation> known;
  for (std::uint64_t op = 1; op <= 300; ++op) known.push_back(seen_once(op, 66)), known.push_back(seen_once(op, 40));
  EngineUnderTest first;
  unsigned told = 0;
  script.observe = [&](const lithos_observation*) { ++told; };
  EXPECT_EQ(first.engine->recall(known), known.size());
  EXPECT_EQ(told, 2 * known.size()) << "predictor and right-sizer";

  const std::vector<lithos_observation> kept = learned_by(*first.engine);
  EXPECT_EQ(kept.size(), known.size()) << "each once, whatever part it is in";
  EngineUnderTest second;
  told = 0;
  script.observe = [&](const lithos_observation* seen) { told += seen->duration_ns == 50'000; };
  EXPECT_EQ(second.engine->recall(kept), known.size());
  EXPECT_EQ(told, 2 * known.size());
  EXPECT_EQ(learned_by(*second.engine).size(), known.size());
}

TEST(Recall, WhatCannotBeIsLeftOut) {
  std::vector<lithos_observation> wrong(7, seen_once(1, 66));
  wrong[0].tpcs = 0;
  wrong[1].tpcs = 67;
  wrong[2].duration_ns = 0;
  wrong[3].duration_ns = ~std::uint64_t{0};
  wrong[4].block_count = 1;
  wrong[5].op.op_id = 0;
  wrong[6].op.blocks = wrong[6].block_count = 0;
  EngineUnderTest t;
  script.observe = [](const lithos_observation*) { ADD_FAILURE() << "told"; };
  EXPECT_EQ(t.engine->recall(wrong), 0u);
  EXPECT_TRUE(learned_by(*t.engine).empty());
}

}  // namespace
}  // namespace lithos::test
