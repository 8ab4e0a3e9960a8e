// SPDX-License-Identifier: Apache-2.0
// A plugin at work in a daemon, on a thread of its own: an exporter's events and samples, or power control's clock.
//
// Nobody waits for a plugin. The engine writes into the exporter's ring and goes on; the clock to set and the newest
// sample are left where the thread finds them, a newer one replacing the older. A plugin that hangs costs its own
// events and nothing else; at the end it is waited for a while and then left behind, thread and library.
// The thread looks every 2 ms while events come and every 20 ms while none do; the engine never wakes it.
// Threads    Everything but post_sample() and request_clock() is called from one control thread; these from any.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/status.hpp"
#include "base/time.hpp"
#include "config/config.hpp"
#include "observe/exporter_feed.hpp"
#include "policy_host/services.hpp"

namespace lithos {

// A sample that several plugins may read at once (metric_book.hpp makes them).
class MetricPage;

struct PluginThreadOptions {
  std::function<Nanoseconds()> clock;
  // What went wrong in the plugin; called on its thread.
  std::function<void(const std::string& plugin, const Status& failed)> on_failure;
  std::function<void(const std::string& plugin, std::uint64_t count)> on_dropped;
  Nanoseconds end_limit{5'000'000'000};  // how long stop() waits for a plugin that does not come back
};

struct PluginReport {
  PluginKind kind{};
  ServiceDescription description;
  FeedTotals feed;                   // exporter
  std::uint64_t samples = 0;         // handed over
  std::uint64_t clock_requests = 0;  // power control: carried out
  std::uint64_t failures = 0;
  std::string last_failure;
  Nanoseconds busy_for{0};  // in the call it is in; 0: in none
  std::vector<MetricReading> metrics;
};

class PluginThread {
 public:
  PluginThread(std::unique_ptr<ExporterService> exporter, const PluginThreadOptions& options);
  PluginThread(std::unique_ptr<PowerService> power, const PluginThreadOptions& options);
  ~PluginThread();  // stop()
  PluginThread(const PluginThread&) = delete;
  PluginThread& operator=(const PluginThread&) = delete;

  // Hands over what is in the ring, flushes and ends. False: the plugin hangs and was left behind. The ring must have
  // no writer any more.
  bool stop();

  EventRing* ring();  // null: not an exporter. Valid while this lives.
  bool takes_samples() const;
  void post_sample(std::shared_ptr<const MetricPage> page);
  void request_clock(std::uint32_t mhz);
  // Power control: what was read last; clock 0, power NaN: not known.
  std::uint32_t clock_mhz() const;
  double power_w() const;

  PluginReport report() const;
  const std::string& id() const;

 private:
  struct State;
  void start();
  std::shared_ptr<State> state_;  // the thread's, too, so that it can be left behind
};

}  // namespace lithos
