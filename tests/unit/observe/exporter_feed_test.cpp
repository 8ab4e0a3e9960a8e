// SPDX-License-Identifier: Apache-2.0
#include "observe/exporter_feed.hpp"

#include <gtest/gtest.h>

#include "unit/observe/support.hpp"

namespace lithos::testing {
namespace {

TEST(ExporterFeed, TheExporterLearnsWhatItMissed) {
  ExporterFeed feed(exporter());
  for (std::uint64_t launch = 1; launch <= EventRing::kSlots + 5; ++launch) write_launch(feed.ring(), launch);
  EXPECT_EQ(feed.totals().dropped, 5u);
  feed.pump_all();
  EXPECT_EQ(metric(feed.service().metrics(), "events_total"), static_cast<double>(EventRing::kSlots));
  EXPECT_EQ(metric(feed.service().metrics(), "dropped_total"), 5);
  EXPECT_EQ(metric(feed.service().metrics(), "out_of_order_total"), 0) << "the note stands among events, in order of time";
  feed.pump_all();  // told once
  EXPECT_EQ(metric(feed.service().metrics(), "dropped_total"), 5);
}

// A full disk: each failure is counted, nothing piles up.
TEST(ExporterFeed, AFailingExporterIsCountedAndDoesNotStopTheStream) {
  ExporterFeed feed(exporter({{"fail", {true, {}}}}));
  for (std::uint64_t launch = 1; launch <= 5'000; ++launch) write_launch(feed.ring(), launch);
  Status failed;
  EXPECT_TRUE(feed.pump(failed));
  EXPECT_NE(failed.message().find("no space left on device"), std::string::npos) << failed.message();
  feed.pump_all();
  EXPECT_EQ(feed.totals().refused, 5'000u);
  EXPECT_GE(feed.totals().failures, 2u);
  EXPECT_EQ(feed.totals().waiting, 0u);
}

}  // namespace
}  // namespace lithos::testing
