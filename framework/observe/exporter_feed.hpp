// SPDX-License-Identifier: Apache-2.0
// One exporter and its ring: takes events out and hands them on, in batches, with a note where some are missing.
//
// In a simulator the engine's thread is also the reader: a full ring is emptied on the spot (lossless), so that what is
// exported is a function of the run's inputs. In a daemon a thread of its own reads (plugin_thread.hpp).
// Errors     An exporter that fails is counted and called again with the next batch; what it refused is lost to it.
// Threads    The ring's writer is the engine's; everything else is called by one reader. totals(): anybody.
#pragma once

#include <atomic>
#include <cstdint>
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
  enum class WhenFull { drop, make_room };  // make_room: writer and reader are one thread

  ExporterFeed(std::unique_ptr<ExporterService> service, WhenFull when_full);

  EventRing& ring() { return ring_; }
  ExporterService& service() { return *service_; }

  // Hands on a batch. False: there was nothing. `failed`: what the exporter said, if it failed.
  bool pump(Nanoseconds now, Status& failed);
  void pump_all(Nanoseconds now);
  Status sample(const lithos_metrics& metrics);
  Status flush();
  FeedTotals totals() const;

 private:
  Status tell_dropped(Nanoseconds now);
  Status counted(Status status);

  std::unique_ptr<ExporterService> service_;
  EventRing ring_;
  std::uint64_t dropped_told_ = 0;
  std::atomic<std::uint64_t> delivered_ = 0, refused_ = 0, failures_ = 0;
};

}  // namespace lithos
