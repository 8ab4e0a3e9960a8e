// SPDX-License-Identifier: Apache-2.0
// An exporter beside a simulation: on a thread of its own, and nothing is lost, because the simulation waits where the
// exporter is slower than it.
//
// What is exported is a function of what is written: events come in order, in batches whose borders do not depend on
// the threads' pace (full ones, and what is left at a drain), and samples between the events they were taken between.
// The exporter's thread looks every half millisecond, so that the simulation need not wake it: that would be a call to the kernel.
// An exporter that takes no events costs no thread.
// Threads    Everything is called by the simulation's thread.
#pragma once

#include <memory>

#include "observe/exporter_feed.hpp"

namespace lithos {

class LosslessFeed {
 public:
  static constexpr std::size_t kSlots = 2048;  // stays in the processor's cache, beside what the simulation has there

  explicit LosslessFeed(std::unique_ptr<ExporterService> service);
  ~LosslessFeed();
  LosslessFeed(const LosslessFeed&) = delete;
  LosslessFeed& operator=(const LosslessFeed&) = delete;

  EventRing& ring();
  const ExporterService& service() const;
  FeedTotals totals() const;

  // Returns once the exporter has had everything written so far.
  void drain();
  void sample(const lithos_metrics& metrics);
  void flush();

 private:
  struct Reader;
  std::unique_ptr<Reader> reader_;
};

}  // namespace lithos
