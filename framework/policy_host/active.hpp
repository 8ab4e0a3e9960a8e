// SPDX-License-Identifier: Apache-2.0
// The current set of policies of one GPU: one pointer (DESIGN.md §6).
//
// A change of all four policies commits with one store; everything that can fail has happened before it. Readers load
// the pointer once per decision and keep it for that decision only.
// Threads    current(): the GPU's decision thread. commit(): any one control thread at a time, at a decision boundary,
//            that is: while no decision is running. With today's single-threaded engine that is any moment between two
//            engine calls, and so the old set may be destroyed as soon as commit() has returned it.
//            Live swap while a decision thread runs adds one thing here: commit() then waits until the decision
//            thread has passed a quiescent point (a generation it publishes between decisions) before it returns
//            the old set. Callers need no change: what commit() returns is already unused.
// Ownership  Holds the current set; the old one goes to the caller, who may keep it warm to roll back.
#pragma once

#include <atomic>
#include <cassert>
#include <cstdint>
#include <memory>

#include "policy_host/policy_set.hpp"

namespace lithos {

class ActivePolicies {
 public:
  explicit ActivePolicies(std::unique_ptr<PolicySet> first) : current_(first.release()) {
    assert(current_.load(std::memory_order_relaxed) != nullptr);
  }
  ~ActivePolicies() { delete current_.load(std::memory_order_acquire); }
  ActivePolicies(const ActivePolicies&) = delete;
  ActivePolicies& operator=(const ActivePolicies&) = delete;

  PolicySet& current() const { return *current_.load(std::memory_order_acquire); }

  // Counts commits: 0 for the first set.
  std::uint64_t generation() const { return generation_.load(std::memory_order_acquire); }

  [[nodiscard]] std::unique_ptr<PolicySet> commit(std::unique_ptr<PolicySet> next) {
    assert(next != nullptr);
    std::unique_ptr<PolicySet> old(current_.exchange(next.release(), std::memory_order_acq_rel));
    generation_.fetch_add(1, std::memory_order_acq_rel);
    return old;
  }

 private:
  std::atomic<PolicySet*> current_;
  std::atomic<std::uint64_t> generation_ = 0;
};

}  // namespace lithos
