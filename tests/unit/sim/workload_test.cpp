// SPDX-License-Identifier: Apache-2.0
// Programs of tenants against a device that takes a fixed time per launch, through a real executor that nobody
// confines.
#include "sim/workload.hpp"

#include <gtest/gtest.h>

#include <deque>

#include "sim/h200.hpp"

namespace lithos {
namespace {

constexpr Nanoseconds kKernelTime{1000};
constexpr Nanoseconds kLaunchGap{100};

// Executes launches one after the other; a graph takes as many kernel times as it has nodes.
class FixedTimeDevice : public Device {
 public:
  Status submit(const AtomSubmission& atom) override {
    Completion completion;
    completion.tenant = atom.tenant;
    completion.queue = atom.queue;
    completion.launch = atom.launch;
    completion.first_block = atom.first_block;
    completion.block_count = atom.block_count;
    add(completion);
    return {};
  }
  Status submit_graph(const GraphSubmission& graph) override {
    for (std::uint32_t node = 0; node < graph.graph->nodes.size(); ++node) {
      Completion completion;
      completion.tenant = graph.tenant;
      completion.queue = graph.queue;
      completion.launch = graph.launch;
      completion.block_count = graph.graph->nodes[node]->blocks;
      completion.node = node + 1;
      add(completion);
    }
    return {};
  }
  void add(Completion completion) {
    completion.started = std::max(now, free_at);
    free_at = completion.completed = completion.started + kKernelTime;
    pending.push_back(completion);
  }
  Nanoseconds now{0}, free_at{0};
  std::deque<Completion> pending;
};

class OpenPort : public TenantPort {
 public:
  OpenPort() {
    lease_.generation = 1;
    lease_.masked = false;
  }
  const Lease& lease() override { return lease_; }
  const OperatorDecision* decision(OperatorId) override { return nullptr; }
  PressureWord pressure_of(TenantId) override { return {}; }
  void publish_pressure(const PressureWord&) override {}
  void push(const Record& record) override { synchronised += record.kind == RecordKind::synchronised; }
  void hold(bool held) { lease_.hold = held; }
  int synchronised = 0;

 private:
  Lease lease_;
};

struct Bench {
  Bench(const TenantConfig& config, unsigned kernels_per_request, bool graph, std::vector<Nanoseconds> times = {},
        std::uint32_t queue_capacity = 4096, bool calls_wait = false) {
    KernelShape shape;
    shape.name = "k";
    kernel = make_kernel_info(shape, gpu, gpu.tpcs, {});
    WorkloadProgram program;
    program.kernels.assign(kernels_per_request, &kernel);
    graph_info = make_graph_info("g", program.kernels);
    program.graph = graph ? &graph_info : nullptr;
    program.launch_gap = kLaunchGap;
    program.calls_wait = calls_wait;
    ExecutorConfig executor_config;
    executor_config.queue_capacity = queue_capacity;
    executor = std::make_unique<Executor>(gpu, executor_config, device, port);
    executor->add_queue(QueueId{1}, LaunchPath::inline_path);
    workload = std::make_unique<Workload>(config, std::move(program), Arrivals(config.arrivals, 1, std::move(times)),
                                          *executor, QueueId{1}, Nanoseconds{0});
  }

  void run(Nanoseconds until) {
    for (;;) {
      Nanoseconds next = workload->next();
      if (!device.pending.empty()) next = std::min(next, device.pending.front().completed);
      if (next > until) return;
      device.now = next;
      if (!device.pending.empty() && device.pending.front().completed <= next) {
        const Completion completion = device.pending.front();
        device.pending.pop_front();
        if (!executor->on_completed(completion, next)) continue;
        ASSERT_TRUE(workload->launch_ended(next).ok());
      } else {
        ASSERT_TRUE(workload->run(next).ok());
      }
    }
  }

  GpuShape gpu = h200_shape();
  KernelInfo kernel;
  GraphInfo graph_info;
  FixedTimeDevice device;
  OpenPort port;
  std::unique_ptr<Executor> executor;
  std::unique_ptr<Workload> workload;
};

TenantConfig from_file() {
  TenantConfig config;
  config.name = "t";
  config.arrivals.kind = ArrivalKind::file;
  return config;
}

TEST(Workload, OpenLoopCountsLatencyFromTheArrival) {
  TenantConfig config = from_file();
  config.slo = Nanoseconds{2500};
  Bench bench(config, 2, true, {Nanoseconds{0}, Nanoseconds{500}, Nanoseconds{10'000}});
  bench.run(Nanoseconds{20'000});
  Workload& w = *bench.workload;
  EXPECT_EQ(w.completed(), 3u);
  // 2000, then 1500 of waiting and 2000, then 2000 again.
  EXPECT_EQ(w.latency().max().count(), 3500);
  EXPECT_EQ(w.latency().percentile(0.5).count(), 2000);
  EXPECT_EQ(w.service().max().count(), 2000);
  EXPECT_EQ(w.within_slo(), 2u);
  EXPECT_EQ(bench.port.synchronised, 3);
}

// A call that waits for its lease keeps the program; it goes on when the launch has gone.
TEST(Workload, CallsThatWaitKeepTheProgram) {
  for (const bool waits : {true, false}) {
    Bench bench(from_file(), 20, false, {Nanoseconds{0}}, 4096, waits);
    bench.port.hold(true);
    bench.run(Nanoseconds{1900});
    EXPECT_EQ(bench.executor->waiting_launches(), waits ? 1u : 20u);
    bench.port.hold(false);
    bench.device.now = Nanoseconds{1900};
    bench.executor->poke(Nanoseconds{1900});
    bench.workload->launches_went(Nanoseconds{1900});
    bench.run(Nanoseconds{2050});
    EXPECT_EQ(bench.device.pending.size(), waits ? 3u : 20u);  // at 1900: the one that waited and its successor, then one each 100
  }
}

TEST(Workload, EagerLaunchesNeedTheCpu) {
  Bench bench(from_file(), 20, false, {Nanoseconds{0}});
  bench.run(Nanoseconds{1900});
  EXPECT_EQ(bench.device.pending.size(), 19u);  // launched at 0, 100 … 1900; one has completed
  bench.run(Nanoseconds{100'000});
  EXPECT_EQ(bench.workload->latency().max().count(), 20'000);
}

TEST(Workload, ClosedLoopWaitsTheHostGap) {
  TenantConfig config;
  config.name = "t";
  config.host_gap = Nanoseconds{500};
  Bench bench(config, 1, true);
  bench.run(Nanoseconds{15'000});
  EXPECT_EQ(bench.workload->completed(), 10u);  // every 1500
}

TEST(Workload, PipelineDepthKeepsTheDeviceBusy) {
  TenantConfig config;
  config.name = "t";
  config.host_gap = Nanoseconds{500};
  config.pipeline_depth = 2;
  Bench bench(config, 1, true);
  bench.run(Nanoseconds{15'000});
  EXPECT_EQ(bench.workload->completed(), 15u);
}

TEST(Workload, WarmUpIsForgotten) {
  TenantConfig config;
  config.name = "t";
  Bench bench(config, 1, true);
  bench.run(Nanoseconds{5'000});
  bench.workload->start_measuring(Nanoseconds{5'000});
  EXPECT_EQ(bench.workload->completed(), 0u);
  bench.run(Nanoseconds{8'000});
  EXPECT_EQ(bench.workload->completed(), 3u);
}

}  // namespace
}  // namespace lithos
