// SPDX-License-Identifier: Apache-2.0
// Parts of the shim that need no driver: settings, the clock's offset, the memory budget.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <random>
#include <thread>
#include <vector>

#include "cuda/shim/borrowed_work.hpp"
#include "cuda/shim/clock_offset.hpp"
#include "cuda/shim/memory_limit.hpp"
#include "cuda/shim/settings.hpp"
#include "cuda/tpc_map_file.hpp"

namespace lithos::cuda::shim {
namespace {

TEST(Settings, TpcListsAreReadOrRefused) {
  EXPECT_EQ(parse_tpcs("0-3,7"), TpcSet::first(4) | TpcSet::of(7));
  EXPECT_EQ(parse_tpcs("65"), TpcSet::of(65));
  for (const char* wrong : {"", "3-1", "a", "1-", "1,,2", "256", "0-300", "1 2", "-1"})
    EXPECT_FALSE(parse_tpcs(wrong)) << wrong;
}

TEST(Settings, WhatCannotBeReadIsSaidAndLeftOut) {
  ::setenv("LITHOS_MEMORY_LIMIT", "lots", 1);
  ::setenv("LITHOS_UNMANAGED", "sometimes", 1);
  ::setenv("LITHOS_ADVERTISED_TPCS", "32", 1);
  const Settings settings = read_settings();
  EXPECT_EQ(settings.memory_limit_bytes, 0u);
  EXPECT_EQ(settings.advertised_tpcs, 32u);
  EXPECT_EQ(settings.unmanaged, Unmanaged::run);
  EXPECT_NE(settings.wrong.find("LITHOS_MEMORY_LIMIT=lots"), std::string::npos);
  EXPECT_NE(settings.wrong.find("LITHOS_UNMANAGED=sometimes"), std::string::npos);
  for (const char* variable : {"LITHOS_MEMORY_LIMIT", "LITHOS_UNMANAGED", "LITHOS_ADVERTISED_TPCS"})
    ::unsetenv(variable);
}

TEST(Settings, AMapIsReadWhole) {
  const std::string path = ::testing::TempDir() + "lithos_map.txt";
  std::ofstream(path) << "# a comment\ntpc 0 0\ntpc 9 1\nuuid x\ntpc 75 -\n";
  const auto gpu = read_map(path);
  ASSERT_TRUE(gpu);
  EXPECT_EQ(gpu->tpcs, 3u);
  EXPECT_EQ(gpu->gpcs, 2u);
  EXPECT_EQ(gpu->mask_bit_of_tpc[2], 75);
  EXPECT_EQ(gpu->gpc_of_tpc[2], kNoGpc);
  std::ofstream(path) << "tpc 999 0\n";
  EXPECT_FALSE(read_map(path));
  std::ofstream(path) << "nothing\n";
  EXPECT_FALSE(read_map(path));
  EXPECT_FALSE(read_map("/nowhere"));
}

// A clock that runs away by 2.7 us a second, as the worst that was seen; completions noticed up to 60 us late.
TEST(ClockOffset, FollowsADriftingClockWithinThePollingInterval) {
  std::mt19937_64 dice(4);
  ClockOffset clock;
  EXPECT_FALSE(clock.known());
  const Nanoseconds offset_at_start{1'700'000'000'000'000'000};
  Nanoseconds now{5'000'000'000};
  for (unsigned i = 0; i < 20'000; ++i) {
    now += Nanoseconds{static_cast<std::int64_t>(dice() % 200'000)};
    const Nanoseconds done = now + Nanoseconds{3'000 + static_cast<std::int64_t>(dice() % 20'000)};
    const Nanoseconds seen = done + Nanoseconds{500 + static_cast<std::int64_t>(dice() % 60'000)};
    const Nanoseconds offset = offset_at_start + Nanoseconds{done.count() * 27 / 10'000'000};
    clock.observe(now, done + offset, seen);
    if (i < 100) continue;
    const Nanoseconds error = clock.to_host(done + offset) - done;
    EXPECT_LT(std::abs(error.count()), 5'000) << i;
    EXPECT_LT(clock.uncertainty().count(), 10'000);
    now = seen;
  }
}

// A program that launches nothing but graphs of 1.6 ms: what was submitted says little, what was seen says when.
TEST(ClockOffset, LongWorkAloneIsEnough) {
  std::mt19937_64 dice(5);
  ClockOffset clock;
  const Nanoseconds offset_at_start{1'700'000'000'000'000'000};
  Nanoseconds now{5'000'000'000};
  for (unsigned i = 0; i < 5'000; ++i) {
    const Nanoseconds done = now + Nanoseconds{1'600'000 + static_cast<std::int64_t>(dice() % 400'000)};
    const Nanoseconds seen = done + Nanoseconds{500 + static_cast<std::int64_t>(dice() % 20'000)};
    const Nanoseconds offset = offset_at_start + Nanoseconds{done.count() * 110 / 10'000'000};
    clock.observe(now, done + offset, seen);
    const Nanoseconds error = clock.to_host(done + offset) - done;
    EXPECT_LT(i < 100 ? 0 : std::abs(error.count()), 8'000) << i;
    now = seen + Nanoseconds{static_cast<std::int64_t>(dice() % 1'000'000)};
  }
}

// A launch of 400 us with 75 us allowed ahead: the one behind it may be submitted while it runs, and not a third.
TEST(BorrowedWork, WhatRunsIsNotAhead) {
  using namespace std::chrono_literals;
  BorrowedWork work;
  const auto ahead = [&] { return work.outstanding().predicted - work.outstanding().running; };
  EXPECT_EQ(work.outstanding().pieces, 0u);
  work.add(0, 9ms, 1s);  // on its own TPCs
  EXPECT_EQ(ahead(), 0ns);
  work.add(BorrowedWork::kBorrowed, 400us, 1s);
  EXPECT_EQ(ahead(), 0us);
  EXPECT_EQ(work.outstanding().left(1s + 100us), 300us);
  work.add(BorrowedWork::kBorrowed | BorrowedWork::kLongWhole, 60us, 1s + 10us);
  EXPECT_EQ(ahead(), 60us);
  EXPECT_EQ(work.outstanding().left(1s + 300us), 160us);
  EXPECT_EQ(work.outstanding().left(1s + 500us), 60us) << "over its time: what it still takes nobody knows";
  EXPECT_EQ(work.outstanding().long_wholes, 1u);
  work.remove(BorrowedWork::kBorrowed, 400us, 60us, 1s + 420us);
  EXPECT_EQ(ahead(), 0us);
  EXPECT_EQ(work.outstanding().left(1s + 450us), 30us);
  EXPECT_EQ(work.outstanding().pieces, 1u);
  work.remove(BorrowedWork::kBorrowed | BorrowedWork::kLongWhole, 60us, 0us, 1s + 480us);
  EXPECT_EQ(work.outstanding().pieces + work.outstanding().long_wholes, 0u);
  EXPECT_EQ(work.outstanding().predicted, 0us);
}

TEST(BorrowedWork, WhatDelaysBorrowingAtHomeIsCountedByItself) {
  using namespace std::chrono_literals;
  BorrowedWork work;
  Verdict at_home;
  EXPECT_EQ(BorrowedWork::bits_of(at_home), 0) << "who never borrows counts nothing";
  at_home.delays_borrowing = true;
  const std::uint8_t bits = BorrowedWork::bits_of(at_home);
  work.add(bits, 400us, 1s);
  work.add(bits, 60us, 1s);
  EXPECT_EQ(work.outstanding().at_home, 460us);
  EXPECT_EQ(work.outstanding().pieces, 0u);
  work.remove(bits, 400us, 0us, 1s + 1ms);
  EXPECT_EQ(work.outstanding().at_home, 60us);
  work.remove(bits, 60us, 0us, 1s + 2ms);
  EXPECT_EQ(work.outstanding().at_home, 0us);
}

TEST(MemoryBudget, NeverGoesOverTheLimitFromAnyNumberOfThreads) {
  MemoryBudget budget;
  budget.set_limit(1000);
  std::atomic<std::uint64_t> over = 0;
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < 2000; ++i) {
        if (!budget.take(90)) continue;
        if (budget.used() > 1000) ++over;
        budget.remember(t << 32 | i, 90);
        budget.forget(t << 32 | i);
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(over, 0u);
  EXPECT_EQ(budget.used(), 0u);
  EXPECT_FALSE(budget.take(1001));
  EXPECT_FALSE(budget.take(~std::uint64_t{0}));
  EXPECT_TRUE(budget.take(1000));
  budget.give_back(1000);
  budget.forget(77);  // never seen
  EXPECT_EQ(budget.left(), 1000u);
}

}  // namespace
}  // namespace lithos::cuda::shim
