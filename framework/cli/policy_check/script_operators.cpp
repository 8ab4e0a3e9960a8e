// SPDX-License-Identifier: Apache-2.0
// Questions for predictors, right-sizers and DVFS policies: a few operators with a plausible law of their own.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "cli/policy_check/script.hpp"
#include "lithos/testing/view_builder.hpp"
#include "policy_host/faults.hpp"

namespace lithos {
namespace {

constexpr unsigned kOperators = 24;

// Operators of all sizes, and how long they take: a fixed part, and work that TPCs share.
class Operators {
 public:
  explicit Operators(OddNumbers& random) {
    for (unsigned i = 0; i < kOperators; ++i) {
      const std::uint32_t blocks = 1u << random.below(16);
      lithos_op op = testing::make_op(1000 + i, blocks, i % 3 == 0 ? 0 : LITHOS_OP_CUTTABLE);
      op.blocks_per_tpc = 1 + static_cast<std::uint32_t>(random.below(32));
      op.bound = static_cast<std::uint32_t>(random.below(3));
      op_.push_back(op);
    }
  }
  const lithos_op& at(std::uint64_t index) const { return op_[index % kOperators]; }
  static std::uint64_t time_ns(const lithos_op& op, std::uint32_t tpcs) {
    const std::uint32_t filled = (op.blocks + op.blocks_per_tpc - 1) / op.blocks_per_tpc;
    return 2'000 + std::uint64_t{op.blocks} * 1'500 / std::max(1u, std::min(tpcs, filled));
  }

 private:
  std::vector<lithos_op> op_;
};

void spoil(lithos_op& op, OddNumbers& random) {
  for (std::uint32_t* field : {&op.flags, &op.bound, &op.blocks, &op.threads_per_block, &op.blocks_per_tpc,
                               &op.cluster_blocks, &op.min_tpcs, &op.ordinal})
    if (random.below(2) == 0) *field = static_cast<std::uint32_t>(random.odd());
}

lithos_observation observation_of(const lithos_op& op, std::uint32_t tpcs, OddNumbers& random, bool garbage) {
  lithos_observation seen{};
  seen.op = op;
  seen.tenant_id = 1;
  seen.tpcs = tpcs;
  seen.clock_mhz = 1980;
  seen.neighbour_tpcs = random.below(2) == 0 ? 0 : 20;
  seen.block_count = op.blocks;
  seen.duration_ns = Operators::time_ns(op, tpcs);
  if (!garbage) return seen;
  spoil(seen.op, random);
  seen.duration_ns = random.odd();
  seen.block_count = static_cast<std::uint32_t>(random.odd());
  seen.tpcs = static_cast<std::uint32_t>(random.odd());
  return seen;
}

class PredictorScript final : public ScriptPart {
 public:
  PredictorScript(const lithos_gpu_info& gpu, const ScriptOptions& options) {
    OddNumbers random(options.seed);
    const Operators operators(random);
    for (unsigned step = 0; step < options.steps; ++step) {
      const std::uint32_t tpcs = 1 + static_cast<std::uint32_t>(random.below(gpu.tpcs));
      seen_.push_back(observation_of(operators.at(random.next()), tpcs, random, options.garbage));
      lithos_predict_query query{};
      query.op = operators.at(random.next());
      if (options.garbage) spoil(query.op, random);
      query.tenant_id = 1;
      query.tpcs = 1 + static_cast<std::uint32_t>(random.below(gpu.tpcs));
      query.clock_mhz = 1980;
      query.neighbour_tpcs = static_cast<std::uint32_t>(random.below(gpu.tpcs));
      query_.push_back(query);
    }
  }

  void play(unsigned step, SubjectInstance& subject, Played& played) override {
    const auto& ops = subject.ops<lithos_predictor_ops>();
    if (ops.observe != nullptr) ops.observe(subject.self(), &seen_[step]);
    lithos_prediction out{};
    if (!timed(subject, played, [&] { return ops.predict(subject.self(), &query_[step], &out); })) return;
    mix(played.digest, &out, sizeof out);
    if (!played.first_fault.empty()) return;
    if (out.p50_ns == 0 || out.p50_ns > kAbsurdNs) played.first_fault = fmt::format("p50 is {} ns", out.p50_ns);
    else if (out.p99_ns < out.p50_ns)
      played.first_fault = fmt::format("p99 ({} ns) is below p50 ({} ns)", out.p99_ns, out.p50_ns);
    else if (!(out.confidence >= 0 && out.confidence <= 1))
      played.first_fault = fmt::format("confidence is {}", out.confidence);
  }

 private:
  std::vector<lithos_observation> seen_;
  std::vector<lithos_predict_query> query_;
};

class RightSizerScript final : public ScriptPart {
 public:
  RightSizerScript(const lithos_gpu_info& gpu, const ScriptOptions& options) {
    OddNumbers random(options.seed);
    const Operators operators(random);
    for (unsigned step = 0; step < options.steps; ++step) {
      const std::uint32_t tpcs = 1 + static_cast<std::uint32_t>(random.below(gpu.tpcs));
      seen_.push_back(observation_of(operators.at(random.next()), tpcs, random, options.garbage));
      lithos_size_query query{};
      query.op = operators.at(random.next());
      if (options.garbage) spoil(query.op, random);
      query.tenant_id = 1;
      query.tenant_class = 1 + static_cast<std::uint32_t>(random.below(options.garbage ? 100 : 3));
      query.tpcs = 1 + static_cast<std::uint32_t>(random.below(gpu.tpcs));
      query.slip = options.garbage ? random.odd_real() : 1 + random.real();
      query_.push_back(query);
    }
  }

  void play(unsigned step, SubjectInstance& subject, Played& played) override {
    const auto& ops = subject.ops<lithos_right_sizer_ops>();
    if (ops.observe != nullptr) ops.observe(subject.self(), &seen_[step]);
    lithos_size out{};
    if (!timed(subject, played, [&] { return ops.choose(subject.self(), &query_[step], &out); })) return;
    mix(played.digest, &out.tpcs, sizeof out.tpcs);
    mix(played.digest, &out.expected_slowdown, sizeof out.expected_slowdown);
    if (!played.first_fault.empty()) return;
    if (out.tpcs < 1 || out.tpcs > query_[step].tpcs)
      played.first_fault = fmt::format("{} TPCs chosen of 1 … {}", out.tpcs, query_[step].tpcs);
    else if (!(out.expected_slowdown >= 1 && std::isfinite(out.expected_slowdown)))
      played.first_fault = fmt::format("expected slowdown is {}", out.expected_slowdown);
  }

 private:
  std::vector<lithos_observation> seen_;
  std::vector<lithos_size_query> query_;
};

class DvfsScript final : public ScriptPart {
 public:
  DvfsScript(const lithos_gpu_info& gpu, const ScriptOptions& options)
      : clocks_(gpu.clocks_mhz, gpu.clocks_mhz + (gpu.clocks_mhz != nullptr ? gpu.clocks : 0)) {
    OddNumbers random(options.seed);
    const Operators operators(random);
    const std::size_t stride = sizeof(lithos_op_weight) + options.larger_structs_by;
    weights_.resize(options.steps);
    for (unsigned step = 0; step < options.steps; ++step) {
      const auto count = static_cast<std::uint32_t>(step == 0 ? 0 : random.below(kOperators));
      weights_[step].assign(count * stride, 0xa5);
      for (std::uint32_t i = 0; i < count; ++i) {
        lithos_op_weight weight{operators.at(i).op_id,
                                1,
                                1 + i % 3,
                                operators.at(i).bound,
                                1.0 / count,
                                Operators::time_ns(operators.at(i), 66),
                                66,
                                1 + i};
        if (options.garbage) weight.share = random.odd_real(), weight.mean_ns = random.odd(), weight.bound = 77;
        std::memcpy(weights_[step].data() + i * stride, &weight, sizeof weight);
      }
      lithos_power_sample sample{};
      sample.struct_size = sizeof sample;
      sample.clock_mhz = clocks_.empty() ? 1980 : clocks_[random.below(clocks_.size())];
      sample.now_ns = 1'000'000'000 + step * std::uint64_t{50'000'000};
      if (options.clock_runs_back && step % 3 == 2) sample.now_ns -= 400'000'000;
      sample.window_ns = 50'000'000;
      sample.busy_share = count == 0 ? 0 : random.real();
      sample.power_w = random.below(2) == 0 ? std::nan("") : 300 + 400 * random.real();
      sample.power_limit_w = 700;
      sample.slip = 1.1;
      if (options.garbage) {
        for (double* field : {&sample.busy_share, &sample.power_w, &sample.power_limit_w, &sample.slip})
          *field = random.odd_real();
        sample.now_ns = random.odd();
        sample.window_ns = random.odd();
        sample.clock_mhz = static_cast<std::uint32_t>(random.odd());
      }
      sample.op = reinterpret_cast<const lithos_op_weight*>(weights_[step].data());
      sample.op_size = stride;
      sample.ops = count;
      samples_.push_back(sample);
    }
  }

  void play(unsigned step, SubjectInstance& subject, Played& played) override {
    lithos_clock_request out{sizeof out, 0, 0};
    const auto& ops = subject.ops<lithos_dvfs_ops>();
    if (!timed(subject, played, [&] { return ops.plan(subject.self(), &samples_[step], &out); })) return;
    mix(played.digest, &out, sizeof out);
    if (!played.first_fault.empty()) return;
    // A clock that the device has not is snapped to the nearest: level 5 looks at that.
    if (out.next_sample_ns != 0 && out.next_sample_ns <= samples_[step].now_ns)
      played.first_fault = "the next sample is asked for at a time that is not in the future";
  }

 private:
  std::vector<std::uint32_t> clocks_;
  std::vector<std::vector<unsigned char>> weights_;
  std::vector<lithos_power_sample> samples_;
};

}  // namespace

std::unique_ptr<ScriptPart> predictor_script(const lithos_gpu_info& gpu, const ScriptOptions& options) {
  return std::make_unique<PredictorScript>(gpu, options);
}
std::unique_ptr<ScriptPart> right_sizer_script(const lithos_gpu_info& gpu, const ScriptOptions& options) {
  return std::make_unique<RightSizerScript>(gpu, options);
}
std::unique_ptr<ScriptPart> dvfs_script(const lithos_gpu_info& gpu, const ScriptOptions& options) {
  return std::make_unique<DvfsScript>(gpu, options);
}

}  // namespace lithos
