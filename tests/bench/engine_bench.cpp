// SPDX-License-Identifier: Apache-2.0
// What one atom costs in executor and engine, beside a device that does nothing, and what one decision costs per tenant.
#include <benchmark/benchmark.h>

#include "unit/executor/support.hpp"

namespace lithos::test {
namespace {

struct NoDevice final : Device {
  Status submit(const AtomSubmission& atom) override { last = atom; return {}; }
  Status submit_graph(const GraphSubmission&) override { return {}; }
  AtomSubmission last;
};

// Keeps the last records for whoever wants them.
struct ThinPort final : TenantPort {
  const Lease& lease() override { return current; }
  const OperatorDecision* decision(OperatorId) override { return &known; }
  PressureWord pressure_of(TenantId) override { return {}; }
  void publish_pressure(const PressureWord&) override {}
  void push(const Record& record) override { records[count++ % 8] = record; }
  Lease current;
  OperatorDecision known;
  Record records[8];
  std::size_t count = 0;
};

struct Bench {
  Bench() : gpu(h200()), executor(gpu, ExecutorConfig{}, device, port) {
    port.current.generation = 1;
    port.current.unowned = TpcSet::range(42, 66);
    port.current.starvation_limit = Nanoseconds{200'000'000};
    port.current.lenders = 1;
    port.current.lender[0] = {TenantId{1}, TpcSet::first(42), Nanoseconds{1'000'000}};
    port.current.borrowed[0] = TpcSet::first(42);
    port.current.outstanding_limit = port.current.uncuttable_limit = Nanoseconds{1'000'000};
    port.known.span_tpcs = 66;
    for (auto& at : port.known.predicted_at) at = Nanoseconds{5'000};
    executor.add_queue(QueueId{0}, LaunchPath::queued_path);
    KernelRules rules;
    rules.rules.push_back({"free", KernelNature::independent, false, ""});
    kernel = make_kernel_info({"free", {4000, 1, 1}, {256, 1, 1}, {1, 1, 1}, 32, 0, false}, gpu, gpu.tpcs, rules);
  }
  // One launch, all the way: queued, submitted, completed.
  void launch() {
    now += Nanoseconds{5'000};
    benchmark::DoNotOptimize(executor.launch(QueueId{0}, kernel, now).ok());
    const AtomSubmission& a = device.last;
    executor.on_completed({a.tenant, a.queue, a.launch, a.first_block, a.block_count, 0, now - Nanoseconds{4'000}, now}, now);
  }
  GpuShape gpu;
  NoDevice device;
  ThinPort port;
  Executor executor;
  KernelInfo kernel;
  Nanoseconds now{1'000'000'000};
};

void executor_atom(benchmark::State& state) {
  Bench bench;
  for (auto _ : state) bench.launch();
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(executor_atom);

// queued + submitted + completed of one launch, with the built-in policies and whatever decisions they cause.
void engine_atom(benchmark::State& state) {
  const GpuShape gpu = h200();
  auto policies = std::move(PolicySet::from_tables({}, gpu_info(gpu, 0))).value();
  Published out;
  Engine engine(gpu, {}, *policies, out);
  const TenantId tenant = engine.join(spec("be", TenantClass::best_effort, 0), Nanoseconds{0}).value();
  Bench bench;
  engine.register_kernel(tenant, bench.kernel, Nanoseconds{0});
  Record records[3];
  const RecordKind kinds[] = {RecordKind::queued, RecordKind::submitted, RecordKind::completed};
  Nanoseconds now{1'000'000};
  std::uint64_t sequence = 0, launch = 0;
  for (auto _ : state) {
    ++launch;
    for (int i = 0; i < 3; ++i) {
      Record& r = records[i];
      r.kind = kinds[i];
      r.pressure = Pressure::active;
      r.tenant = tenant;
      r.op = bench.kernel.id;
      r.launch = LaunchId{launch};
      r.block_count = bench.kernel.blocks;
      r.tpcs = TpcSet::range(42, 66);
      r.predicted = Nanoseconds{5'000};
      r.sequence = ++sequence;
      now += Nanoseconds{1'700};
      r.at = now;
      r.started = now - Nanoseconds{5'000};
      engine.on_record(r, now);
    }
    if (engine.next_timer() <= now) engine.on_timer(now);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(engine_atom);

// One decision, with one launch in flight per tenant: the time divided by tenants should hardly grow.
void engine_decision(benchmark::State& state) {
  const GpuShape gpu = h200();
  auto policies = std::move(PolicySet::from_tables({}, gpu_info(gpu, 0))).value();
  Published out;
  EngineConfig config;
  config.decide_at_most_every = Nanoseconds{0};
  Engine engine(gpu, config, *policies, out);
  Bench bench;
  const auto tenants = static_cast<unsigned>(state.range(0));
  std::vector<std::uint64_t> sequence(tenants);
  Nanoseconds now{1'000'000};
  for (unsigned i = 0; i < tenants; ++i) {
    const TenantId id = engine.join(spec("t", TenantClass::throughput, 1), now).value();
    engine.register_kernel(id, bench.kernel, now);
    Record r;
    r.kind = RecordKind::submitted;
    r.tenant = id;
    r.op = bench.kernel.id;
    r.launch = LaunchId{1};
    r.tpcs = TpcSet::of(i);
    r.predicted = Nanoseconds{1'000'000'000};
    r.sequence = ++sequence[i];
    engine.on_record(r, now);
  }
  unsigned turn = 0;
  bool pressed = false;
  for (auto _ : state) {
    Record r;
    r.kind = RecordKind::pressure;
    r.tenant = TenantId{turn};
    r.pressure = pressed ? Pressure::pressed : Pressure::active;
    r.sequence = ++sequence[turn];
    if (++turn == tenants) { turn = 0; pressed = !pressed; }
    now += Nanoseconds{100};
    engine.on_record(r, now);
  }
  const auto decided = static_cast<double>(engine.counters().decisions);
  state.counters["per_tenant"] = benchmark::Counter(decided * tenants, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(engine_decision)->Arg(2)->Arg(8)->Arg(64);

}  // namespace
}  // namespace lithos::test
