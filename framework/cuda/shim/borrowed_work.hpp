// SPDX-License-Identifier: Apache-2.0
// What this process has in flight on other owners' TPCs, and at home though it may borrow: launching threads add, the service thread takes away.
//
// A launch's own time on the GPU is not time ahead of it: the oldest piece is taken to be running, as in the executor
// (DESIGN.md §5.5). A piece is described by LaunchReport::borrowed; 0 is not on borrowed TPCs and changes nothing.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "base/time.hpp"
#include "executor/admission.hpp"

namespace lithos::cuda::shim {

class BorrowedWork {
 public:
  static constexpr std::uint8_t kBorrowed = 1, kLongWhole = 2, kDelaysBorrowing = 4;
  static std::uint8_t bits_of(const Verdict& verdict) {
    if (!verdict.on_borrowed) return verdict.delays_borrowing ? kDelaysBorrowing : 0;
    return verdict.long_whole ? kBorrowed | kLongWhole : kBorrowed;
  }

  void add(std::uint8_t bits, Nanoseconds predicted, Nanoseconds now) {
    if (bits == 0) return;
    if ((bits & kDelaysBorrowing) != 0) {
      at_home_ns_.fetch_add(predicted.count(), std::memory_order_relaxed);
      return;
    }
    predicted_ns_.fetch_add(predicted.count(), std::memory_order_relaxed);
    if ((bits & kLongWhole) != 0) long_.fetch_add(1, std::memory_order_relaxed);
    if (pieces_.fetch_add(1, std::memory_order_relaxed) == 0) runs(predicted, now);
  }
  // `running`: predicted time of the oldest piece that is left, which began when this one ended. Beside a launch that comes
  // just now it may be taken for nothing until the next one ends: less is submitted ahead then, never more.
  void remove(std::uint8_t bits, Nanoseconds predicted, Nanoseconds running, Nanoseconds ended) {
    if (bits == 0) return;
    if ((bits & kDelaysBorrowing) != 0) {
      at_home_ns_.fetch_sub(predicted.count(), std::memory_order_relaxed);
      return;
    }
    runs(running, ended);
    if ((bits & kLongWhole) != 0) long_.fetch_sub(1, std::memory_order_relaxed);
    predicted_ns_.fetch_sub(predicted.count(), std::memory_order_relaxed);
    pieces_.fetch_sub(1, std::memory_order_relaxed);
  }
  Outstanding outstanding() const {
    Outstanding now;
    now.predicted = Nanoseconds{predicted_ns_.load(std::memory_order_relaxed)};
    now.running = std::min(Nanoseconds{running_ns_.load(std::memory_order_acquire)}, now.predicted);
    now.running_until = Nanoseconds{until_ns_.load(std::memory_order_relaxed)};
    now.pieces = pieces_.load(std::memory_order_relaxed);
    now.long_wholes = long_.load(std::memory_order_relaxed);
    now.at_home = Nanoseconds{at_home_ns_.load(std::memory_order_relaxed)};
    return now;
  }

 private:
  void runs(Nanoseconds predicted, Nanoseconds from) {
    until_ns_.store((from + predicted).count(), std::memory_order_relaxed);
    running_ns_.store(predicted.count(), std::memory_order_release);
  }

  std::atomic<std::int64_t> predicted_ns_{0}, running_ns_{0}, until_ns_{0}, at_home_ns_{0};
  std::atomic<std::uint32_t> pieces_{0}, long_{0};
};

}  // namespace lithos::cuda::shim
