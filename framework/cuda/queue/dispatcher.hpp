// SPDX-License-Identifier: Apache-2.0
// The thread that submits what waits in CallQueues. Ends with its object: what still waits then stays queued, for submit_all().
#pragma once

#include <atomic>
#include <chrono>
#include <thread>

#include "cuda/queue/call_queues.hpp"

namespace lithos::cuda {

class Dispatcher {
 public:
  explicit Dispatcher(CallQueues& queues) : queues_(queues), thread_([this] { run(); }) {}
  ~Dispatcher() {
    ending_.store(true, std::memory_order_release);
    queues_.poke();
    thread_.join();
  }
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

 private:
  static constexpr std::chrono::microseconds kLookAgain{100};  // time alone may let a call go

  void run() {
    for (std::uint64_t seen = 0; !ending_.load(std::memory_order_acquire);)
      if (!queues_.dispatch())
        seen = queues_.wait_for_work(seen, queues_.waiting() > 0 ? kLookAgain : kLookAgain * 100);
  }

  CallQueues& queues_;
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

}  // namespace lithos::cuda
