// SPDX-License-Identifier: Apache-2.0
// Work for the engine thread from other threads: run between two steps, which is a decision boundary.
//
// The engine thread looks with one load (pending) and takes the lock only if there is something. post() may be called
// from any thread.
#pragma once

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace lithos {

// How long those who ask the engine thread wait for its answer: longer than any step, shorter than a person's patience.
inline constexpr std::chrono::milliseconds kAnswerLimit{2000};

class Mailbox {
 public:
  // `wake_event`: an eventfd that the engine thread sleeps on.
  explicit Mailbox(int wake_event) : wake_event_(wake_event) {}

  void post(std::function<void()> work) {
    {
      const std::lock_guard lock(mutex_);
      work_.push_back(std::move(work));
      pending_.store(true, std::memory_order_seq_cst);
    }
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(wake_event_, &one, sizeof one);
  }

  // Runs `ask` on the engine thread and waits for its answer, at most so long. False: no answer yet; it may still run
  // later, so what it refers to must outlive it (it owns what it captured by value).
  template <class Answer>
  bool ask(std::function<Answer()> question, Answer& answer, std::chrono::milliseconds at_most) {
    auto promise = std::make_shared<std::promise<Answer>>();
    std::future<Answer> future = promise->get_future();
    post([promise, question = std::move(question)] { promise->set_value(question()); });
    if (future.wait_for(at_most) != std::future_status::ready) return false;
    answer = future.get();
    return true;
  }

  // ---- the engine thread's side --------------------------------------------------------------------------
  bool pending() const { return pending_.load(std::memory_order_seq_cst); }
  void run() {
    if (!pending()) return;
    std::vector<std::function<void()>> work;
    {
      const std::lock_guard lock(mutex_);
      work.swap(work_);
      pending_.store(false, std::memory_order_seq_cst);
    }
    for (const auto& piece : work) piece();
  }

 private:
  const int wake_event_;
  std::mutex mutex_;
  std::atomic<bool> pending_ = false;
  std::vector<std::function<void()>> work_;
};

}  // namespace lithos
