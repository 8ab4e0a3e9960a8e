// SPDX-License-Identifier: Apache-2.0
#include "cli/progress.hpp"

#include <gtest/gtest.h>

#include <sstream>
#include <thread>
#include <vector>

namespace lithos {
namespace {

TEST(Progress, IsSilentAwayFromATerminal) {
  std::ostringstream err;
  {
    Progress progress(err, false, 2);
    progress.report(0, 0.5);
  }
  EXPECT_EQ(err.str(), "");
}

TEST(Progress, DrawsOneLineAndCleansUp) {
  std::ostringstream err;
  {
    Progress progress(err, true, 2);
    progress.report(0, 1.0);
    progress.report(1, 0.5);  // too soon after the first to be drawn
  }
  EXPECT_EQ(err.str().find("\r  ████████████████████░░░░░░░░░░░░░░░░░░░░  50%  1 of 2 sets done "), 0u) << err.str();
  EXPECT_EQ(err.str().find('\n'), std::string::npos);
  EXPECT_EQ(err.str().substr(err.str().size() - 4), "\r\x1b[K");
}

TEST(Progress, TakesReportsFromManyThreads) {
  std::ostringstream err;
  Progress progress(err, true, 4);
  std::vector<std::thread> threads;
  for (std::size_t run = 0; run < 4; ++run)
    threads.emplace_back([&progress, run] {
      for (int i = 0; i <= 1000; ++i) progress.report(run, i / 1000.0);
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_NE(err.str(), "");
}

}  // namespace
}  // namespace lithos
