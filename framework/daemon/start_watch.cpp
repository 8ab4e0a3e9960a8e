// SPDX-License-Identifier: Apache-2.0
#include "daemon/start_watch.hpp"

#include <sys/prctl.h>

#include <chrono>

namespace lithos {

StartWatch::StartWatch(Nanoseconds limit, End end)
    : limit_(limit), end_(std::move(end)), thread_([this] { run(); }) {}

StartWatch::~StartWatch() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void StartWatch::run() {
  ::prctl(PR_SET_NAME, "lithosd-start");
  std::unique_lock lock(mutex_);
  if (changed_.wait_for(lock, std::chrono::nanoseconds(limit_), [this] { return over_; })) return;
  const char* const step = step_.load();
  if (BlackBox* const box = box_.load(); box != nullptr) box->start_hung(step);
  end_(step);
}

}  // namespace lithos
