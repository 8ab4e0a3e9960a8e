// SPDX-License-Identifier: Apache-2.0
// How fast the simulator is, on one core: kernels and atoms per second through engine, executor, virtual GPU and the
// default policies; the virtual GPU by itself; the cost of a decision with 2 and with 64 tenants; memory of a run of
// ten million atoms.
//
// The default policies are loaded as a user's would be, from the build folder. Figures count only in a release build.
#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.hpp"
#include "engine/gpu_info.hpp"
#include "policy_host/catalog.hpp"
#include "sim/h200.hpp"
#include "sim/inputs.hpp"
#include "sim/simulation.hpp"
#include "sim/virtual_gpu.hpp"
#include "test_paths.hpp"

namespace lithos {
namespace {

constexpr double kPeakMemoryMaxMiB = 512;

std::string trace(const char* name) { return std::string(LITHOS_SOURCE_DIR "/configs/traces/") + name + ".csv"; }

Config colocation() {
  Config config;
  config.file = "sim_bench";
  config.kernel_rules = LITHOS_SOURCE_DIR "/configs/kernels.toml";
  config.run.warmup = Nanoseconds{100'000'000};
  TenantConfig hp;
  hp.name = "hp";
  hp.tenant_class = TenantClass::latency_critical;
  hp.quota_tpcs = 66;
  hp.tolerates = Nanoseconds{10'000'000};
  hp.trace = trace("resnet50_infer_b16");
  hp.mode = LaunchMode::graph;
  hp.arrivals.kind = ArrivalKind::poisson;
  hp.arrivals.rate_per_s = 300;
  TenantConfig be;
  be.name = "be";
  be.trace = trace("llama8l_prefill_b8_s2048");
  config.tenants = {hp, be};
  return config;
}

PolicySetConfig default_policies() {
  PolicySetConfig set;
  set.name = "default";
  set.scheduler.id = "tpc_borrowing";
  set.predictor.id = "operator_median";
  set.right_sizer.id = "amdahl";
  set.dvfs.id = "sensitivity";
  return set;
}

PolicyCatalog& catalog() {
  static PolicyCatalog policies({LITHOS_BINARY_DIR "/lib/lithos/policies"});
  return policies;
}

double peak_memory_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

// One run per iteration; items are kernels and atoms that the device ran.
void run_whole(benchmark::State& state, const Config& config, const PolicySetConfig& set, Nanoseconds duration) {
  SimOptions options;
  options.solo_rates = false;
  options.duration = duration;
  std::uint64_t atoms = 0, events = 0;
  double seconds = 0;
  for (auto _ : state) {
    const Result<SetReport> report = run_set(config, set, catalog(), options);
    if (!report.ok()) {
      state.SkipWithError(report.status().message().c_str());
      return;
    }
    atoms += report.value().atoms;
    events += report.value().events;
    seconds += report.value().cpu_s;
    state.SetIterationTime(report.value().cpu_s);  // without reading traces, and whatever else the machine does
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(atoms));
  state.counters["ns_per_atom"] = seconds * 1e9 / static_cast<double>(std::max<std::uint64_t>(1, atoms));
  state.counters["events_per_atom"] =
      static_cast<double>(events) / static_cast<double>(std::max<std::uint64_t>(1, atoms));
}

// The demo: a service as a graph of 284 kernels beside a best-effort tenant of long kernels.
void WholeChain_GraphAndLongKernels(benchmark::State& state) {
  run_whole(state, colocation(), default_policies(), Nanoseconds{10'000'000'000});
}
BENCHMARK(WholeChain_GraphAndLongKernels)->UseManualTime()->Unit(benchmark::kMillisecond);

// Everything on the queued path: short kernels, launched one by one, each decided, submitted and completed by itself.
void WholeChain_ShortEagerKernels(benchmark::State& state) {
  Config config = colocation();
  config.tenants[0].arrivals.rate_per_s = 100;
  config.tenants[1].trace = trace("mobilenet_v2_train_b64");
  config.tenants[1].launch_gap = Nanoseconds{2'000};
  run_whole(state, config, default_policies(), Nanoseconds{5'000'000'000});
}
BENCHMARK(WholeChain_ShortEagerKernels)->UseManualTime()->Unit(benchmark::kMillisecond);

// Long kernels cut into atoms as short as the policy allows.
void WholeChain_Atoms(benchmark::State& state) {
  Config config = colocation();
  config.tenants[0].arrivals.rate_per_s = 20;
  config.tenants[1].trace = trace("vgg16_train_b32");
  PolicySetConfig set = default_policies();
  set.scheduler.params["atom"] = {std::string("20us"), {}};
  run_whole(state, config, set, Nanoseconds{30'000'000'000});
}
BENCHMARK(WholeChain_Atoms)->UseManualTime()->Unit(benchmark::kMillisecond);

// ---- the virtual GPU by itself
// ------------------------------------------------------------------------------------------

class Resubmit final : public CompletionSink {
 public:
  void on_device_completion(const Completion& completion) override { done.push_back(completion); }
  std::vector<Completion> done;
};

void VirtualGpu_Alone(benchmark::State& state) {
  const auto tenants = static_cast<unsigned>(state.range(0));
  const GpuShape shape = h200_shape();
  KernelShape described;
  described.name = "kernel";
  described.grid = {2000, 1, 1};
  described.block = {256, 1, 1};
  described.registers_per_thread = 32;
  const KernelInfo kernel = make_kernel_info(described, shape, shape.tpcs, {});
  Resubmit sink;
  VirtualGpu gpu(shape, h200_model(), Sharing::mps, sink);
  gpu.add_kernel(kernel,
                 TimeCurve({{66, 10e3}, {33, 18e3}, {8, 70e3}}, shape.tpcs, kernel.blocks, kernel.blocks_per_tpc));
  const auto submit = [&](unsigned tenant) {
    AtomSubmission atom;
    atom.tenant = TenantId{tenant};
    atom.queue = QueueId{1};
    atom.launch = LaunchId{1};
    atom.kernel = &kernel;
    atom.block_count = kernel.blocks;
    atom.tpcs = TpcSet::range(tenant * (66 / tenants), (tenant + 1) * (66 / tenants));
    benchmark::DoNotOptimize(gpu.submit(atom).ok());
  };
  for (unsigned tenant = 0; tenant < tenants; ++tenant) {
    submit(tenant);
    submit(tenant);
  }
  std::int64_t launches = 0;
  for (auto _ : state) {
    gpu.advance(gpu.next_event());
    for (const Completion& completion : sink.done) submit(value_of(completion.tenant));
    launches += static_cast<std::int64_t>(sink.done.size());
    sink.done.clear();
  }
  state.SetItemsProcessed(launches);
}
BENCHMARK(VirtualGpu_Alone)->Arg(1)->Arg(2)->Arg(4)->Arg(16)->Arg(64);

// ---- decisions
// ----------------------------------------------------------------------------------------------------------

class Silent final : public EnginePort {
 public:
  void publish_lease(TenantId, const Lease&) override {}
  void publish_operator(TenantId, OperatorId, const OperatorDecision&) override {}
  void request_clock(std::uint32_t) override {}
};

// Per tenant: 64 tenants may cost at most twice per tenant what 2 cost.
void DecisionPerTenant(benchmark::State& state) {
  const auto count = static_cast<unsigned>(state.range(0));
  const GpuShape shape = h200_shape();
  CreatedPolicySet policies = PolicySet::create(default_policies(), catalog(), gpu_info(shape, 0));
  if (policies.set == nullptr) {
    state.SkipWithError(join_messages(policies.diagnostics).c_str());
    return;
  }
  Silent port;
  Engine engine(shape, {}, *policies.set, port);
  Nanoseconds now{0};
  std::vector<TenantId> tenants;
  for (unsigned i = 0; i < count; ++i) {
    TenantSpec spec;
    spec.name = "tenant " + std::to_string(i);
    spec.tenant_class = i % 2 == 0 ? TenantClass::latency_critical : TenantClass::best_effort;
    spec.quota_tpcs = i % 2 == 0 ? 66 / ((count + 1) / 2) : 0;
    const Result<TenantId> joined = engine.join(spec, now);
    if (!joined.ok()) {
      state.SkipWithError(joined.status().message().c_str());
      return;
    }
    tenants.push_back(joined.value());
    engine.queue_added(tenants.back(), QueueId{1}, now);
  }
  std::uint64_t sequence = 0;
  bool pressed = false;
  for (auto _ : state) {
    // One tenant's pressure changes; the engine decides at its next timer.
    now += Nanoseconds{1'000'000};
    Record record;
    record.kind = RecordKind::pressure;
    record.tenant = tenants[0];
    record.pressure = (pressed = !pressed) ? Pressure::pressed : Pressure::idle;
    record.at = now;
    record.sequence = ++sequence;
    engine.on_record(record, now);
    now = std::max(now, engine.next_timer());
    engine.on_timer(now);
  }
  const auto decisions = static_cast<double>(std::max<std::uint64_t>(1, engine.counters().decisions));
  state.counters["decisions_per_iteration"] =
      decisions / static_cast<double>(std::max<std::int64_t>(1, static_cast<std::int64_t>(state.iterations())));
  state.SetItemsProcessed(static_cast<std::int64_t>(decisions) * count);
}
BENCHMARK(DecisionPerTenant)->Arg(2)->Arg(8)->Arg(64);

// ---- memory
// -------------------------------------------------------------------------------------------------------------

// Ten million atoms; the peak is the whole process's, benchmarks before it included.
void TenMillionAtoms_PeakMemory(benchmark::State& state) {
  const Config config = colocation();
  SimOptions options;
  options.solo_rates = false;
  options.duration = Nanoseconds{120'000'000'000};
  for (auto _ : state) {
    const Result<SetReport> report = run_set(config, default_policies(), catalog(), options);
    if (!report.ok()) {
      state.SkipWithError(report.status().message().c_str());
      return;
    }
    state.counters["atoms"] = static_cast<double>(report.value().atoms);
  }
  state.counters["peak_MiB"] = peak_memory_mib();
  if (peak_memory_mib() > kPeakMemoryMaxMiB) state.SkipWithError("more than 512 MiB");
}
BENCHMARK(TenMillionAtoms_PeakMemory)->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace lithos
