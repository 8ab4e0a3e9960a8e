// SPDX-License-Identifier: Apache-2.0
#include "sim/slip_window.hpp"

#include <gtest/gtest.h>

namespace lithos {
namespace {

TEST(SlipWindow, AShortRunIsOneWindow) {
  SlipWindow window;
  EXPECT_DOUBLE_EQ(window.worst(), 1);
  window.add(110, 100);
  window.add(210, 200);
  EXPECT_DOUBLE_EQ(window.worst(), 1.05);
}

// Ten slow seconds among fast ones are found wherever they lie, and are not averaged away.
TEST(SlipWindow, FindsTheWorstTenSeconds) {
  SlipWindow window;
  double busy = 0, at_highest = 0;
  for (int i = 0; i < 357; ++i) {
    const bool slow = i >= 130 && i < 230;
    at_highest += 10;
    busy += slow ? 12 : 10;
    window.add(busy, at_highest);
  }
  EXPECT_DOUBLE_EQ(window.worst(), 1.2);
}

TEST(SlipWindow, ForgetsWhatIsCleared) {
  SlipWindow window;
  for (int i = 1; i <= 200; ++i) window.add(20.0 * i, 10.0 * i);
  EXPECT_DOUBLE_EQ(window.worst(), 2);
  window.clear();
  window.add(10, 10);
  EXPECT_DOUBLE_EQ(window.worst(), 1);
}

}  // namespace
}  // namespace lithos
