// SPDX-License-Identifier: Apache-2.0
// What the transport costs: per launch in the tenant, and until a borrower sees that a lender takes its TPCs back.
//   build/release/tests/bin/ipc_bench
// And what a decision pays for being swappable: one look at the mailbox, against the locks one would otherwise take.
#include <benchmark/benchmark.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <shared_mutex>
#include <thread>

#include "bench/ipc_ends.hpp"
#include "daemon/clock.hpp"
#include "daemon/mailbox.hpp"
#include "ipc/lease_buffer.hpp"
#include "ipc/operator_table.hpp"
#include "ipc/shared_memory.hpp"
#include "ipc/spsc_ring.hpp"
#include "ipc/tenant_peer.hpp"

namespace lithos::ipc {
namespace {

// One launch on the inline path: is there a new lease, one record, does the daemon sleep?
void BM_LeaseReadAndRingPush(benchmark::State& state) {
  Ends ends;
  ends.peer->publish_lease(some_lease(1), [](TenantId) { return 1u; });
  LeaseReader leases(ends.area());
  RingWriter<WireRecord, kRecords> ring(ends.area().records, &ends.area().header.record_tail.value,
                                        &ends.area().header.record_head.value);
  WireLease wire;
  (void)leases.take(wire);
  Record record = some_record(), taken;
  std::uint64_t pushed = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(leases.changed());
    benchmark::DoNotOptimize(ring.push(to_wire(record)));
    benchmark::DoNotOptimize(wake_if_asleep(&ends.area().header.daemon_asleep.value, ends.event.get()));
    if (++pushed % (kRecords / 2) != 0) continue;
    state.PauseTiming();
    while (ends.peer->take_record(TpcSet::first(66), Nanoseconds{1}, taken)) benchmark::DoNotOptimize(taken);
    state.ResumeTiming();
  }
}
BENCHMARK(BM_LeaseReadAndRingPush);

void BM_TakeANewLease(benchmark::State& state) {
  Ends ends;
  ends.peer->publish_lease(some_lease(1), [](TenantId) { return 1u; });
  LeaseReader leases(ends.area());
  WireLease wire;
  for (auto _ : state) benchmark::DoNotOptimize(leases.take(wire));
}
BENCHMARK(BM_TakeANewLease);

void BM_OperatorDecision(benchmark::State& state) {
  Ends ends;
  for (std::uint64_t op = 1; op <= 300; ++op) ends.peer->publish_operator(OperatorId{op}, {});
  OperatorTableReader table(ends.area());
  std::uint64_t op = 0;
  for (auto _ : state) benchmark::DoNotOptimize(table.find(OperatorId{1 + op++ % 300}));
}
BENCHMARK(BM_OperatorDecision);

void BM_DaemonTakesARecord(benchmark::State& state) {
  Ends ends;
  RingWriter<WireRecord, kRecords> ring(ends.area().records, &ends.area().header.record_tail.value,
                                        &ends.area().header.record_head.value);
  const WireRecord wire = to_wire(some_record());
  Record taken;
  for (auto _ : state) {
    (void)ring.push(wire);
    benchmark::DoNotOptimize(ends.peer->take_record(TpcSet::first(66), Nanoseconds{1}, taken));
  }
}
BENCHMARK(BM_DaemonTakesARecord);

// A lender publishes pressure; a borrower that looks at each submission sees it. Round trip between two threads,
// halved.
void BM_TakeBackSeenSpinning(benchmark::State& state) {
  Ends lender, borrower;
  auto& there = static_cast<PressurePage*>(lender.page.get())->word.value;
  auto& back = static_cast<PressurePage*>(borrower.page.get())->word.value;
  std::atomic<bool> stop = false;
  std::thread other([&] {
    for (std::uint64_t seen = 0; !stop.load(std::memory_order_relaxed);) {
      const std::uint64_t now = load(&there);
      if (now == seen) continue;
      store(&back, seen = now);
    }
  });
  std::uint64_t word = 0;
  std::vector<std::int64_t> delays_ns;
  for (auto _ : state) {
    const Nanoseconds began = monotonic_now();
    store(&there, ++word);
    while (load(&back) != word) {}
    delays_ns.push_back((monotonic_now() - began).count());
  }
  stop = true;
  other.join();
  report_percentiles(state, delays_ns);
}
BENCHMARK(BM_TakeBackSeenSpinning)->UseRealTime();

// The borrower sleeps, as a tenant that waits for TPCs does; the daemon rings. Until the borrower has answered.
void BM_TakeBackSeenAsleep(benchmark::State& state) {
  Ends ends;
  std::atomic<bool> stop = false;
  std::atomic<std::uint64_t> rung = 0, seen = 0;
  std::uint32_t& asleep = ends.area().header.tenant_asleep.value;
  std::thread borrower([&] {
    while (!stop) {
      raise_flag(&asleep);
      if (rung.load() == seen.load() && !stop) {
        pollfd wait{ends.tenant_event.get(), POLLIN, 0};
        ::poll(&wait, 1, -1);
        drain_event(ends.tenant_event.get());
      }
      lower_flag(&asleep);
      seen.store(rung.load());
    }
  });
  std::uint64_t count = 0;
  std::vector<std::int64_t> delays_ns;
  for (auto _ : state) {
    while (load(&asleep) == 0) {  // it has to be on its way to sleep, or the wake would be free
    }
    const Nanoseconds began = monotonic_now();
    rung.store(++count);
    ends.peer->ring_bell();
    while (seen.load() != count) {}
    delays_ns.push_back((monotonic_now() - began).count());
  }
  stop = true;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(ends.tenant_event.get(), &one, sizeof one);
  borrower.join();
  report_percentiles(state, delays_ns);
}
BENCHMARK(BM_TakeBackSeenAsleep)->UseRealTime();

// ---- what a decision pays for a set of policies that can be exchanged ------------------------------------

struct Policies {
  std::uint64_t answer = 1;
};

void BM_ReaderMailbox(benchmark::State& state) {
  const Fd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  Mailbox mailbox(event.get());
  auto policies = std::make_shared<Policies>();
  for (auto _ : state) {
    mailbox.run();
    benchmark::DoNotOptimize(policies->answer);
  }
}
BENCHMARK(BM_ReaderMailbox);

void BM_ReaderSharedMutex(benchmark::State& state) {
  static std::shared_mutex mutex;
  static auto policies = std::make_shared<Policies>();
  for (auto _ : state) {
    const std::shared_lock lock(mutex);
    benchmark::DoNotOptimize(policies->answer);
  }
}
BENCHMARK(BM_ReaderSharedMutex)->Threads(1)->Threads(2);

void BM_ReaderAtomicSharedPtr(benchmark::State& state) {
  static std::atomic<std::shared_ptr<Policies>> policies{std::make_shared<Policies>()};
  for (auto _ : state) benchmark::DoNotOptimize(policies.load()->answer);
}
BENCHMARK(BM_ReaderAtomicSharedPtr)->Threads(1)->Threads(2);

}  // namespace
}  // namespace lithos::ipc

BENCHMARK_MAIN();
