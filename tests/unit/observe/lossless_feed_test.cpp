// SPDX-License-Identifier: Apache-2.0
#include "observe/lossless_feed.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <future>
#include <string>

#include "observe/metric_page.hpp"
#include "unit/observe/support.hpp"

namespace lithos::testing {
namespace {

class LosslessFeedTest : public ::testing::Test {
 protected:
  LosslessFeedTest() { EXPECT_NE(::mkdtemp(folder_), nullptr); }
  ~LosslessFeedTest() override { EXPECT_EQ(std::system(("rm -r " + std::string(folder_)).c_str()), 0); }
  std::string at(const std::string& name) const { return std::string(folder_) + '/' + name; }

 private:
  char folder_[32] = "/tmp/lithos_feed_XXXXXX";
};

constexpr std::uint64_t kMany = 5 * EventRing::kSlots + 3;

TEST_F(LosslessFeedTest, NothingIsLostAndOrderIsKept) {
  {
    LosslessFeed feed(exporter({{"out", raw(at("events"))}}));
    for (std::uint64_t launch = 1; launch <= kMany; ++launch) write_launch(feed.ring(), launch);
    feed.flush();
    EXPECT_EQ(feed.totals().delivered, kMany);
    EXPECT_EQ(feed.totals().dropped, 0u);
    EXPECT_EQ(metric(feed.service().metrics(), "events_total"), static_cast<double>(kMany));
  }
  std::ifstream events(at("events"));
  std::uint64_t type = 0, launch = 0, next = 1;
  while (events >> type >> launch) ASSERT_EQ(launch, next++);
  EXPECT_EQ(next, kMany + 1);
}

// The simulation waits for an exporter that is slower than it, and goes on when it does.
TEST_F(LosslessFeedTest, AWriterWaitsForAnExporterThatHangs) {
  ASSERT_EQ(::mkfifo(at("gate").c_str(), 0600), 0);
  LosslessFeed feed(exporter({{"gate", raw(at("gate"))}}));
  std::future<void> written = std::async(std::launch::async, [&] {
    for (std::uint64_t launch = 1; launch <= kMany; ++launch) write_launch(feed.ring(), launch);
    feed.flush();
  });
  EXPECT_TRUE(eventually([&] { return feed.ring().waiting() == LosslessFeed::kSlots; }));
  EXPECT_EQ(written.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  ::close(::open(at("gate").c_str(), O_WRONLY | O_CLOEXEC));
  written.get();
  EXPECT_EQ(feed.totals().delivered, kMany);
}

TEST_F(LosslessFeedTest, ASampleComesAfterTheEventsBeforeIt) {
  LosslessFeed feed(exporter());
  MetricPage page;
  page.close(Nanoseconds{1}, 0);
  write_launch(feed.ring(), 1);
  feed.sample(page.view());
  EXPECT_EQ(feed.totals().delivered, 1u);
  EXPECT_EQ(metric(feed.service().metrics(), "samples_total"), 1);
}

// A full disk. Batches have the same borders every time, so what is refused does not depend on the threads' pace.
TEST_F(LosslessFeedTest, AnExporterThatFailsIsCountedByBatches) {
  LosslessFeed feed(exporter({{"fail", {true, {}}}}));
  for (std::uint64_t launch = 1; launch <= 5'000; ++launch) write_launch(feed.ring(), launch);
  feed.drain();
  EXPECT_EQ(feed.totals().refused, 5'000u);
  EXPECT_EQ(feed.totals().failures, (5'000 + ExporterFeed::kBatch - 1) / ExporterFeed::kBatch);
}

}  // namespace
}  // namespace lithos::testing
