// SPDX-License-Identifier: Apache-2.0
#include "daemon/watchdog.hpp"

#include <sys/prctl.h>

#include <chrono>

#include "daemon/clock.hpp"

namespace lithos {

Watchdog::Watchdog(EngineThread& engine, BlackBoxContent& box, Nanoseconds limit,
                   std::function<void(std::uint64_t)> end)
    : engine_(engine), box_(box), limit_(limit), end_(std::move(end)), thread_([this] { run(); }) {}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

std::uint64_t Watchdog::look(Nanoseconds now) {
  const Nanoseconds since = engine_.stepping_since();
  if (since.count() != 0 && now - since > limit_) return kHungEngine;
  // The control thread may take its time, but not inside a policy.
  const std::uint64_t kind = box_.control.kind.load(std::memory_order_relaxed);
  if (kind != control_kind_) {
    control_kind_ = kind;
    control_since_ = now;
  }
  return kind != 0 && now - control_since_ > limit_ ? kHungControl : 0;
}

void Watchdog::run() {
  ::prctl(PR_SET_NAME, "lithosd-watch");
  const auto pause = std::chrono::nanoseconds(limit_ / 8);
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, pause, [this] { return stopping_; })) {
    const std::uint64_t hung = look(monotonic_now());
    if (hung == 0) continue;
    box_.hung.store(hung);
    end_(hung);
    return;
  }
}

}  // namespace lithos
