// SPDX-License-Identifier: Apache-2.0
#include "observe/lossless_feed.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace lithos {
namespace {

constexpr std::chrono::microseconds kLookEvery{500};
constexpr std::uint64_t kRoomWanted = LosslessFeed::kSlots / 2;  // of a full ring, before the writer goes on

}  // namespace

struct LosslessFeed::Reader {
  explicit Reader(std::unique_ptr<ExporterService> service)
      : feed(std::move(service), [this] { wait_for_room(); }, kSlots) {
    if (feed.ring().wanted() != 0) thread = std::thread([this] { run(); });
  }
  ~Reader() {
    if (!thread.joinable()) return;
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    changed.notify_all();
    thread.join();
  }

  void run() {
    std::unique_lock lock(mutex);
    while (!stopping) {
      changed.wait_for(lock, kLookEvery, [this] { return stopping || draining || writer_waits; });
      const std::uint64_t least = draining ? 1 : ExporterFeed::kBatch;
      while (feed.ring().waiting() >= least) {
        lock.unlock();
        Status failed;  // counted by the feed
        feed.pump(failed);
        lock.lock();
        if (writer_waits && has_room()) writer_waits = false, done.notify_all();
      }
      if (draining && feed.ring().waiting() == 0) draining = false, done.notify_all();
    }
  }
  bool has_room() { return feed.ring().waiting() <= kSlots - kRoomWanted; }

  void wait_for_room() {
    std::unique_lock lock(mutex);
    writer_waits = true;
    changed.notify_all();
    done.wait(lock, [this] { return !writer_waits; });
  }
  void drain() {
    if (!thread.joinable()) return;
    std::unique_lock lock(mutex);
    draining = true;
    changed.notify_all();
    done.wait(lock, [this] { return !draining; });
  }

  ExporterFeed feed;
  std::mutex mutex;
  std::condition_variable changed, done;
  bool stopping = false, draining = false, writer_waits = false;
  std::thread thread;
};

LosslessFeed::LosslessFeed(std::unique_ptr<ExporterService> service)
    : reader_(std::make_unique<Reader>(std::move(service))) {}
LosslessFeed::~LosslessFeed() = default;

EventRing& LosslessFeed::ring() { return reader_->feed.ring(); }
const ExporterService& LosslessFeed::service() const { return reader_->feed.service(); }
FeedTotals LosslessFeed::totals() const { return reader_->feed.totals(); }
void LosslessFeed::drain() { reader_->drain(); }

void LosslessFeed::sample(const lithos_metrics& metrics) {
  if (!service().takes_samples()) return;
  drain();
  (void)reader_->feed.sample(metrics);
}
void LosslessFeed::flush() {
  drain();
  (void)reader_->feed.flush();
}

}  // namespace lithos
