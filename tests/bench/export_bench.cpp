// SPDX-License-Identifier: Apache-2.0
// What exporting costs: per launch in the engine, and of a whole simulation. Each simulation benchmark runs with and
// without in turns and tells the ratio of processor time, so that what else the machine does cancels.
//
//   build/release/tests/bin/export_bench --benchmark_min_time=2 --benchmark_out=export.json
#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>
#include <vector>

#include "policy_host/catalog.hpp"
#include "sim/simulation.hpp"
#include "test_paths.hpp"
#include "unit/executor/support.hpp"

namespace lithos::test {
namespace {

// ---- per launch ----------------------------------------------------------------------------------------------------

enum Watch : std::int64_t { kNothing, kStatistics, kSamplesOnly, kEvents };

// A reader that is always fast enough: what is measured is the engine's side.
struct Sink {
  explicit Sink(std::uint64_t wanted) : ring(wanted, EventRing::kSlots, [this] { ring.release(ring.waiting()); }) {}
  EventRing ring;
};

// queued, submitted and completed of one launch, with the built-in policies and whatever decisions they cause.
void EngineLaunch(benchmark::State& state) {
  const auto watch = static_cast<Watch>(state.range(0));
  const GpuShape gpu = h200();
  auto policies = std::move(PolicySet::from_tables({}, info_of(gpu))).value();
  Published out;
  EngineConfig config;
  config.statistics = watch != kNothing;
  Engine engine(gpu, config, *policies, out);
  Sink sink(watch == kEvents ? ~std::uint64_t{0} : 0);
  if (watch >= kSamplesOnly) engine.attach(sink.ring, Nanoseconds{0});
  const TenantId tenant = engine.join(spec("be", TenantClass::best_effort, 0), Nanoseconds{0}).value();
  KernelRules rules;
  rules.rules.push_back({"free", KernelNature::independent, false, ""});
  const KernelInfo kernel =
      make_kernel_info({"free", {4000, 1, 1}, {256, 1, 1}, {1, 1, 1}, 32, 0, false}, gpu, gpu.tpcs, rules);
  engine.register_kernel(tenant, kernel, Nanoseconds{0});
  Nanoseconds now{1'000'000};
  std::uint64_t sequence = 0, launch = 0;
  for (auto _ : state) {
    ++launch;
    for (const RecordKind kind : {RecordKind::queued, RecordKind::submitted, RecordKind::completed}) {
      Record r;
      r.kind = kind;
      r.pressure = Pressure::active;
      r.tenant = tenant;
      r.op = kernel.id;
      r.launch = LaunchId{launch};
      r.block_count = kernel.blocks;
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
  state.counters["events_per_launch"] =
      static_cast<double>(sink.ring.written()) / static_cast<double>(std::max<std::uint64_t>(1, launch));
}
BENCHMARK(EngineLaunch)
    ->ArgName("nothing0_statistics1_samples2_events3")
    ->Arg(kNothing)
    ->Arg(kStatistics)
    ->Arg(kSamplesOnly)
    ->Arg(kEvents);

// ---- a whole simulation --------------------------------------------------------------------------------------------

Config colocation() {
  const auto trace = [](const char* name) { return std::string(LITHOS_SOURCE_DIR "/configs/traces/") + name + ".csv"; };
  Config config;
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
  hp.arrivals.rate_per_s = 100;
  TenantConfig be;
  be.name = "be";
  be.trace = trace("mobilenet_v2_train_b64");
  be.launch_gap = Nanoseconds{2'000};
  config.tenants = {hp, be};
  return config;
}

PolicySetConfig policies() {
  PolicySetConfig set;
  set.name = "default";
  set.scheduler.id = "tpc_borrowing";
  set.predictor.id = "operator_median";
  set.right_sizer.id = "none";
  set.dvfs.id = "fixed";
  return set;
}

PluginConfig exporter(const std::string& id, std::map<std::string, RawValue> params = {}) {
  PluginConfig plugin;
  plugin.choice.id = id;
  plugin.choice.params = std::move(params);
  return plugin;
}

double run_once(const std::vector<PluginConfig>& plugins, benchmark::State& state, std::uint64_t& atoms) {
  static PolicyCatalog catalog({LITHOS_BINARY_DIR "/lib/lithos/policies"});
  static const Config config = colocation();
  SimOptions options;
  options.solo_rates = false;
  options.duration = Nanoseconds{1'000'000'000};
  options.plugins = plugins;
  options.plugin_folders = {LITHOS_BINARY_DIR "/lib/lithos/plugins", LITHOS_BINARY_DIR "/tests/bench/modules"};
  const Result<SetReport> report = run_set(config, policies(), catalog, options);
  if (!report.ok()) {
    state.SkipWithError(report.status().message().c_str());
    return 0;
  }
  atoms = report.value().atoms;
  return report.value().cpu_s;
}

void with_and_without(benchmark::State& state, const std::vector<PluginConfig>& plugins) {
  std::vector<double> ratios, extra_ns;
  std::uint64_t atoms = 1;
  for (auto _ : state) {
    const double before = run_once({}, state, atoms), with = run_once(plugins, state, atoms),
                 after = run_once({}, state, atoms);
    const double without = (before + after) / 2;
    if (without <= 0) break;
    state.SetIterationTime(with);
    ratios.push_back(with / without);
    extra_ns.push_back((with - without) * 1e9 / static_cast<double>(atoms));
  }
  if (ratios.empty()) return;
  const auto median = [](std::vector<double>& values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
  };
  state.counters["ratio_median"] = median(ratios);
  state.counters["extra_ns_per_atom"] = median(extra_ns);
  state.counters["atoms"] = static_cast<double>(atoms);
}

void Simulation_Nothing(benchmark::State& state) { with_and_without(state, {}); }
void Simulation_Samples(benchmark::State& state) {
  with_and_without(state, {exporter("prometheus", {{"listen", {std::string("127.0.0.1:0"), {}}}})});
}
void Simulation_Events(benchmark::State& state) { with_and_without(state, {exporter("null")}); }
void Simulation_JsonLines(benchmark::State& state) {
  with_and_without(state, {exporter("jsonl", {{"path", {std::string("/dev/null"), {}}}})});
}
BENCHMARK(Simulation_Nothing)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(Simulation_Samples)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(Simulation_Events)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(Simulation_JsonLines)->UseManualTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace lithos::test
