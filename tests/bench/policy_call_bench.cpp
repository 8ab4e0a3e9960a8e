// SPDX-License-Identifier: Apache-2.0
// What the guard costs: each operation through its bare pointer and through PolicySet, in one run of one program, so
// that the difference means something. Aim: at most 25 ns more, whatever the policy does.
//   build/dev/tests/bin/policy_call_bench --benchmark_repetitions=5
// decide is shown with 2 and 64 tenants: there the guard also presets and checks a lease for each.
#include <benchmark/benchmark.h>

#include <lithos/policy.hpp>
#include <vector>

#include "daemon/call_clock.hpp"
#include "policy_host/policy_set.hpp"

namespace {

// The least a policy can do, so that what is measured is the call.
class Sizer {
 public:
  static constexpr const char* id = "org.lithos.bench.sizer";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "Takes everything.";
  lithos::Size choose(const lithos::SizeQuery& query) { return {query.tpcs, 0, 1}; }
};
class Predictor {
 public:
  static constexpr const char* id = "org.lithos.bench.predictor";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "Always the last duration.";
  lithos::Prediction predict(const lithos::PredictQuery&) { return {last_, last_, 1}; }
  void observe(const lithos::Observation& seen) { last_ = seen.duration_ns; }

 private:
  std::uint64_t last_ = 1000;
};
class Scheduler {
 public:
  static constexpr const char* id = "org.lithos.bench.scheduler";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "Leaves every lease alone.";
  void decide(const lithos::SchedView& view, lithos::SchedAnswer& answer) { answer.wake_by(view.now_ns() + 1); }
};

constexpr std::uint32_t kClocks[] = {1980};
constexpr lithos_gpu_info kGpu{sizeof(lithos_gpu_info), 66, 2, 8, nullptr, 1, kClocks, 1, 0};

// The same instance is reached both ways: create() leaves it here.
void* last_self = nullptr;

template <class P>
lithos_policy spied() {
  lithos_policy table = lithos::policy_table<P>();
  table.create = [](const lithos_host* host, const lithos_gpu_info* gpu, const lithos_value* values,
                    std::uint32_t count, void** self) {
    const lithos_status status = lithos::policy_table<P>().create(host, gpu, values, count, self);
    last_self = *self;
    return status;
  };
  return table;
}

struct Subject {
  std::unique_ptr<lithos::PolicySet> set;
  void* self = nullptr;
};
template <class P>
Subject subject(lithos::PolicyTables tables, const lithos::GuardOptions& guard = {}) {
  Subject out;
  out.set = std::move(lithos::PolicySet::from_tables(tables, kGpu, guard)).value();
  out.self = last_self;
  return out;
}

const lithos_policy kSizer = spied<Sizer>();
const lithos_policy kPredictor = spied<Predictor>();
const lithos_policy kScheduler = spied<Scheduler>();

lithos_size_query size_query() {
  lithos_size_query query{};
  query.op.op_id = 1;
  query.tpcs = 66;
  query.slip = 1.1;
  return query;
}

void choose_direct(benchmark::State& state) {
  const Subject s = subject<Sizer>({nullptr, nullptr, &kSizer, nullptr});
  const auto* ops = static_cast<const lithos_right_sizer_ops*>(kSizer.ops);
  benchmark::DoNotOptimize(ops);
  lithos_size_query query = size_query();
  for (auto _ : state) {
    benchmark::DoNotOptimize(query);
    lithos_size out{};
    benchmark::DoNotOptimize(ops->choose(s.self, &query, &out));
    benchmark::DoNotOptimize(out);
  }
}
void choose_guarded(benchmark::State& state) {
  const Subject s = subject<Sizer>({nullptr, nullptr, &kSizer, nullptr});
  lithos_size_query query = size_query();
  for (auto _ : state) {
    benchmark::DoNotOptimize(query);
    lithos_size out = s.set->choose(query);
    benchmark::DoNotOptimize(out);
  }
}

void predict_direct(benchmark::State& state) {
  const Subject s = subject<Predictor>({nullptr, &kPredictor, nullptr, nullptr});
  const auto* ops = static_cast<const lithos_predictor_ops*>(kPredictor.ops);
  benchmark::DoNotOptimize(ops);
  lithos_predict_query query{};
  query.tpcs = 66;
  for (auto _ : state) {
    benchmark::DoNotOptimize(query);
    lithos_prediction out{};
    benchmark::DoNotOptimize(ops->predict(s.self, &query, &out));
    benchmark::DoNotOptimize(out);
  }
}
void predict_by(const Subject& s, benchmark::State& state) {
  lithos_predict_query query{};
  query.tpcs = 66;
  for (auto _ : state) {
    benchmark::DoNotOptimize(query);
    lithos_prediction out = s.set->predict(query);
    benchmark::DoNotOptimize(out);
  }
}

void predict_guarded(benchmark::State& state) { predict_by(subject<Predictor>({nullptr, &kPredictor, nullptr, nullptr}), state); }

// As lithosd asks: with a clock, which is read before and after each call, and a mark for the watchdog.
lithos::GuardOptions as_in_lithosd() {
  static lithos::PolicyCallMark mark;
  lithos::GuardOptions guard;
  guard.clock = lithos::call_clock();
  guard.mark = &mark;
  return guard;
}
void predict_timed(benchmark::State& state) {
  predict_by(subject<Predictor>({nullptr, &kPredictor, nullptr, nullptr}, as_in_lithosd()), state);
}

lithos_observation observation() {
  lithos_observation seen{};
  seen.op.op_id = 1;
  seen.op.blocks = seen.block_count = 1000;
  seen.op.blocks_per_tpc = 8;
  seen.tpcs = 66;
  seen.duration_ns = 5000;
  return seen;
}
void observe_direct(benchmark::State& state) {
  const Subject s = subject<Predictor>({nullptr, &kPredictor, nullptr, nullptr});
  const auto* ops = static_cast<const lithos_predictor_ops*>(kPredictor.ops);
  benchmark::DoNotOptimize(ops);
  lithos_observation seen = observation();
  for (auto _ : state) {
    benchmark::DoNotOptimize(seen);
    ops->observe(s.self, &seen);
  }
}
void observe_guarded(benchmark::State& state) {  // includes what the built-in predictor learns
  const Subject s = subject<Predictor>({nullptr, &kPredictor, nullptr, nullptr});
  lithos_observation seen = observation();
  for (auto _ : state) {
    benchmark::DoNotOptimize(seen);
    s.set->observe(seen);
  }
}

// A view of `tenants` tenants with room for their leases.
struct View {
  explicit View(std::uint32_t tenants) : tenant(tenants), lease(tenants) {
    for (std::uint32_t i = 0; i < tenants; ++i) tenant[i].tenant_id = i + 1;
    view.struct_size = sizeof view;
    view.tpcs = 66;
    view.tenants = tenants;
    view.tenant_size = sizeof tenant[0];
    view.tenant = tenant.data();
    answer = {sizeof answer, tenants, sizeof lease[0], lease.data(), 0};
  }
  std::vector<lithos_tenant_view> tenant;
  std::vector<lithos_lease> lease;
  lithos_sched_view view{};
  lithos_sched_answer answer{};
};

void decide_direct(benchmark::State& state) {
  const Subject s = subject<Scheduler>({&kScheduler, nullptr, nullptr, nullptr});
  const auto* ops = static_cast<const lithos_scheduler_ops*>(kScheduler.ops);
  benchmark::DoNotOptimize(ops);
  View v(static_cast<std::uint32_t>(state.range(0)));
  for (auto _ : state) {
    benchmark::DoNotOptimize(v.view);
    benchmark::DoNotOptimize(ops->decide(s.self, &v.view, &v.answer));
    benchmark::ClobberMemory();
  }
}
void decide_guarded(benchmark::State& state) {
  const Subject s = subject<Scheduler>({&kScheduler, nullptr, nullptr, nullptr});
  View v(static_cast<std::uint32_t>(state.range(0)));
  for (auto _ : state) {
    benchmark::DoNotOptimize(v.view);
    benchmark::DoNotOptimize(s.set->decide(v.view, v.answer));
    benchmark::ClobberMemory();
  }
}

BENCHMARK(choose_direct);
BENCHMARK(choose_guarded);
BENCHMARK(predict_direct);
BENCHMARK(predict_guarded);
BENCHMARK(predict_timed);
BENCHMARK(observe_direct);
BENCHMARK(observe_guarded);
BENCHMARK(decide_direct)->Arg(2)->Arg(64);
BENCHMARK(decide_guarded)->Arg(2)->Arg(64);

}  // namespace

BENCHMARK_MAIN();
