// SPDX-License-Identifier: Apache-2.0
// What exporting costs: per launch in the engine's thread, and of a whole simulation's throughput, the exporter at work
// beside it. All compare with and without in turns, so that what else the machine does cancels.
//
//   build/release/tests/bin/export_bench --benchmark_min_time=10 --benchmark_out=export.json
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "bench/simulations_in_turns.hpp"
#include "policy_host/catalog.hpp"
#include "sim/inputs.hpp"
#include "sim/simulation.hpp"
#include "test_paths.hpp"
#include "unit/executor/support.hpp"

namespace lithos::test {
namespace {

// ---- per launch ----------------------------------------------------------------------------------------------------

enum class Watch { nothing, samples, events, both };

// A reader that is always fast enough: what is measured is the engine's side. Elsewhere: on a thread of its own, so that
// the slots are in another core's cache when their turn comes again; else nobody looks at them.
class Sink {
 public:
  Sink(std::uint64_t wanted, bool elsewhere)
      : ring(wanted, EventRing::kSlots,
             elsewhere ? std::function<void()>{} : [this] { ring.release(ring.waiting()); }) {
    if (elsewhere) reader_ = std::jthread([this](const std::stop_token& stop) { read(stop); });
  }
  EventRing ring;

 private:
  void read(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      std::size_t count = 0;
      const EventSlot* const batch = ring.ready(512, count);
      for (std::size_t i = 0; i < count; ++i) benchmark::DoNotOptimize(batch[i].event.as.atom.duration_ns);
      ring.release(count);
      if (count == 0) std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  }
  std::jthread reader_;
};

// One engine with one tenant, and a launch at a time through it, with the built-in policies and whatever decisions they
// cause. `wanted`: the events' types, as an exporter says them.
class Launches {
 public:
  Launches(Watch watch, std::uint64_t wanted, bool read_elsewhere)
      : policies_(std::move(PolicySet::from_tables({}, gpu_info(gpu_, 0))).value()),
        engine_(gpu_, config_of(watch), *policies_, out_),
        sink_(wanted, read_elsewhere && watch != Watch::nothing) {
    if (watch == Watch::events || watch == Watch::both) engine_.attach(sink_.ring, Nanoseconds{0});
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
  double dropped() const { return static_cast<double>(sink_.ring.dropped()); }

 private:
  static EngineConfig config_of(Watch watch) {
    EngineConfig config;
    config.statistics = watch == Watch::samples || watch == Watch::both;
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
void extra_per_launch(benchmark::State& state, Watch watch, std::uint64_t wanted, bool read_elsewhere = false) {
  constexpr int kBlock = 1000, kBlocksOfAPair = 30;
  const auto block_ns = [](Launches& one) {
    const auto began = std::chrono::steady_clock::now();
    for (int i = 0; i < kBlock; ++i) one.launch();
    return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - began).count() / kBlock;
  };
  std::vector<double> off_ns, on_ns, extra_ns, undisturbed_ns;
  double events = 0, dropped = 0;
  bool off_first = false;
  for (auto _ : state) {
    off_first = !off_first;
    const auto first = std::make_unique<Launches>(off_first ? Watch::nothing : watch, wanted, read_elsewhere);
    const auto second = std::make_unique<Launches>(off_first ? watch : Watch::nothing, wanted, read_elsewhere);
    Launches &off = off_first ? *first : *second, &on = off_first ? *second : *first;
    block_ns(off), block_ns(on);  // warm
    double least_off = 1e9, least_on = 1e9;
    for (int i = 0; i < kBlocksOfAPair; ++i) {
      const double before = block_ns(off);
      on_ns.push_back(block_ns(on));
      off_ns.push_back(block_ns(off));
      extra_ns.push_back(on_ns.back() - (before + off_ns.back()) / 2);
      least_off = std::min({least_off, before, off_ns.back()});
      least_on = std::min(least_on, on_ns.back());
    }
    undisturbed_ns.push_back(least_on - least_off);
    events = on.events_per_launch();
    dropped += on.dropped();
  }
  if (extra_ns.empty()) return;
  state.counters["off_ns"] = median(off_ns);
  state.counters["on_ns"] = median(on_ns);
  state.counters["extra_ns"] = median(extra_ns);
  state.counters["undisturbed_ns"] = median(undisturbed_ns);
  state.counters["events_per_launch"] = events;
  state.counters["dropped"] = dropped;
}
void Launch_Nothing(benchmark::State& state) { extra_per_launch(state, Watch::nothing, 0); }
void Launch_Metrics(benchmark::State& state) { extra_per_launch(state, Watch::samples, 0); }
void Launch_Timeline(benchmark::State& state) { extra_per_launch(state, Watch::events, kWithoutSubmissions); }
void Launch_MetricsAndTimeline(benchmark::State& state) { extra_per_launch(state, Watch::both, kWithoutSubmissions); }
void Launch_AllEvents(benchmark::State& state) { extra_per_launch(state, Watch::events, kAllTypes); }
void Launch_TimelineReadElsewhere(benchmark::State& state) {
  extra_per_launch(state, Watch::events, kWithoutSubmissions, true);
}
void Launch_AllEventsReadElsewhere(benchmark::State& state) { extra_per_launch(state, Watch::events, kAllTypes, true); }
void Launch_MetricsAndAllEvents(benchmark::State& state) { extra_per_launch(state, Watch::both, kAllTypes); }
BENCHMARK(Launch_Nothing);
BENCHMARK(Launch_Metrics);
BENCHMARK(Launch_Timeline);
BENCHMARK(Launch_MetricsAndTimeline);
BENCHMARK(Launch_AllEvents);
BENCHMARK(Launch_MetricsAndAllEvents);
BENCHMARK(Launch_TimelineReadElsewhere);
BENCHMARK(Launch_AllEventsReadElsewhere);

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

Result<SetReport> simulate(const std::vector<PluginConfig>& plugins, const std::function<void(double)>& progress) {
  static PolicyCatalog catalog({LITHOS_BINARY_DIR "/lib/lithos/policies"});
  static const Config config = colocation();
  static const std::shared_ptr<const SimInputs> inputs = load_inputs(config).inputs;
  SimOptions options;
  options.inputs = inputs;
  options.solo_rates = false;
  options.progress = progress;
  static const char* const seconds = std::getenv("EXPORT_BENCH_SIMULATED_S");  // fewer where instructions are counted
  options.duration = Nanoseconds{static_cast<std::int64_t>((seconds != nullptr ? std::atof(seconds) : 5) * 1e9)};
  options.plugins = plugins;
  options.plugin_folders = {LITHOS_BINARY_DIR "/lib/lithos/plugins", LITHOS_BINARY_DIR "/tests/bench/modules"};
  return run_set(config, policies(), catalog, options);
}

void tell_more(benchmark::State& state, const std::string& what, const std::vector<double>& ratios) {
  const Percent more = percent_more(ratios);
  state.counters[what + "_percent"] = more.median;
  state.counters[what + "_percent_low"] = more.low;
  state.counters[what + "_percent_high"] = more.high;
}

// The same simulation with and without, in turns of some 90 ms: what the exporter has not taken at a turn's end, a ring at
// most, is a fifth of it. Who begins changes with each pair of runs.
void with_and_without(benchmark::State& state, const std::vector<PluginConfig>& plugins) {
  constexpr unsigned kStepsOfATurn = 20;  // of 200 in a run
  std::vector<double> wall, cpu;
  std::uint64_t atoms = 0;
  bool with_first = false;
  for (auto _ : state) {
    with_first = !with_first;
    const auto run = [&](bool with) {
      return [&, with](const std::function<void(double)>& progress) {
        const Result<SetReport> report = simulate(with ? plugins : std::vector<PluginConfig>{}, progress);
        if (!report.ok()) state.SkipWithError(report.status().message().c_str());
        else atoms = report.value().atoms;
      };
    };
    const SimulationsInTurns both(run(with_first), run(!with_first), kStepsOfATurn);
    const std::vector<Turn>&with = both.turns(with_first ? 0 : 1), &without = both.turns(with_first ? 1 : 0);
    for (std::size_t i = 0; i < std::min(with.size(), without.size()); ++i) {
      wall.push_back(with[i].wall_ns / without[i].wall_ns);
      cpu.push_back(with[i].cpu_ns / without[i].cpu_ns);
    }
  }
  if (wall.empty()) return;
  tell_more(state, "slower", wall);
  tell_more(state, "own_cpu", cpu);
  state.counters["atoms_of_a_run"] = static_cast<double>(atoms);
  state.counters["pairs"] = static_cast<double>(wall.size());
}

void Simulation_Nothing(benchmark::State& state) { with_and_without(state, {}); }
void Simulation_Metrics(benchmark::State& state) {
  with_and_without(state, {exporter("prometheus", {{"listen", {std::string("127.0.0.1:0"), {}}}})});
}
void Simulation_Timeline(benchmark::State& state) {
  with_and_without(state, {exporter("perfetto", {{"path", {std::string("/dev/null"), {}}}})});
}
void Simulation_AllEvents(benchmark::State& state) { with_and_without(state, {exporter("null")}); }
void Simulation_TimelinesEvents(benchmark::State& state) {
  with_and_without(state, {exporter("null", {{"submissions", {false, {}}}})});
}
void Simulation_BusyNeighbour(benchmark::State& state) {
  with_and_without(state, {exporter("null", {{"submissions", {false, {}}}, {"count_to", {std::int64_t{1500}, {}}}})});
}
void Simulation_JsonLines(benchmark::State& state) {
  with_and_without(state, {exporter("jsonl", {{"path", {std::string("/dev/null"), {}}}})});
}
BENCHMARK(Simulation_Nothing)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(Simulation_Metrics)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(Simulation_Timeline)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(Simulation_AllEvents)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(Simulation_TimelinesEvents)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(Simulation_BusyNeighbour)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK(Simulation_JsonLines)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace lithos::test
