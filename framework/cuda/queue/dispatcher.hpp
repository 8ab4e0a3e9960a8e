// SPDX-License-Identifier: Apache-2.0
// The thread that submits what waits in CallQueues. Ends with its object: what still waits then stays queued, for submit_all().
#pragma once

#include <atomic>
#include <chrono>
#include <thread>

#include "cuda/queue/call_queues.hpp"

namespace lithos::cuda {

// Until `ending`, which is looked at when something is queued or poked, or after a tenth of a second.
inline void dispatch_until(CallQueues& queues, const std::atomic<bool>& ending) {
  constexpr std::chrono::microseconds kLookAgain{100};  // time alone may let a call go
  constexpr std::chrono::milliseconds kIdle{100};
  for (std::uint64_t seen = 0; !ending.load(std::memory_order_acquire);)
    if (!queues.dispatch()) seen = queues.wait_for_work(seen, queues.waiting() > 0 ? std::chrono::nanoseconds{kLookAgain} : kIdle);
}

class Dispatcher {
 public:
  explicit Dispatcher(CallQueues& queues) : queues_(queues), thread_([this] { dispatch_until(queues_, ending_); }) {}
  ~Dispatcher() {
    ending_.store(true, std::memory_order_release);
    queues_.poke();
    thread_.join();
  }
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

 private:
  CallQueues& queues_;
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

}  // namespace lithos::cuda
