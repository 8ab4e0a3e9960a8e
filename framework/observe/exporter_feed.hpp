// SPDX-License-Identifier: Apache-2.0
// One exporter and its ring: takes events out and hands them on, in batches, with a note where some are missing.
//
// The reader is a thread of its own: in a daemon plugin_thread.hpp, which may lose events, in a simulator
// lossless_feed.hpp, which makes room.
// Errors     An exporter that fails is counted and called again with the next batch; what it refused is lost to it.
// Threads    The ring's writer is the engine's; everything else is called by one reader. totals(): anybody.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/time.hpp"
#include "policy_host/event_ring.hpp"
#include "policy_host/services.hpp"

namespace lithos {

struct FeedTotals {
  std::uint64_t delivered = 0;  // events the exporter took
  std::uint64_t dropped = 0;    // events it was too slow for
  std::uint64_t refused = 0;    // events in batches that it failed with
  std::uint64_t failures = 0;   // calls that failed
  std::uint64_t waiting = 0;    // in the ring
};

class ExporterFeed {
 public:
  static constexpr std::size_t kBatch = 512;  // handed over at once, at most

  // `make_room`: called by the writer when the ring is full, and returns once there is room; empty: the event is dropped.
  explicit ExporterFeed(std::unique_ptr<ExporterService> service, std::function<void()> make_room = {},
                        std::size_t slots = EventRing::kSlots);

  EventRing& ring() { return ring_; }
  ExporterService& service() { return *service_; }
  const ExporterService& service() const { return *service_; }

  // Hands on a batch. False: there was nothing. `failed`: what the exporter said, if it failed.
  bool pump(Status& failed);
  void pump_all();
  Status sample(const lithos_metrics& metrics);
  Status flush();
  FeedTotals totals() const;

 private:
  Status tell_dropped();
  Status counted(Status status);

  std::unique_ptr<ExporterService> service_;
  EventRing ring_;
  std::uint64_t dropped_told_ = 0;
  Nanoseconds handed_on_until_{0};  // time of the last event that the exporter was given
  std::atomic<std::uint64_t> delivered_ = 0, refused_ = 0, failures_ = 0;
};

}  // namespace lithos
