// SPDX-License-Identifier: Apache-2.0
#include "observe/plugin_thread.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "observe/metric_page.hpp"
#include "unit/observe/support.hpp"

namespace lithos::testing {
namespace {

PluginThreadOptions options() {
  PluginThreadOptions out;
  out.clock = [] { return Nanoseconds{std::chrono::steady_clock::now().time_since_epoch()}; };
  return out;
}

class Pipe {
 public:
  Pipe() {
    ::mktemp(path_);
    EXPECT_EQ(::mkfifo(path_, 0600), 0);
  }
  ~Pipe() { std::remove(path_); }
  std::string path() const { return path_; }
  void open() { ::close(::open(path_, O_WRONLY | O_CLOEXEC)); }

 private:
  char path_[32] = "/tmp/lithos_pipe_XXXXXX";
};

TEST(PluginThread, EventsAndSamplesArriveAndTheRestAtTheEnd) {
  PluginThread plugin(exporter(), options());
  write_launch(*plugin.ring(), 1);
  EXPECT_TRUE(eventually([&] { return plugin.report().feed.delivered == 1; }));
  ASSERT_TRUE(plugin.takes_samples());
  auto page = std::make_shared<MetricPage>();
  page->close(Nanoseconds{1}, 0);
  plugin.post_sample(page);
  EXPECT_TRUE(eventually([&] { return plugin.report().samples == 1; }));
  EXPECT_EQ(metric(plugin.report().metrics, "samples_total"), 1);
  EXPECT_TRUE(plugin.stop());
}

// A slow reader: the engine's side goes on at once, and what does not fit is counted.
TEST(PluginThread, AnExporterThatHangsCostsItsOwnEventsOnly) {
  Pipe gate;
  PluginThread plugin(exporter({{"gate", raw(gate.path())}}), options());
  write_launch(*plugin.ring(), 1);
  EXPECT_TRUE(eventually([&] { return plugin.report().busy_for.count() > 0; }));
  for (std::uint64_t launch = 2; launch <= 2 * EventRing::kSlots; ++launch) write_launch(*plugin.ring(), launch);
  EXPECT_EQ(plugin.ring()->dropped(), EventRing::kSlots);
  gate.open();
  EXPECT_TRUE(eventually([&] { return plugin.report().feed.delivered == EventRing::kSlots; }));
  EXPECT_EQ(metric(plugin.report().metrics, "dropped_total"), static_cast<double>(EventRing::kSlots));
  EXPECT_TRUE(plugin.stop());
}

TEST(PluginThread, OneThatNeverComesBackIsLeftBehind) {
  Pipe gate;
  PluginThreadOptions impatient = options();
  impatient.end_limit = Nanoseconds{50'000'000};
  auto plugin = std::make_unique<PluginThread>(exporter({{"gate", raw(gate.path())}}), impatient);
  write_launch(*plugin->ring(), 1);
  EXPECT_TRUE(eventually([&] { return plugin->report().busy_for.count() > 0; }));
  EXPECT_FALSE(plugin->stop());
  plugin.reset();
  gate.open();  // the thread ends by itself, on what it owns
}

TEST(PluginThread, FailuresAreToldWithTheirReason) {
  std::string said;
  std::mutex mutex;
  PluginThreadOptions told = options();
  told.on_failure = [&](const std::string& id, const Status& failed) {
    const std::lock_guard lock(mutex);
    said = id + ": " + failed.message();
  };
  PluginThread plugin(exporter({{"fail", {true, {}}}}), told);
  write_launch(*plugin.ring(), 1);
  EXPECT_TRUE(eventually([&] { return plugin.report().failures > 0; }));
  EXPECT_TRUE(plugin.stop());
  EXPECT_NE(said.find("org.lithos.test.exporter: plugin org.lithos.test.exporter: events failed"), std::string::npos);
  EXPECT_NE(said.find("no space left on device"), std::string::npos) << said;
}

TEST(PluginThread, PowerControlSetsTheNewestClockAndReads) {
  PluginThread plugin(power(), options());
  EXPECT_EQ(plugin.ring(), nullptr);
  plugin.request_clock(1000);
  plugin.request_clock(1980);
  EXPECT_TRUE(eventually([&] { return plugin.clock_mhz() == 1975 && plugin.power_w() == 321; }));
  EXPECT_TRUE(plugin.stop());
}

}  // namespace
}  // namespace lithos::testing
