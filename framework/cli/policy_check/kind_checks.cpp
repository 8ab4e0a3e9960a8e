// SPDX-License-Identifier: Apache-2.0
// Level 5: does the policy make sense as what it is, on kernels that were recorded?
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "cli/installation.hpp"
#include "cli/policy_check/check.hpp"
#include "cli/policy_check/script.hpp"
#include "cli/policy_check/subject.hpp"
#include "lithos/testing/trace.hpp"
#include "lithos/testing/view_builder.hpp"

namespace lithos {
namespace {

// Recorded kernels; where no trace is installed, made-up ones of all sizes.
std::vector<testing::TraceKernel> kernels() {
  const std::string path = shared_file("traces/resnet50_infer_b16.csv");
  if (!path.empty()) return testing::read_trace(path);
  std::vector<testing::TraceKernel> made;
  for (std::uint32_t i = 0; i < 16; ++i) {
    testing::TraceKernel kernel;
    kernel.op = testing::make_op(100 + i, 1u << i);
    for (const std::uint32_t tpcs : {66u, 32u, 8u})
      kernel.measured.emplace_back(tpcs, 2'000 + std::uint64_t{kernel.op.blocks} * 1'000 / tpcs);
    made.push_back(kernel);
  }
  return made;
}

// ---- scheduler ------------------------------------------------------------------------------------------------------

Verdict everybody_may_run(const CheckInput& input) {
  return with_instance(input, [](const Bench& bench) {
    testing::ViewBuilder machine(66);
    machine.latency_critical("service", 66).idle(1);
    machine.best_effort("batch").pressed(1).waits(1'000'000);
    for (unsigned step = 0; step < 200; ++step) {  // ten seconds in which the owner does nothing
      machine.at(1'000'000'000 + std::uint64_t{step} * 50'000'000);
      testing::Answer answer(machine);
      if (bench.instance.ops<lithos_scheduler_ops>().decide(bench.instance.self(), machine.c(), answer.c()) < 0)
        continue;
      const lithos_lease& lease = answer.lease("batch");
      if (!sdk::TpcSet(lease.usable[LITHOS_PRESSURE_IDLE]).empty() && (lease.flags & LITHOS_LEASE_HOLD) == 0)
        return passed();
    }
    return warned("for ten seconds a tenant without quota got nothing though all owners were idle");
  });
}

Verdict own_tpcs_stay(const CheckInput& input) {
  return with_instance(input, [](const Bench& bench) {
    testing::ViewBuilder machine(66);
    machine.latency_critical("service", 40).pressed(1).waits(1'000'000);
    machine.best_effort("batch", 20).pressed(1).waits(1'000'000);
    testing::Answer answer(machine);
    if (bench.instance.ops<lithos_scheduler_ops>().decide(bench.instance.self(), machine.c(), answer.c()) < 0)
      return passed();
    const bool taken =
        answer.lease("batch").usable[LITHOS_PRESSURE_PRESSED].words[0] != 0 &&
        (sdk::TpcSet(answer.lease("batch").usable[LITHOS_PRESSURE_PRESSED]) & machine.tenant(0).view().own).count() > 0;
    return taken ? warned("a best-effort tenant may use a pressed, latency-critical owner's TPCs") : passed();
  });
}

// ---- predictor --------------------------------------------------------------------------------------------------------

lithos_prediction predict(SubjectInstance& instance, const lithos_op& op, std::uint32_t tpcs) {
  lithos_predict_query query{};
  query.op = op;
  query.tenant_id = 1;
  query.tpcs = tpcs;
  query.clock_mhz = 1980;
  lithos_prediction out{};
  if (instance.ops<lithos_predictor_ops>().predict(instance.self(), &query, &out) < 0) out = {};
  return out;
}

void observe(SubjectInstance& instance, const testing::TraceKernel& kernel, std::uint32_t tpcs) {
  const lithos_observation seen = kernel.observation(tpcs);
  if (instance.ops<lithos_predictor_ops>().observe != nullptr && seen.duration_ns > 0)
    instance.ops<lithos_predictor_ops>().observe(instance.self(), &seen);
}

Verdict learns(const CheckInput& input) {
  return with_instance(input, [](const Bench& bench) {
    if (bench.instance.ops<lithos_predictor_ops>().observe == nullptr) return skipped("it does not observe");
    const std::vector<testing::TraceKernel> trace = kernels();
    for (unsigned repeat = 0; repeat < 30; ++repeat)
      for (const testing::TraceKernel& kernel : trace) observe(bench.instance, kernel, 66);
    std::vector<double> errors;
    for (const testing::TraceKernel& kernel : trace) {
      const auto truth = static_cast<double>(kernel.time_ns(66));
      if (truth > 0)
        errors.push_back(std::abs(static_cast<double>(predict(bench.instance, kernel.op, 66).p50_ns) - truth) / truth);
    }
    if (errors.empty()) return skipped("the trace has no times");
    std::sort(errors.begin(), errors.end());
    const double median = errors[errors.size() / 2];
    const std::string found = fmt::format("median error {:.1f} % on kernels seen 30 times", 100 * median);
    return median > 0.5 ? failed(found) : median > 0.1 ? warned(found) : passed(found);
  });
}

Verdict fewer_tpcs_take_longer(const CheckInput& input) {
  return with_instance(input, [](const Bench& bench) {
    const std::vector<testing::TraceKernel> trace = kernels();
    for (const testing::TraceKernel& kernel : trace) observe(bench.instance, kernel, 66);
    unsigned wrong = 0;
    for (const testing::TraceKernel& kernel : trace) {
      const std::uint64_t wide = predict(bench.instance, kernel.op, 66).p50_ns,
                          narrow = predict(bench.instance, kernel.op, 16).p50_ns;
      wrong += static_cast<double>(narrow) < 0.99 * static_cast<double>(wide) ? 1 : 0;
    }
    return wrong == 0 ? passed()
                      : failed(fmt::format("{} of {} kernels are predicted to be faster on 16 TPCs than on 66", wrong,
                                           trace.size()));
  });
}

// ---- right-sizer --------------------------------------------------------------------------------------------------------

Verdict sizes_within_slip(const CheckInput& input) {
  return with_instance(input, [](const Bench& bench) {
    constexpr unsigned kRounds = 20;  // it may try other sizes at first: what it settles on counts
    constexpr std::uint32_t kTpcs = 66;
    const auto& ops = bench.instance.ops<lithos_right_sizer_ops>();
    double saved = 0;
    unsigned asked = 0, beyond = 0;
    for (const testing::TraceKernel& kernel : kernels()) {
      lithos_size_query query{};
      query.op = kernel.op;
      query.tenant_id = 1;
      query.tenant_class = LITHOS_CLASS_THROUGHPUT;
      query.tpcs = kTpcs;
      query.slip = 1.1;
      lithos_size size{};
      for (unsigned round = 0; round < kRounds; ++round) {
        if (ops.choose(bench.instance.self(), &query, &size) < 0) return failed(bench.instance.host().failure());
        if (size.tpcs < 1 || size.tpcs > kTpcs)
          return failed(fmt::format("{} TPCs chosen of 1 … {}", size.tpcs, kTpcs));
        const lithos_observation seen = kernel.observation(size.tpcs);
        if (ops.observe != nullptr && seen.duration_ns > 0) ops.observe(bench.instance.self(), &seen);
      }
      saved += 1 - size.tpcs / double{kTpcs};
      beyond += size.expected_slowdown > query.slip + 1e-6 ? 1 : 0;
      ++asked;
    }
    if (beyond > 0)  // a size that is meant to be blind does this on purpose
      return warned(fmt::format("for {} of {} kernels it expects more slowdown than the 1.1 accepted", beyond, asked));
    return passed(fmt::format("saves {:.0f} % of TPCs on recorded kernels", 100 * saved / std::max(1u, asked)));
  });
}

// ---- dvfs -------------------------------------------------------------------------------------------------------------------

Verdict clocks_of_the_table(const CheckInput& input) {
  return with_instance(input, [](const Bench& bench) {
    std::uint32_t lowest = 0xffffffffu, highest = 0, unknown = 0;
    for (unsigned step = 0; step < 100; ++step) {
      const std::uint32_t bound = step < 50 ? LITHOS_BOUND_COMPUTE : LITHOS_BOUND_MEMORY;
      const lithos_op_weight weight{1, 1, LITHOS_CLASS_THROUGHPUT, bound, 1.0, 100'000, 66, 10};
      lithos_power_sample sample{};
      sample.struct_size = sizeof sample;
      sample.clock_mhz = 1980;
      sample.now_ns = 1'000'000'000 + std::uint64_t{step} * 50'000'000;
      sample.window_ns = 50'000'000;
      sample.busy_share = 1;
      sample.power_w = sample.power_limit_w = 700;
      sample.slip = 1.1;
      sample.op = &weight;
      sample.op_size = sizeof weight;
      sample.ops = 1;
      lithos_clock_request out{sizeof out, 0, 0};
      if (bench.instance.ops<lithos_dvfs_ops>().plan(bench.instance.self(), &sample, &out) < 0) continue;
      const std::uint32_t clock = out.clock_mhz == 0 ? bench.gpu.clocks_mhz().front() : out.clock_mhz;
      if (std::find(bench.gpu.clocks_mhz().begin(), bench.gpu.clocks_mhz().end(), clock) ==
          bench.gpu.clocks_mhz().end())
        unknown = clock;
      lowest = std::min(lowest, clock);
      highest = std::max(highest, clock);
    }
    if (unknown != 0)
      return warned(
          fmt::format("{} MHz is not a clock of the device; the host takes the nearest and counts it", unknown));
    return passed(fmt::format("{} … {} MHz under full load", lowest, highest));
  });
}

constexpr std::array kKindChecks{
    Check{"scheduler.everybody_may_run",
          "Where all owners are idle, a tenant without quota gets something sooner or later.",
          "Lend idle owners' TPCs: usable[LITHOS_PRESSURE_IDLE]. A strict partition may ignore this.",
          &everybody_may_run, true, LITHOS_KIND_SCHEDULER},
    Check{"scheduler.own_tpcs_stay", "Best effort does not sit on the TPCs of a pressed latency-critical owner.",
          "Leave usable[LITHOS_PRESSURE_PRESSED] as it was preset.", &own_tpcs_stay, true, LITHOS_KIND_SCHEDULER},
    Check{"predictor.learns", "What was observed often is predicted.",
          "Weigh observations by op_id and TPC count; atoms are a share of the grid (block_count of op.blocks).",
          &learns, true, LITHOS_KIND_PREDICTOR},
    Check{"predictor.fewer_tpcs_take_longer", "On fewer TPCs a kernel is not predicted to be faster.",
          "Scale by useful TPCs: min(tpcs, blocks / blocks_per_tpc).", &fewer_tpcs_take_longer, true,
          LITHOS_KIND_PREDICTOR},
    Check{"right_sizer.sizes_within_slip", "1 … query.tpcs, and an expected slowdown within the slip.",
          "Clamp to query.tpcs; choose more TPCs until the slowdown fits.", &sizes_within_slip, true,
          LITHOS_KIND_RIGHT_SIZER},
    Check{"dvfs.clocks_of_the_table", "Every clock asked for is one of lithos_gpu_info.clocks_mhz, or 0.",
          "Choose from Gpu::clocks_mhz(), highest first.", &clocks_of_the_table, true, LITHOS_KIND_DVFS},
};

}  // namespace

std::span<const Check> kind_checks() { return kKindChecks; }

}  // namespace lithos
