// SPDX-License-Identifier: Apache-2.0
// Watches the start: before the engine thread runs nothing else does. A start that has not come up within its limit ends the
// process; the next daemon reads from the black box at which step it stood still, and whether that was inside a policy.
//
// Nothing that a start waits for can be interrupted safely from within: a folder on a disk that does not answer, a configuration that
// is a pipe, the constructor of a policy. enter() and keep_in() on the thread that starts. One thread of its own, until it is destroyed.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "base/time.hpp"
#include "daemon/black_box.hpp"

namespace lithos {

class StartWatch {
 public:
  using End = std::function<void(const char* step)>;

  // `end`: called once when the limit is over, with the step that had been entered last; does not return in a daemon.
  StartWatch(Nanoseconds limit, End end);
  ~StartWatch();  // it has come up, or failed in words

  void enter(const char* step) { step_.store(step); }  // a text that stays
  void keep_in(BlackBox& box) { box_.store(&box); }    // from now on the box is told as well; it must outlive this

 private:
  void run();

  const Nanoseconds limit_;
  const End end_;
  std::atomic<const char*> step_ = "begin";
  std::atomic<BlackBox*> box_ = nullptr;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;
  std::thread thread_;
};

}  // namespace lithos
