// SPDX-License-Identifier: Apache-2.0
// Overlapping masks and stream priority on the virtual GPU against the real one: the service of the fidelity experiment may
// use the whole device, the prefill only so many TPCs. Measured under MPS on an H200 (docs/results/hardware,
// SUMMARY_B_OVERLAP.txt). Device and programs only, no engine: what is compared is the hardware's own behaviour.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>

#include "sim/arrivals.hpp"
#include "sim/fifo.hpp"
#include "sim/inputs.hpp"
#include "sim/statistics.hpp"
#include "sim/virtual_gpu.hpp"
#include "test_paths.hpp"

namespace lithos {
namespace {

constexpr double kClose = 0.15;
constexpr double kDiverging = 0.30;  // the row in which requests come faster than they are done
constexpr Nanoseconds kDuration{12'000'000'000};
constexpr Nanoseconds kSeen{4'000};  // from the last kernel's end until the server goes on (measured: 10 us in all)
constexpr Nanoseconds kHostGap{1'000'000};  // between two iterations of the prefill (measured: below 1 ms)
constexpr TenantId kPrefill{0}, kService{1};

struct Row {
  unsigned service_tpcs, prefill_tpcs;
  bool prefill_low_priority;
  double requests_per_s;
  double service_ms, iterations_per_s;  // measured
};

class CoLocation final : private CompletionSink {
 public:
  CoLocation(const SimInputs& inputs, const Row& row)
      : row_(row),
        prefill_(*inputs.programs[0]),
        service_(*inputs.programs[1]),
        masks_(service_.kernels.size(), TpcSet::range(inputs.gpu.tpcs - row.service_tpcs, inputs.gpu.tpcs)),
        arrivals_(poisson(row.requests_per_s), 7),
        gpu_(inputs.gpu, h200_model(), Sharing::mps, *this) {
    for (const TenantProgram* program : {&prefill_, &service_})
      for (std::size_t i = 0; i < program->kernels.size(); ++i)
        gpu_.add_kernel(program->kernels[i], program->curves[i]);
    next_arrival_ = arrivals_.next();
  }

  void run() {
    for (;;) {
      Nanoseconds at = std::min({gpu_.next_event(), next_arrival_, prefill_left_ == 0 ? prefill_next_ : kNever});
      if (!serving_ && !waiting_.empty()) at = std::min(at, server_free_);
      at = std::max(at, gpu_.now());
      if (at > kDuration) return;
      gpu_.advance(at);
      for (; next_arrival_ <= at; next_arrival_ = arrivals_.next()) waiting_.push() = next_arrival_;
      if (!serving_ && !waiting_.empty() && server_free_ <= at) serve(at);
      if (prefill_left_ == 0 && prefill_next_ <= at) prefill();
    }
  }

  double service_ms() const { return static_cast<double>(service_times_.mean().count()) * 1e-6; }
  double iterations_per_s() const { return static_cast<double>(iterations_) / to_seconds(kDuration); }

 private:
  static ArrivalConfig poisson(double rate) {
    ArrivalConfig config;
    config.kind = ArrivalKind::poisson;
    config.rate_per_s = rate;
    return config;
  }

  void serve(Nanoseconds now) {
    waiting_.pop();
    serving_ = true;
    began_ = now;
    GraphSubmission graph;
    graph.tenant = kService;
    graph.launch = LaunchId{++launches_};
    graph.graph = &service_.graph;
    graph.node_tpcs = masks_;
    ASSERT_TRUE(gpu_.submit_graph(graph).ok());
  }

  void prefill() {
    for (const KernelInfo& kernel : prefill_.kernels) {
      AtomSubmission atom;
      atom.tenant = kPrefill;
      atom.launch = LaunchId{++launches_};
      atom.kernel = &kernel;
      atom.block_count = kernel.blocks;
      atom.tpcs = TpcSet::first(row_.prefill_tpcs);
      atom.low_priority = row_.prefill_low_priority;
      ASSERT_TRUE(gpu_.submit(atom).ok());
      ++prefill_left_;
    }
  }

  void on_device_completion(const Completion& completion) override {
    if (completion.tenant == kPrefill) {
      if (--prefill_left_ > 0) return;
      prefill_next_ = completion.completed + kHostGap;
      ++iterations_;
      return;
    }
    if (completion.node < service_.kernels.size()) return;
    serving_ = false;
    server_free_ = completion.completed + kSeen;
    service_times_.add(server_free_ - began_);
  }

  const Row row_;
  const TenantProgram& prefill_;
  const TenantProgram& service_;
  const std::vector<TpcSet> masks_;
  Arrivals arrivals_;
  VirtualGpu gpu_;
  Fifo<Nanoseconds> waiting_;
  Nanoseconds next_arrival_{0}, server_free_{0}, began_{0}, prefill_next_{0};
  bool serving_ = false;
  std::size_t prefill_left_ = 0;
  std::uint64_t launches_ = 0;
  std::uint64_t iterations_ = 0;
  DurationStatistics service_times_;
};

TEST(Overlap, ReproducesMeasuredMasksAndPriorities) {
  const ParsedConfig parsed = parse_config_file(LITHOS_SOURCE_DIR "/configs/fidelity/gpu_md_9.toml");
  ASSERT_TRUE(parsed.config);
  const LoadedInputs loaded = load_inputs(*parsed.config);
  ASSERT_TRUE(loaded.inputs);
  const Row rows[] = {
      {34, 32, false, 300, 2.571, 4.94}, {66, 32, false, 300, 2.538, 4.91}, {66, 32, true, 300, 2.276, 4.63},
      {66, 24, false, 300, 2.340, 3.92}, {66, 24, true, 300, 2.169, 3.67},  {66, 44, false, 300, 3.623, 6.05},
      {66, 44, true, 300, 2.877, 5.60},  {66, 32, false, 20, 2.544, 5.24},  {66, 32, true, 20, 2.337, 5.21},
      {66, 56, true, 20, 3.964, 7.57},   {66, 66, true, 300, 6.570, 7.38},
  };
  std::printf("service on  prefill on  priority   requests/s   service ms       iterations/s\n");
  for (const Row& row : rows) {
    CoLocation run(*loaded.inputs, row);
    run.run();
    std::printf("%10u  %10u  %8s  %10.0f    %.2f (%.2f)      %.2f (%.2f)\n", row.service_tpcs, row.prefill_tpcs,
                row.prefill_low_priority ? "high" : "same", row.requests_per_s, run.service_ms(), row.service_ms,
                run.iterations_per_s(), row.iterations_per_s);
    EXPECT_NEAR(run.service_ms() / row.service_ms, 1, row.prefill_tpcs == 66 ? kDiverging : kClose);
    EXPECT_NEAR(run.iterations_per_s() / row.iterations_per_s, 1, kClose);
  }
}

}  // namespace
}  // namespace lithos
