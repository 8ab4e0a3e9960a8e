// SPDX-License-Identifier: Apache-2.0
// What the transport costs: per launch in the tenant, and until a borrower sees that a lender takes its TPCs back.
//   build/release/tests/bin/ipc_bench
// And what a decision pays for being swappable: one look at the mailbox, against the locks one would otherwise take.
#include <benchmark/benchmark.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

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

// Keeps a thread on the n-th processor it may use, so that waker and sleeper have one each in every run. Where there is only one nothing happens.
void stay_on(pthread_t thread, int n) {
  cpu_set_t allowed, one;
  CPU_ZERO(&one);
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed) || n-- > 0) continue;
    CPU_SET(cpu, &one);
    (void)::pthread_setaffinity_np(thread, sizeof one, &one);
    return;
  }
}

// This thread on the first, for as long as it measures.
class OnTheFirst {
 public:
  OnTheFirst() {
    (void)::sched_getaffinity(0, sizeof before_, &before_);
    stay_on(::pthread_self(), 0);
  }
  ~OnTheFirst() { (void)::sched_setaffinity(0, sizeof before_, &before_); }
  OnTheFirst(const OnTheFirst&) = delete;
  OnTheFirst& operator=(const OnTheFirst&) = delete;

 private:
  cpu_set_t before_{};
};

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
  stay_on(other.native_handle(), 1);
  const OnTheFirst here;
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

// A thread that sleeps until its bell rings and then answers; wake_ns() rings and waits for the answer.
template <class Bell>
class Sleeper {
 public:
  explicit Sleeper(Bell& bell) : bell_(bell), thread_([this] { run(); }) { stay_on(thread_.native_handle(), 1); }
  ~Sleeper() {
    stop_ = true;
    rung_.store(rung_.load() + 1);
    bell_.ring();
    thread_.join();
  }
  // `settled`: how long it has been on its way to sleep by then. At 0 it may be caught before it has got there.
  std::int64_t wake_ns(Nanoseconds settled) {
    while (!bell_.on_its_way()) {}
    for (const Nanoseconds until = monotonic_now() + settled; monotonic_now() < until;) {}
    const std::uint64_t wanted = rung_.load(std::memory_order_relaxed) + 1;
    const Nanoseconds began = monotonic_now();
    rung_.store(wanted);
    bell_.ring();
    while (seen_.load() != wanted) {}
    return (monotonic_now() - began).count();
  }

 private:
  void run() {
    while (!stop_) {
      bell_.sleep([this] { return rung_.load() != seen_.load(); });
      seen_.store(rung_.load());
    }
  }
  Bell& bell_;
  std::atomic<bool> stop_ = false;
  std::atomic<std::uint64_t> rung_ = 0, seen_ = 0;
  std::thread thread_;
};

// As a tenant waits for TPCs and the daemon rings. (An eventfd, because the tenant waits for its socket as well.)
struct TenantBell {
  Ends& ends;
  std::uint32_t& asleep = ends.area().header.tenant_asleep.value;
  bool on_its_way() { return load(&asleep) != 0; }
  void ring() { ends.peer->ring_bell(); }
  template <class Rung>
  void sleep(Rung&& rung) {
    raise_flag(&asleep);
    if (!rung()) {
      pollfd wait{ends.tenant_event.get(), POLLIN, 0};
      ::poll(&wait, 1, -1);
      drain_event(ends.tenant_event.get());
    }
    lower_flag(&asleep);
  }
};

// The least that a wake can cost on this machine: a bare futex.
struct FutexBell {
  std::atomic<std::uint32_t> asleep = 0;
  bool on_its_way() const { return asleep.load() != 0; }
  void ring() {
    if (asleep.exchange(0) != 0) ::syscall(SYS_futex, &asleep, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  }
  template <class Rung>
  void sleep(Rung&& rung) {
    asleep.store(1);
    if (!rung()) ::syscall(SYS_futex, &asleep, FUTEX_WAIT_PRIVATE, 1, nullptr, nullptr, 0);
    asleep.store(0);
  }
};

// The borrower sleeps. Until it has answered, in turns with a bare futex: what is beyond that is ours, what the futex costs as well is the
// machine's. The argument: for how long it has been asleep, in microseconds.
void BM_TakeBackSeenAsleep(benchmark::State& state) {
  const Nanoseconds settled{state.range(0) * 1000};
  Ends ends;
  TenantBell tenant{ends};
  FutexBell bare;
  Sleeper<TenantBell> borrower(tenant);
  Sleeper<FutexBell> yardstick(bare);
  const OnTheFirst here;
  std::vector<std::int64_t> delays_ns, bare_ns;
  for (auto _ : state) {
    delays_ns.push_back(borrower.wake_ns(settled));
    bare_ns.push_back(yardstick.wake_ns(settled));
  }
  report_percentiles(state, delays_ns);
  report_percentiles(state, bare_ns, "bare_futex_");
}
BENCHMARK(BM_TakeBackSeenAsleep)->UseRealTime()->Arg(0)->Arg(10)->Arg(100)->Arg(1000);

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
