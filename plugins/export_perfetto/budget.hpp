// SPDX-License-Identifier: Apache-2.0
// How much detail the file still has room for. Three quarters of it take everything. Then windows are summed up, 10 ms
// long at first and twice as long each time half of what is left is used; so the file ends before its limit however
// long the run is, in practice: ten doublings are ten seconds a window. Plain state.
#pragma once

#include <cstdint>

namespace lithos_perfetto {

class Budget {
 public:
  enum class Detail { everything, windows, nothing };

  explicit Budget(std::uint64_t most_bytes) : most_(most_bytes), next_(most_bytes / 4 * 3) {}

  // To be called with the file's size; true: the level has just changed.
  bool look(std::uint64_t bytes) {
    if (bytes < next_ || detail_ == Detail::nothing) return false;
    if (detail_ == Detail::windows) window_ns_ *= 2;
    detail_ = most_ - next_ < kLeastBytes ? Detail::nothing : Detail::windows;
    next_ = bytes + (most_ > bytes ? most_ - bytes : 0) / 2;
    return true;
  }
  Detail detail() const { return detail_; }
  std::uint64_t window_ns() const { return window_ns_; }

 private:
  static constexpr std::uint64_t kLeastBytes = 32 * 1024;

  std::uint64_t most_, next_;
  std::uint64_t window_ns_ = 10'000'000;
  Detail detail_ = Detail::everything;
};

}  // namespace lithos_perfetto
