// SPDX-License-Identifier: Apache-2.0
// A progress bar over several runs that go on at once, for a person at a terminal; silent elsewhere.
//
// report() may be called from any thread, often: it draws at most ten times a second. clear() leaves the line empty.
#pragma once

#include <chrono>
#include <mutex>
#include <ostream>
#include <vector>

namespace lithos {

class Progress {
 public:
  Progress(std::ostream& err, bool visible, std::size_t runs) : err_(err), visible_(visible), fractions_(runs, 0.0) {}
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void report(std::size_t run, double fraction);
  void clear();

 private:
  std::ostream& err_;
  const bool visible_;
  std::mutex mutex_;
  std::vector<double> fractions_;
  std::chrono::steady_clock::time_point drawn_at_{};
  bool drawn_ = false;
};

}  // namespace lithos
