// SPDX-License-Identifier: Apache-2.0
// A driver that remembers in the reference model what it was given, and takes kernels only when it likes.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <vector>

#include "property/dice.hpp"
#include "unit/cuda_queue/stream_model.hpp"

namespace lithos::cuda::test {

// Order-sensitive, so that a byte in the wrong place shows.
inline std::uint64_t digest(const std::byte* data, std::size_t bytes) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (std::size_t i = 0; i < bytes; ++i) hash = (hash ^ static_cast<std::uint64_t>(data[i])) * 0x100000001b3u;
  return hash;
}

class FakeDriver final : public CallDriver {
 public:
  FakeDriver(std::map<std::uint64_t, StreamKind> kinds, std::uint64_t seed)
      : model_(kinds), kinds_(std::move(kinds)), dice_(seed) {
    for (const auto& [stream, kind] : kinds_) busy_[stream] = false;
  }

  Answer submit(const QueuedCall& call, bool urgent) override {
    EXPECT_FALSE(busy_.at(call.stream).exchange(true)) << "two threads submit stream " << call.stream;
    const Answer answer = take(call, urgent);
    busy_.at(call.stream) = false;
    return answer;
  }

  // A tenant that is held: kernels go only if they must.
  void hold(bool on) { held_ = on; }
  void fail(std::size_t call, int code) { failures_[call] = code; }

  bool has(std::size_t call) const {
    const std::lock_guard lock(mutex_);
    return model_.submitted(call);
  }
  CallSet submitted() const {
    const std::lock_guard lock(mutex_);
    return model_.submitted();
  }
  // Compares with the same calls made directly, in the order in which they were made.
  void expect_as_if_direct() const {
    std::vector<QueuedCall> calls = calls_;
    std::sort(calls.begin(), calls.end(), [](const auto& a, const auto& b) { return a.sequence < b.sequence; });
    StreamModel direct(kinds_);
    for (const QueuedCall& call : calls) direct.submit(call);
    ASSERT_EQ(direct.before().size(), model_.before().size());
    for (const auto& [call, before] : direct.before()) {
      const CallSet& now = model_.before().at(call);
      ASSERT_EQ(now, before) << "call " << call << ": missing or too many predecessors, first difference "
                             << (now ^ before)._Find_first();
    }
  }
  std::vector<QueuedCall> calls_;  // in the order of submission

 private:
  Answer take(const QueuedCall& call, bool urgent) {
    const std::lock_guard lock(mutex_);
    if (!urgent && call.kind == CallKind::kernel && (held_ || dice_.chance(60)))
      return {false, 0};  // or another atom of it
    EXPECT_FALSE(model_.submitted(number_of(call))) << "call " << number_of(call) << " twice";
    EXPECT_EQ(digest(call.arguments, call.argument_bytes), call.words[1]) << "arguments of call " << number_of(call);
    model_.submit(call);
    calls_.push_back(call);
    const auto failure = failures_.find(number_of(call));
    return {true, failure == failures_.end() ? 0 : failure->second};
  }

  mutable std::mutex mutex_;
  StreamModel model_;
  const std::map<std::uint64_t, StreamKind> kinds_;
  std::map<std::uint64_t, std::atomic<bool>> busy_;
  lithos::test::Dice dice_;
  std::atomic<bool> held_{false};
  std::map<std::size_t, int> failures_;
};

}  // namespace lithos::cuda::test
