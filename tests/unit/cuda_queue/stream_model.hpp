// SPDX-License-Identifier: Apache-2.0
// What CUDA promises about the order of calls, as a reference: for each call, which others have completed before it runs.
// Source: CUDA programming guide, "Streams", "Events", "Default Stream".
#pragma once

#include <bitset>
#include <cstdint>
#include <map>
#include <vector>

#include "cuda/queue/call_queues.hpp"

namespace lithos::cuda::test {

constexpr std::size_t kCallsMax = 2048;  // of a program
using CallSet = std::bitset<kCallsMax>;

inline std::size_t number_of(const QueuedCall& call) { return call.words[0]; }

class StreamModel {
 public:
  explicit StreamModel(std::map<std::uint64_t, StreamKind> kinds) : kinds_(std::move(kinds)) {}

  // The driver got this call now.
  void submit(const QueuedCall& call) {
    CallSet before = tail_[call.stream];
    const StreamKind kind = kinds_.at(call.stream);
    for (const auto& [stream, other] : kinds_) {
      const bool ordered = (kind == StreamKind::blocking && other == StreamKind::legacy) ||
                           (kind == StreamKind::legacy && other == StreamKind::blocking);
      if (ordered) before |= tail_[stream];
    }
    if (call.kind == CallKind::wait) before |= recorded_[call.object];
    before_[number_of(call)] = before;
    before.set(number_of(call));
    tail_[call.stream] = before;
    if (call.kind == CallKind::record) recorded_[call.object] = before;
    submitted_.set(number_of(call));
  }
  bool submitted(std::size_t call) const { return submitted_.test(call); }
  const CallSet& submitted() const { return submitted_; }
  const std::map<std::size_t, CallSet>& before() const { return before_; }

 private:
  std::map<std::uint64_t, StreamKind> kinds_;
  std::map<std::uint64_t, CallSet> tail_, recorded_;
  std::map<std::size_t, CallSet> before_;
  CallSet submitted_;
};

}  // namespace lithos::cuda::test
