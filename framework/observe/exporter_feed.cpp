// SPDX-License-Identifier: Apache-2.0
#include "observe/exporter_feed.hpp"

#include <span>

namespace lithos {

ExporterFeed::ExporterFeed(std::unique_ptr<ExporterService> service, std::function<void()> make_room,
                           std::size_t slots)
    : service_(std::move(service)), ring_(service_->wanted(), slots, std::move(make_room)) {}

Status ExporterFeed::counted(Status status) {
  if (!status.ok()) failures_.fetch_add(1, std::memory_order_relaxed);
  return status;
}

bool ExporterFeed::pump(Status& failed) {
  std::size_t count = 0;
  const EventSlot* const batch = ring_.ready(kBatch, count);
  if (count > 0) {
    failed = counted(service_->events(std::span(batch, count)));
    (failed.ok() ? delivered_ : refused_).fetch_add(count, std::memory_order_relaxed);
    handed_on_until_ = from_u64(batch[count - 1].event.time_ns);
    ring_.release(count);
  }
  // Before what was written since there was room again.
  if (ring_.dropped() != dropped_told_)
    if (Status told = tell_dropped(); !told.ok()) failed = told;
  return count > 0;
}

void ExporterFeed::pump_all() {
  for (Status failed; pump(failed);) {}
}

// With the time of the event before it: the ring may hold older ones than this moment, and events are in order of time.
Status ExporterFeed::tell_dropped() {
  const std::uint64_t dropped = ring_.dropped();
  const std::uint64_t fresh = dropped - dropped_told_;
  dropped_told_ = dropped;
  if (!ring_.wants(LITHOS_EVENT_DROPPED)) return {};
  EventSlot slot{};
  slot.event.time_ns = to_u64(handed_on_until_);
  slot.event.type = LITHOS_EVENT_DROPPED;
  slot.event.as.dropped.count = fresh;
  return counted(service_->events(std::span<const EventSlot>(&slot, 1)));
}

Status ExporterFeed::sample(const lithos_metrics& metrics) { return counted(service_->sample(metrics)); }
Status ExporterFeed::flush() { return counted(service_->flush()); }

FeedTotals ExporterFeed::totals() const {
  return {delivered_.load(std::memory_order_relaxed), ring_.dropped(), refused_.load(std::memory_order_relaxed),
          failures_.load(std::memory_order_relaxed), ring_.waiting()};
}

}  // namespace lithos
