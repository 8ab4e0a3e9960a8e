// SPDX-License-Identifier: Apache-2.0
// How long things take to cross the real transport, as distributions: what the simulator's transport injects
// (config/config.hpp, TransportConfig) is set by these. p50_ns … max_ns are counters of each benchmark.
//   build/release/tests/bin/transport_bench --benchmark_min_time=2
// Ends are threads of one process over the memory of the real thing; each needs a processor of its own.
#include <benchmark/benchmark.h>
#include <stdlib.h>

#include <atomic>
#include <filesystem>
#include <thread>
#include <vector>

#include "bench/ipc_ends.hpp"
#include "daemon/clock.hpp"
#include "daemon/daemon_config.hpp"
#include "daemon/engine_thread.hpp"
#include "engine/gpu_info.hpp"
#include "ipc/tenant_link.hpp"
#include "test_paths.hpp"
#include "unit/policy_host/test_policies.hpp"

namespace lithos {
namespace {

using ipc::Ends;

constexpr Nanoseconds kGivesUpAfter{10'000'000'000};

// `send` on this thread, `see` polled on another: true once what was sent is there.
template <class Send, class See>
void one_way(benchmark::State& state, Send send, See see) {
  std::atomic<std::int64_t> sent_ns = 0, delay_ns = 0;
  std::atomic<bool> stop = false;
  std::thread receiver([&] {
    while (!stop.load(std::memory_order_relaxed))
      if (see()) delay_ns.store(monotonic_now().count() - sent_ns.load());
  });
  std::vector<std::int64_t> delays_ns;
  for (auto _ : state) {
    delay_ns.store(0);
    sent_ns.store(monotonic_now().count());
    send();
    std::int64_t delay = 0;
    while ((delay = delay_ns.load()) == 0) {}
    delays_ns.push_back(delay);
    state.SetIterationTime(static_cast<double>(delay) * 1e-9);
  }
  stop = true;
  receiver.join();
  ipc::report_percentiles(state, delays_ns);
}

void BM_RecordReachesThePollingDaemon(benchmark::State& state) {
  Ends ends;
  ipc::RingWriter<ipc::WireRecord, ipc::kRecords> ring(ends.area().records, &ends.area().header.record_tail.value,
                                                       &ends.area().header.record_head.value);
  const ipc::WireRecord wire = ipc::to_wire(ipc::some_record());
  Record taken;
  one_way(
      state, [&] { (void)ring.push(wire); },
      [&] { return ends.peer->take_record(TpcSet::first(66), Nanoseconds{1}, taken); });
}
BENCHMARK(BM_RecordReachesThePollingDaemon)->UseManualTime();

void BM_LeaseReachesThePollingTenant(benchmark::State& state) {
  Ends ends;
  ipc::LeaseReader leases(ends.area());
  ipc::WireLease wire;
  std::uint64_t generation = 0;
  one_way(
      state, [&] { ends.peer->publish_lease(ipc::some_lease(++generation), [](TenantId) { return 1u; }); },
      [&] { return leases.changed() && leases.take(wire); });
}
BENCHMARK(BM_LeaseReachesThePollingTenant)->UseManualTime();

void BM_PressureReachesAPollingBorrower(benchmark::State& state) {
  Ends ends;
  auto& word = static_cast<ipc::PressurePage*>(ends.page.get())->word.value;
  std::uint64_t sent = 0, seen = 0;
  one_way(
      state, [&] { ipc::store(&word, ++sent, std::memory_order_seq_cst); },
      [&] {
        const std::uint64_t now = ipc::load(&word);
        return now != std::exchange(seen, now);
      });
}
BENCHMARK(BM_PressureReachesAPollingBorrower)->UseManualTime();

void BM_CompletionReachesThePollingTenant(benchmark::State& state) {
  Ends ends;
  auto& slot = ends.area().slots[0];
  std::uint64_t sent = 0, seen = 0;
  one_way(
      state, [&] { ends.peer->complete(0, ++sent, Nanoseconds{1}, Nanoseconds{2}); },
      [&] {
        const bool completed = ipc::has_completed(slot, seen + 1);
        seen += completed;
        return completed;
      });
}
BENCHMARK(BM_CompletionReachesThePollingTenant)->UseManualTime();

// ---- there and back through a real engine thread -----------------------------------------------------------

class EngineUnderTest {
 public:
  explicit EngineUnderTest(Nanoseconds spin_below) {
    std::string name = (std::filesystem::temp_directory_path() / "lithos-bench-XXXXXX").string();
    folder_ = ::mkdtemp(name.data()) != nullptr ? name : ".";
    // Each decision is a new lease, so that it can be seen.
    test::script.decide = [n = std::uint64_t{0}](const lithos_sched_view* view, lithos_sched_answer* answer) mutable {
      for (std::uint32_t i = 0; i < view->tenants; ++i) test::lease_of(answer, i).atom_ns = 1000 + ++n % 1000;
      return LITHOS_OK;
    };
    LoadedDaemonConfig loaded = parse_daemon_config(
        "[[tenant]]\nname = \"a\"\nclass = \"throughput\"\nquota = 40\n"
        "trace = \"" LITHOS_SOURCE_DIR
        "/configs/traces/dlrm_infer_b2048.csv\"\n"
        "arrivals = { kind = \"closed\" }\n[[set]]\nname = \"s\"\nscheduler = \"builtin.scheduler\"\n",
        "bench.toml", "");
    if (loaded.config == nullptr) return;
    config_ = std::move(loaded.config);
    auto set = PolicySet::from_tables(test::all_tables(), gpu_info(config_->gpu, 1));
    thread_ = std::make_unique<EngineThread>(
        EngineThreadOptions{.socket = folder_ + "/tenants.sock", .spin_below = spin_below, .at_start = {}},
        engine_room_config(*config_), std::shared_ptr<PolicySet>(std::move(set).value()));
    if (!thread_->start().ok()) return;
    auto connected = ipc::TenantLink::connect({.socket = folder_ + "/tenants.sock", .name = "a"});
    if (connected.ok()) link = std::move(connected).value();
  }
  ~EngineUnderTest() {
    link.reset();
    if (thread_ != nullptr) thread_->stop();
    std::error_code error;
    std::filesystem::remove_all(folder_, error);
    test::script = {};
  }
  std::unique_ptr<ipc::TenantLink> link;

 private:
  std::string folder_;
  std::unique_ptr<DaemonConfig> config_;
  std::unique_ptr<EngineThread> thread_;
};

// A record that calls for a decision, until the tenant sees the lease that follows from it.
void there_and_back(benchmark::State& state, Nanoseconds spin_below, Nanoseconds pause) {
  EngineUnderTest engine(spin_below);
  if (engine.link == nullptr) return state.SkipWithError("no engine");
  ipc::TenantLink& link = *engine.link;
  std::uint64_t sequence = 0;
  std::vector<std::int64_t> delays_ns;
  for (auto _ : state) {
    // Decisions are at least 20 us apart; the engine falls asleep, or not, meanwhile.
    for (const Nanoseconds until = monotonic_now() + pause; monotonic_now() < until;)
      if (link.lease_changed()) (void)link.lease();
    Record record = ipc::some_record();
    record.kind = RecordKind::pressure;
    record.sequence = ++sequence;
    record.pressure = sequence % 2 == 1 ? Pressure::active : Pressure::idle;
    const Nanoseconds began = monotonic_now();
    link.push(record);
    Nanoseconds delay{0};
    while (!link.lease_changed() && delay < kGivesUpAfter) delay = monotonic_now() - began;
    if (delay >= kGivesUpAfter) return state.SkipWithError("no lease followed");
    delay = monotonic_now() - began;
    (void)link.lease();
    delays_ns.push_back(delay.count());
    state.SetIterationTime(static_cast<double>(delay.count()) * 1e-9);
  }
  ipc::report_percentiles(state, delays_ns);
}

void BM_RecordToLeaseDaemonAwake(benchmark::State& state) {
  there_and_back(state, Nanoseconds{3'600'000'000'000}, Nanoseconds{50'000});
}
BENCHMARK(BM_RecordToLeaseDaemonAwake)->UseManualTime();

void BM_RecordToLeaseDaemonAsleep(benchmark::State& state) {
  there_and_back(state, Nanoseconds{0}, Nanoseconds{200'000});
}
BENCHMARK(BM_RecordToLeaseDaemonAsleep)->UseManualTime();

}  // namespace
}  // namespace lithos
