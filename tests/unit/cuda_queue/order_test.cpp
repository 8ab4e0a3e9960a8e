// SPDX-License-Identifier: Apache-2.0
// Order torture: random programs through the queues, compared with the same calls made directly (stream_model.hpp). A program is a function
// of its seed; LITHOS_ORDER_PROGRAMS sets how many.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <thread>

#include "cuda/queue/dispatcher.hpp"
#include "unit/cuda_queue/fake_driver.hpp"

namespace lithos::cuda::test {
namespace {

using lithos::test::Dice;

std::uint64_t programs(std::uint64_t usual) {
  const char* text = std::getenv("LITHOS_ORDER_PROGRAMS");
  return text == nullptr ? usual : std::strtoull(text, nullptr, 10);
}

// Streams 0 … n − 1; at most one legacy stream, as a context has.
std::map<std::uint64_t, StreamKind> random_streams(Dice& dice) {
  std::map<std::uint64_t, StreamKind> kinds;
  const std::uint32_t n = dice.between(1, 6);
  for (std::uint32_t s = 0; s < n; ++s) kinds[s] = dice.chance(60) ? StreamKind::blocking : StreamKind::non_blocking;
  if (dice.chance(70)) kinds[0] = StreamKind::legacy;
  return kinds;
}

// One thread of a program. Call numbers come from one counter, so every call of every thread has its own.
class ProgramThread {
 public:
  ProgramThread(CallQueues& queues, FakeDriver& driver, std::atomic<std::size_t>& numbers, std::uint32_t streams,
                std::uint64_t seed, std::uint64_t own_events)
      : queues_(queues), driver_(driver), numbers_(numbers), streams_(streams), dice_(seed), own_events_(own_events) {}

  void step(bool alone) {
    const std::uint32_t what = dice_.below(100);
    if (what < 45) launch();
    else if (what < 60)
      make(dice_.chance(50) ? CallKind::copy : dice_.chance(50) ? CallKind::set : CallKind::host_function, 0);
    else if (what < 72) record();
    else if (what < 84) make(CallKind::wait, event(dice_.chance(70)));
    else if (what < 88) query();
    else if (what < 91) synchronise(stream(), alone);
    else if (what < 92) everything(alone);
    else if (what < 95) queues_.set_route(stream(), dice_.chance(50) ? CallRoute::through : CallRoute::queued);
    else if (alone) queues_.dispatch();
  }

 private:
  std::uint64_t stream() { return dice_.below(streams_); }
  std::uint64_t event(bool own) { return own ? own_events_ + dice_.below(3) : dice_.below(12); }

  QueuedCall fresh(CallKind kind, std::uint64_t object) {
    QueuedCall call;
    call.kind = kind, call.stream = stream(), call.object = object;
    call.words[0] = numbers_.fetch_add(1);
    call.words[1] = digest(nullptr, 0);
    return call;
  }
  std::size_t make(CallKind kind, std::uint64_t object) {
    const QueuedCall call = fresh(kind, object);
    EXPECT_EQ(queues_.call(call), 0);
    return number_of(call);
  }
  void record() {
    const std::uint64_t which = own_events_ + dice_.below(3);
    recorded_[which] = make(CallKind::record, which);
  }
  // Arguments by pointers or packed; the program's memory changes as soon as the call has returned.
  void launch() {
    QueuedCall call = fresh(CallKind::kernel, 1000 + dice_.below(5));
    std::uint64_t a = dice_.bits();
    std::uint32_t b = dice_.below(1000);
    std::byte packed[12];
    std::memcpy(packed, &a, 8), std::memcpy(packed + 8, &b, 4);
    call.words[1] = digest(packed, sizeof packed);
    static const ParameterPlace kPlaces[] = {{0, 8}, {8, 4}};
    static const ParameterLayout kLayout = ParameterLayout::make(kPlaces).value();
    void* values[] = {&a, &b};
    const bool at_once = dice_.chance(5);
    if (dice_.chance(50)) EXPECT_EQ(queues_.call(call, {{}, &kLayout, values}, at_once), 0);
    else EXPECT_EQ(queues_.call(call, {{packed, sizeof packed}, nullptr, nullptr}, at_once), 0);
    a = b = 0;
    std::memset(packed, 0, sizeof packed);
    if (at_once) { EXPECT_TRUE(driver_.has(number_of(call))); }
  }
  Haste haste() { return dice_.chance(50) ? Haste::urgent : Haste::patient; }
  // What a query is told must be about the latest record.
  void query() {
    const std::uint64_t which = own_events_ + dice_.below(3);
    queues_.submit_event(which, dice_.chance(20), haste());
    const auto latest = recorded_.find(which);
    if (latest != recorded_.end()) { EXPECT_TRUE(driver_.has(latest->second)) << "event " << which; }
  }
  void synchronise(std::uint64_t which, bool alone) {
    queues_.submit_stream(which, haste());
    if (alone && which == 0 && streams_ == 1) { EXPECT_EQ(driver_.submitted().count(), numbers_.load()); }
  }
  void everything(bool alone) {
    queues_.submit_all(haste());
    if (alone) { EXPECT_EQ(driver_.submitted().count(), numbers_.load()); }
  }

  CallQueues& queues_;
  FakeDriver& driver_;
  std::atomic<std::size_t>& numbers_;
  const std::uint32_t streams_;
  Dice dice_;
  const std::uint64_t own_events_;
  std::map<std::uint64_t, std::size_t> recorded_;
};

struct Program {
  explicit Program(std::uint64_t seed)
      : dice(seed), kinds(random_streams(dice)), driver(kinds, seed), queues(driver, limits(dice)) {
    for (const auto& [stream, kind] : kinds)
      queues.add_stream(stream, kind, dice.chance(85) ? CallRoute::queued : CallRoute::through);
  }
  static QueueLimits limits(Dice& dice) {
    return {dice.between(2, 64), dice.between(16, 4096), std::chrono::microseconds{dice.chance(50) ? 0 : dice.between(1, 60)}};
  }
  void check() {
    queues.submit_all();
    EXPECT_EQ(queues.waiting(), 0u);
    EXPECT_EQ(driver.submitted().count(), numbers.load());
    driver.expect_as_if_direct();
  }
  Dice dice;
  const std::map<std::uint64_t, StreamKind> kinds;
  FakeDriver driver;
  CallQueues queues;
  std::atomic<std::size_t> numbers{0};
};

TEST(Order, OneThreadCannotTellTheQueuesFromTheDriver) {
  for (std::uint64_t seed = 1; seed <= programs(1'500); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Program program(seed);
    ProgramThread thread(program.queues, program.driver, program.numbers,
                         static_cast<std::uint32_t>(program.kinds.size()), seed * 7, 0);
    for (std::uint32_t step = program.dice.between(10, 150); step > 0; --step) thread.step(true);
    program.check();
    // One thread's calls come in the order in which it made them.
    for (const QueuedCall& call : program.driver.calls_) ASSERT_EQ(call.sequence, number_of(call) + 1);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(Order, ManyThreadsAndADispatcher) {
  for (std::uint64_t seed = 1; seed <= programs(60); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Program program(seed);
    {
      const Dispatcher dispatcher(program.queues);
      std::vector<std::thread> threads;
      for (std::uint64_t t = 0; t < 4; ++t)
        threads.emplace_back([&program, t, seed] {
          ProgramThread thread(program.queues, program.driver, program.numbers,
                               static_cast<std::uint32_t>(program.kinds.size()), seed * 31 + t, t * 3);
          for (int step = 0; step < 120; ++step) thread.step(false);
        });
      for (std::thread& thread : threads) thread.join();
    }
    program.check();
    if (testing::Test::HasFailure()) return;
  }
}

// Locks that the program holds across its calls, and that host functions want too, while the tenant is held for ever.
TEST(Order, LocksHeldAcrossCallsOfAHeldTenantStopNobody) {
  for (std::uint64_t seed = 1; seed <= programs(20); ++seed) {
    Program program(seed);
    program.driver.hold(true);
    const Dispatcher dispatcher(program.queues);
    std::mutex host;
    std::vector<std::thread> threads;
    for (std::uint64_t t = 0; t < 4; ++t)
      threads.emplace_back([&program, &host, t, seed] {
        ProgramThread thread(program.queues, program.driver, program.numbers,
                             static_cast<std::uint32_t>(program.kinds.size()), seed * 13 + t, t * 3);
        for (int round = 0; round < 12; ++round) {
          const std::lock_guard lock(host);
          for (int step = 0; step < 8; ++step) thread.step(false);
        }
      });
    for (std::thread& thread : threads) thread.join();
    program.check();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace lithos::cuda::test
