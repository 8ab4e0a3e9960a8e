// SPDX-License-Identifier: Apache-2.0
// What exporting costs: per launch in the engine, and of a whole simulation. Each simulation benchmark runs with and
// without in turns and tells the ratio of processor time, so that what else the machine does cancels.
//
//   build/release/tests/bin/export_bench --benchmark_min_time=10 --benchmark_out=export.json
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "policy_host/catalog.hpp"
#include "sim/simulation.hpp"
#include "test_paths.hpp"
#include "unit/executor/support.hpp"

namespace lithos::test {
namespace {

// ---- per launch ----------------------------------------------------------------------------------------------------

enum Watch { kNothing, kSamplesOnly, kEvents };  // kEvents: and samples

// A reader that is always fast enough: what is measured is the engine's side.
struct Sink {
  explicit Sink(std::uint64_t wanted) : ring(wanted, EventRing::kSlots, [this] { ring.release(ring.waiting()); }) {}
  EventRing ring;
};

// One engine with one tenant, and a launch at a time through it, with the built-in policies and whatever decisions they
// cause. `wanted`: the events' types, as an exporter says them.
class Launches {
 public:
  Launches(Watch watch, std::uint64_t wanted)
      : policies_(std::move(PolicySet::from_tables({}, gpu_info(gpu_, 0))).value()),
        engine_(gpu_, config_of(watch), *policies_, out_),
        sink_(watch == kEvents ? wanted : 0) {
    if (watch >= kSamplesOnly) engine_.attach(sink_.ring, Nanoseconds{0});
    tenant_ = engine_.join(spec("be", TenantClass::best_effort, 0), Nanoseconds{0}).value();
    KernelRules rules;
    rules.rules.push_back({"free", KernelNature::independent, false, ""});
    kernel_ = make_kernel_info({"free", {4000, 1, 1}, {256, 1, 1}, {1, 1, 1}, 32, 0, false}, gpu_, gpu_.tpcs, rules);
    engine_.register_kernel(tenant_, kernel_, Nanoseconds{0});
  }

  // Its three records: queued, submitted, completed.
  void launch() {
    ++launches_;
    for (const RecordKind kind : {RecordKind::queued, RecordKind::submitted, RecordKind::completed}) {
      Record r;
      r.kind = kind;
      r.pressure = Pressure::active;
      r.tenant = tenant_;
      r.op = kernel_.id;
      r.launch = LaunchId{launches_};
      r.block_count = kernel_.blocks;
      r.tpcs = TpcSet::range(42, 66);
      r.predicted = Nanoseconds{5'000};
      r.sequence = ++sequence_;
      now_ += Nanoseconds{1'700};
      r.at = now_;
      r.started = now_ - Nanoseconds{5'000} - Nanoseconds{static_cast<std::int64_t>(launches_ % 1024)};
      engine_.on_record(r, now_);
    }
    if (engine_.next_timer() <= now_) engine_.on_timer(now_);
  }
  double events_per_launch() const {
    return static_cast<double>(sink_.ring.written()) / static_cast<double>(std::max<std::uint64_t>(1, launches_));
  }

 private:
  static EngineConfig config_of(Watch watch) {
    EngineConfig config;
    config.statistics = watch != kNothing;
    return config;
  }
  const GpuShape gpu_ = h200();
  std::unique_ptr<PolicySet> policies_;
  Published out_;
  Engine engine_;
  Sink sink_;
  TenantId tenant_{};
  KernelInfo kernel_;
  Nanoseconds now_{1'000'000};
  std::uint64_t sequence_ = 0, launches_ = 0;
};

constexpr std::uint64_t kAllTypes = ~std::uint64_t{0};
// What export_perfetto wants: an atom's end tells its submission, too.
constexpr std::uint64_t kWithoutSubmissions = kAllTypes & ~event_bit(LITHOS_EVENT_ATOM_SUBMITTED);

double median(std::vector<double>& values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Two engines in turns, one watched and one not; the medians over many short blocks, since other work on the machine
// disturbs some of them, and over many pairs of engines, since where the memory happens to lie makes up to a third of
// the time. What is left, `extra_ns`, is the cost of watching one launch.
void extra_per_launch(benchmark::State& state, Watch watch, std::uint64_t wanted) {
  constexpr int kBlock = 1000, kBlocksOfAPair = 30;
  const auto block_ns = [](Launches& one) {
    const auto began = std::chrono::steady_clock::now();
    for (int i = 0; i < kBlock; ++i) one.launch();
    return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - began).count() / kBlock;
  };
  std::vector<double> off_ns, on_ns, extra_ns;
  double events = 0;
  bool off_first = false;
  for (auto _ : state) {
    off_first = !off_first;
    const auto first = std::make_unique<Launches>(off_first ? kNothing : watch, wanted);
    const auto second = std::make_unique<Launches>(off_first ? watch : kNothing, wanted);
    Launches &off = off_first ? *first : *second, &on = off_first ? *second : *first;
    block_ns(off), block_ns(on);  // warm
    for (int i = 0; i < kBlocksOfAPair; ++i) {
      const double before = block_ns(off);
      on_ns.push_back(block_ns(on));
      off_ns.push_back(block_ns(off));
      extra_ns.push_back(on_ns.back() - (before + off_ns.back()) / 2);
    }
    events = on.events_per_launch();
  }
  if (extra_ns.empty()) return;
  state.counters["off_ns"] = median(off_ns);
  state.counters["on_ns"] = median(on_ns);
  state.counters["extra_ns"] = median(extra_ns);
  state.counters["events_per_launch"] = events;
}
void Launch_Nothing(benchmark::State& state) { extra_per_launch(state, kNothing, 0); }
void Launch_Samples(benchmark::State& state) { extra_per_launch(state, kSamplesOnly, 0); }
void Launch_Ends(benchmark::State& state) { extra_per_launch(state, kEvents, kWithoutSubmissions); }
void Launch_AllEvents(benchmark::State& state) { extra_per_launch(state, kEvents, kAllTypes); }
BENCHMARK(Launch_Nothing);
BENCHMARK(Launch_Samples);
BENCHMARK(Launch_Ends);
BENCHMARK(Launch_AllEvents);

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
  options.duration = Nanoseconds{5'000'000'000};
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
