// SPDX-License-Identifier: Apache-2.0
// The watchdog: ends the process if the engine thread, or a policy on the control thread, has not come back for too
// long.
//
// A thread that loops in a policy, or hangs in libc inside one, cannot be stopped safely from within: so the whole
// daemon ends, and the next one knows from the black box which policy to leave out. Tenants keep their leases
// meanwhile. (DESIGN.md §5.8) It looks every eighth of the limit. One thread of its own.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "base/time.hpp"
#include "daemon/black_box.hpp"
#include "daemon/engine_thread.hpp"

namespace lithos {

inline constexpr int kExitHung = 70;  // the exit code of a daemon that its watchdog ended

class Watchdog {
 public:
  // `end`: called when something hangs, with what; does not return in a daemon.
  Watchdog(EngineThread& engine, BlackBoxContent& box, Nanoseconds limit, std::function<void(std::uint64_t hung)> end);
  ~Watchdog();

 private:
  void run();
  // What hangs: kHungEngine, kHungControl, or 0.
  std::uint64_t look(Nanoseconds now);

  EngineThread& engine_;
  BlackBoxContent& box_;
  const Nanoseconds limit_;
  const std::function<void(std::uint64_t)> end_;
  std::uint64_t control_kind_ = 0;
  Nanoseconds control_since_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace lithos
