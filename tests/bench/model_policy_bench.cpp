// SPDX-License-Identifier: Apache-2.0
// What a question and an observation cost the shipped predictors and right-sizers, through the guard, as the engine asks them. A thousand
// operators on three TPC counts each, in no order, as several tenants have.
//   build/release/tests/bin/model_policy_bench
// Aim: at most 50 ns a prediction and 100 ns an observation (issue 10).
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "policy_host/catalog.hpp"
#include "policy_host/policy_set.hpp"
#include "test_paths.hpp"

namespace {

constexpr std::uint32_t kOperators = 1000;
constexpr std::uint32_t kCounts[] = {66, 40, 16};
constexpr std::uint32_t kClocks[] = {1980};
constexpr lithos_gpu_info kGpu{sizeof(lithos_gpu_info), 66, 2, 8, nullptr, 1, kClocks, 1, 0};

std::unique_ptr<lithos::PolicySet> with(const char* predictor, const char* right_sizer) {
  static lithos::PolicyCatalog catalog({LITHOS_BINARY_DIR "/lib/lithos/policies"});
  lithos::PolicySetConfig config;
  config.predictor.id = predictor;
  config.right_sizer.id = right_sizer;
  return lithos::PolicySet::create(config, catalog, kGpu).set;
}

std::uint64_t next(std::uint64_t& state) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return state >> 33;
}

lithos_op op_of(std::uint32_t number) {
  lithos_op op{};
  op.op_id = (number + 1) * 0x9e3779b97f4a7c15u;
  op.blocks = 100 + number * 37;
  op.threads_per_block = 128u << number % 4;
  op.blocks_per_tpc = 32u >> number % 4;
  op.cluster_blocks = 1;
  op.min_tpcs = 1;
  return op;
}

lithos_observation observation(std::uint64_t& state) {
  const std::uint64_t dice = next(state);
  lithos_observation seen{};
  const auto number = static_cast<std::uint32_t>(dice % kOperators);
  seen.op = op_of(number);
  seen.tenant_id = 1;
  seen.tpcs = kCounts[dice / kOperators % 3];
  seen.clock_mhz = 1980;
  seen.block_count = seen.op.blocks;
  seen.duration_ns = (20'000 + number * 100) * 66 / seen.tpcs + dice % 700;
  return seen;
}

void teach(lithos::PolicySet& set) {
  std::uint64_t state = 1;
  for (std::uint32_t i = 0; i < 40 * kOperators; ++i) set.observe(observation(state));
}

lithos_predict_query question(std::uint64_t& state) {
  const std::uint64_t dice = next(state);
  lithos_predict_query query{};
  query.op = op_of(static_cast<std::uint32_t>(dice % kOperators));
  query.tenant_id = 1;
  query.tpcs = 1 + static_cast<std::uint32_t>(dice / kOperators % 66);
  query.clock_mhz = 1980;
  return query;
}

// The cost of making up observations and questions, to be taken off the others.
void nothing(benchmark::State& state) {
  std::uint64_t dice = 2;
  for (auto _ : state) benchmark::DoNotOptimize(observation(dice));
}
BENCHMARK(nothing);

void only_questions(benchmark::State& state) {
  std::uint64_t dice = 2;
  for (auto _ : state) benchmark::DoNotOptimize(question(dice));
}
BENCHMARK(only_questions);

void predict(benchmark::State& state, const char* predictor) {
  const auto set = with(predictor, "");
  if (set == nullptr) return state.SkipWithError("not built");
  teach(*set);
  std::uint64_t dice = 2;
  for (auto _ : state) benchmark::DoNotOptimize(set->predict(question(dice)));
}

void observe(benchmark::State& state, const char* predictor, const char* right_sizer) {
  const auto set = with(predictor, right_sizer);
  if (set == nullptr) return state.SkipWithError("not built");
  teach(*set);
  std::uint64_t dice = 2;
  for (auto _ : state) set->observe(observation(dice));
}

void choose(benchmark::State& state, const char* right_sizer) {
  const auto set = with("", right_sizer);
  if (set == nullptr) return state.SkipWithError("not built");
  teach(*set);
  std::uint64_t dice = 2;
  for (auto _ : state) {
    lithos_size_query query{};
    query.op = op_of(static_cast<std::uint32_t>(next(dice) % kOperators));
    query.tenant_id = 1;
    query.tenant_class = LITHOS_CLASS_LATENCY_CRITICAL;
    query.tpcs = 66;
    query.slip = 1.1;
    benchmark::DoNotOptimize(set->choose(query));
  }
}

BENCHMARK_CAPTURE(predict, operator_curve, "operator_curve");
BENCHMARK_CAPTURE(predict, operator_median, "operator_median");
BENCHMARK_CAPTURE(observe, builtin_alone, "", "none");
BENCHMARK_CAPTURE(observe, operator_curve, "operator_curve", "none");
BENCHMARK_CAPTURE(observe, operator_median, "operator_median", "none");
BENCHMARK_CAPTURE(observe, marginal, "", "marginal");
BENCHMARK_CAPTURE(observe, amdahl, "", "amdahl");
BENCHMARK_CAPTURE(choose, marginal, "marginal");
BENCHMARK_CAPTURE(choose, amdahl, "amdahl");

}  // namespace
