// SPDX-License-Identifier: Apache-2.0
// Once a second the daemon's metrics: asks the engine thread for a snapshot and makes a page of it when it has come.
//
// Nobody waits: the question is posted, the answer picked up at a later tick. An engine that hangs leaves the exporters
// with an old page, whose age they show.
// Threads    Control thread; the snapshot itself is taken by the engine's, a copy of some kilobytes per tenant.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/time.hpp"
#include "daemon/policy_manager.hpp"
#include "observe/engine_metrics.hpp"
#include "observe/plugin_thread.hpp"

namespace lithos {

class EngineThread;

class Sampler {
 public:
  explicit Sampler(EngineThread& engine, Nanoseconds every = Nanoseconds{1'000'000'000});

  // To be called several times a second. A page that lacks what only the daemon knows, once per answer; else null.
  std::shared_ptr<MetricPage> tick(Nanoseconds now);

 private:
  struct Answer;  // shared with the question, which may be carried out late

  EngineThread& engine_;
  const Nanoseconds every_;
  EngineMetrics metrics_;
  std::shared_ptr<Answer> answer_;
  Nanoseconds next_{0};
};

// What only the daemon knows.
struct DaemonFacts {
  PolicyManagerReport policies;
  std::size_t quarantined = 0;
  std::string gpu;
  std::vector<std::pair<std::string, PluginReport>> plugins;
};
void put_daemon_metrics(const DaemonFacts& facts, MetricPage& page);

}  // namespace lithos
