// SPDX-License-Identifier: Apache-2.0
// How much slower a simulation is than another one that does the same: both run at once in this process, a turn of some
// milliseconds each, so that both have the same machine, and turn k of one is held against turn k of the other, which
// simulates the same stretch of time. What disturbs a turn or a second of the machine disturbs few of thousands of pairs,
// and medians leave it out. Each simulation has a thread of its own; at most one of them runs.
//
// Both simulations are on one processor, the threads that they make (exporters') on the others: left to the kernel, an
// exporter's thread shares the simulation's processor whenever another program has the next one.
#pragma once

#include <sched.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "sim/simulation.hpp"

namespace lithos::test {

struct Turn {
  double wall_ns = 0, cpu_ns = 0;  // processor time: of the simulation's thread, without its exporters'
};

class SimulationsInTurns {
 public:
  // Runs both; each calls its second argument at the end of each step. Turns of `steps` steps.
  using Simulation = std::function<void(const std::function<void(double)>& progress)>;
  SimulationsInTurns(const Simulation& first, const Simulation& second, unsigned steps) : steps_(steps) {
    std::thread other([&] { take_turns(second, 1); });
    take_turns(first, 0);
    other.join();
  }
  const std::vector<Turn>& turns(int which) const { return turns_[which]; }

 private:
  static Turn now() {
    timespec cpu{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
    const auto wall = std::chrono::steady_clock::now().time_since_epoch();
    return {std::chrono::duration<double, std::nano>(wall).count(), static_cast<double>(cpu.tv_sec) * 1e9 + static_cast<double>(cpu.tv_nsec)};
  }
  static cpu_set_t processors() {
    cpu_set_t all;
    CPU_ZERO(&all);
    ::sched_getaffinity(0, sizeof all, &all);
    return all;
  }
  // The calling thread, and what it makes from here on: on the first of our processors, or on all others.
  void go_to(bool first) {
    cpu_set_t set;
    CPU_ZERO(&set);
    bool seen = false;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (!CPU_ISSET(cpu, &all_)) continue;
      if (seen != first) CPU_SET(cpu, &set);
      seen = true;
    }
    if (CPU_COUNT(&all_) > 1) ::sched_setaffinity(0, sizeof set, &set);
  }
  void wait_for_turn(int who) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return turn_ == who || ended_[1 - who]; });
  }
  void pass_turn(int who) {
    const std::lock_guard lock(mutex_);
    turn_ = 1 - who;
    changed_.notify_all();
  }
  // The first turn, in which everything is made, does not count.
  void take_turns(const Simulation& simulation, int who) {
    wait_for_turn(who);
    go_to(false);
    Turn began = now();
    unsigned steps = 0;
    simulation([&](double) {
      if (steps == 0) go_to(true);
      if (++steps % steps_ != 0) return;
      const Turn ended = now();
      if (steps > steps_) turns_[who].push_back({ended.wall_ns - began.wall_ns, ended.cpu_ns - began.cpu_ns});
      pass_turn(who);
      wait_for_turn(who);
      began = now();
    });
    ::sched_setaffinity(0, sizeof all_, &all_);
    const std::lock_guard lock(mutex_);
    ended_[who] = true;
    turn_ = 1 - who;
    changed_.notify_all();
  }

  const unsigned steps_;
  const cpu_set_t all_ = processors();
  std::mutex mutex_;
  std::condition_variable changed_;
  int turn_ = 0;
  bool ended_[2] = {};
  std::vector<Turn> turns_[2];
};

// The median of how much larger the second of each pair is, in percent, with the interval that covers the true median in
// 95 % of all cases: by rank, so whatever the distribution.
struct Percent {
  double median = 0, low = 0, high = 0;
};
inline Percent percent_more(std::vector<double> ratios) {
  std::sort(ratios.begin(), ratios.end());
  const auto n = static_cast<double>(ratios.size());
  const double half = 0.98 * std::sqrt(n);  // 1.96 standard deviations of a binomial with p = 0.5
  const auto at = [&](double rank) { return 100 * (ratios[static_cast<std::size_t>(std::clamp(rank, 0.0, n - 1))] - 1); };
  return {at(n / 2), at(std::floor(n / 2 - half)), at(std::ceil(n / 2 + half))};
}

}  // namespace lithos::test
