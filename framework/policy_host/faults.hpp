// SPDX-License-Identifier: Apache-2.0
// What policies did wrong, counted by kind and reason (DESIGN.md §5.7: count everything; §5.8: a policy cannot stop
// the system).
//
// A fault is always repaired on the spot: the bad entry is dropped, or the whole answer replaced by the built-in
// fallback's. The counters say how often and why, and `last_message` what the policy said about it.
// Written by the thread that calls the policy set; read by the same thread, or by others once it has stopped.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "policy_host/kinds.hpp"

namespace lithos {

enum class FaultReason : std::uint32_t {
  // The whole answer was replaced by the fallback's:
  error_status,  // the operation returned a negative status
  exception,     // … because the C++ face caught an exception
  too_late,      // answered after the hard time limit
  // Answered after the soft limit; the answer was used:
  slow,
  // One entry was dropped or put right:
  unknown_flags,   // a lease or request has flag bits this host does not know
  unknown_tpcs,    // a TPC set names TPCs beyond the device
  bad_rate,        // launches_per_s is NaN, infinite or negative
  absurd_time,     // a duration longer than kAbsurdNs
  past_time,       // next decision or sample is not in the future
  bad_prediction,  // p50 is 0 or absurd, p99 below p50
  bad_confidence,  // NaN or outside 0 … 1
  bad_size,        // TPC count outside 1 … query.tpcs
  bad_slowdown,    // NaN, infinite or below 1
  unknown_clock,   // not a clock of the device: snapped to the nearest
};
inline constexpr std::size_t kFaultReasons = static_cast<std::size_t>(FaultReason::unknown_clock) + 1;

// A duration above this (one day) is a mistake in a policy, not a decision.
inline constexpr std::uint64_t kAbsurdNs = 86'400'000'000'000;

// For reports and metric labels: "error_status".
constexpr const char* name_of(FaultReason reason) {
  constexpr std::array<const char*, kFaultReasons> kNames{
      "error_status",   "exception", "too_late",     "slow",         "unknown_flags",
      "unknown_tpcs",   "bad_rate",  "absurd_time",  "past_time",    "bad_prediction",
      "bad_confidence", "bad_size",  "bad_slowdown", "unknown_clock"};
  return kNames[static_cast<std::size_t>(reason)];
}

class PolicyFaults {
 public:
  void count(PolicyKind kind, FaultReason reason) {
    ++counts_[index_of(kind)][static_cast<std::size_t>(reason)];
    ++total_;
  }
  void set_message(PolicyKind kind, std::string text) { messages_[index_of(kind)] = std::move(text); }

  std::uint64_t of(PolicyKind kind, FaultReason reason) const {
    return counts_[index_of(kind)][static_cast<std::size_t>(reason)];
  }
  std::uint64_t of(PolicyKind kind) const {
    std::uint64_t sum = 0;
    for (const std::uint64_t n : counts_[index_of(kind)]) sum += n;
    return sum;
  }
  std::uint64_t total() const { return total_; }
  // What the policy last said through host->fail(), or the host about it; empty: nothing yet.
  const std::string& last_message(PolicyKind kind) const { return messages_[index_of(kind)]; }

 private:
  std::array<std::array<std::uint64_t, kFaultReasons>, kPolicyKinds> counts_{};
  std::array<std::string, kPolicyKinds> messages_;
  std::uint64_t total_ = 0;
};

}  // namespace lithos
