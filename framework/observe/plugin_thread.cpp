// SPDX-License-Identifier: Apache-2.0
#include "observe/plugin_thread.hpp"

#include <sys/prctl.h>

#include <chrono>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <thread>

#include "observe/metric_page.hpp"

namespace lithos {
namespace {

constexpr std::chrono::microseconds kLookOften{2'000}, kLookSeldom{20'000};
constexpr Nanoseconds kFlushEvery{1'000'000'000};
constexpr Nanoseconds kReadPowerEvery{100'000'000};

}  // namespace

struct PluginThread::State {
  PluginThreadOptions options;
  PluginKind kind{};
  std::string id;
  std::unique_ptr<ExporterFeed> feed;  // one of the two
  std::unique_ptr<PowerService> power;

  std::atomic<std::uint32_t> wanted_mhz = 0, applied_mhz = 0;
  std::atomic<bool> clock_asked = false;
  std::atomic<double> power_w = std::numeric_limits<double>::quiet_NaN();
  std::atomic<std::int64_t> busy_since = 0;
  std::atomic<std::uint64_t> samples = 0, clock_requests = 0, failures = 0;

  mutable std::mutex mutex;
  std::condition_variable changed;
  bool stopping = false, ended = false;
  std::shared_ptr<const MetricPage> page;
  std::string last_failure;
  std::thread thread;

  // The thread's own.
  std::uint64_t dropped_told = 0;
  Nanoseconds flush_at{0}, read_at{0};

  void run();
  bool work(Nanoseconds now);
  bool carry_events(Nanoseconds now);
  bool carry_sample();
  bool control_power(Nanoseconds now);
  void note(const Status& status);
};

void PluginThread::State::note(const Status& status) {
  if (status.ok()) return;
  failures.fetch_add(1, std::memory_order_relaxed);
  {
    const std::lock_guard lock(mutex);
    last_failure = status.message();
  }
  if (options.on_failure) options.on_failure(id, status);
}

bool PluginThread::State::carry_events(Nanoseconds now) {
  Status failed;
  const bool any = feed->pump(failed);
  note(failed);
  if (const std::uint64_t dropped = feed->totals().dropped; dropped != dropped_told) {
    if (options.on_dropped) options.on_dropped(id, dropped - dropped_told);
    dropped_told = dropped;
  }
  if (now >= flush_at) {
    flush_at = now + kFlushEvery;
    note(feed->flush());
  }
  return any;
}

bool PluginThread::State::carry_sample() {
  std::shared_ptr<const MetricPage> newest;
  {
    const std::lock_guard lock(mutex);
    newest.swap(page);
  }
  if (newest == nullptr) return false;
  note(feed->sample(newest->view()));
  samples.fetch_add(1, std::memory_order_relaxed);
  return true;
}

bool PluginThread::State::control_power(Nanoseconds now) {
  const bool asked = clock_asked.exchange(false);
  if (asked) {
    const Result<std::uint32_t> applied = power->apply_clock(wanted_mhz.load());
    if (applied.ok()) applied_mhz.store(applied.value());
    note(applied.ok() ? Status{} : applied.status());
    clock_requests.fetch_add(1, std::memory_order_relaxed);
  }
  if (now < read_at) return asked;
  read_at = now + kReadPowerEvery;
  const Result<lithos_power_reading> reading = power->read();
  note(reading.ok() ? Status{} : reading.status());
  if (!reading.ok()) return asked;
  applied_mhz.store(reading.value().clock_mhz);
  power_w.store(reading.value().power_w);
  return asked;
}

// True: there may be more.
bool PluginThread::State::work(Nanoseconds now) {
  busy_since.store(now.count(), std::memory_order_relaxed);
  bool more = false;
  if (feed != nullptr) {
    more = carry_sample();
    more = carry_events(now) || more;
  } else {
    more = control_power(now);
  }
  busy_since.store(0, std::memory_order_relaxed);
  return more;
}

void PluginThread::State::run() {
  ::prctl(PR_SET_NAME, "lithosd-plugin");
  auto pause = kLookSeldom;
  std::unique_lock lock(mutex);
  while (!stopping) {
    lock.unlock();
    const bool more = work(options.clock());
    lock.lock();
    pause = more ? kLookOften : std::min(pause * 2, kLookSeldom);
    changed.wait_for(lock, pause, [this] { return stopping; });
  }
  lock.unlock();
  if (feed != nullptr) {
    const Nanoseconds now = options.clock();
    busy_since.store(now.count(), std::memory_order_relaxed);
    feed->pump_all();
    note(feed->flush());
    feed.reset();  // destroys the plugin here, where it can hang without harm
  } else {
    power.reset();
  }
  lock.lock();
  ended = true;
  lock.unlock();
  changed.notify_all();
}

PluginThread::PluginThread(std::unique_ptr<ExporterService> exporter, const PluginThreadOptions& options)
    : state_(std::make_shared<State>()) {
  state_->options = options;
  state_->kind = PluginKind::exporter;
  state_->id = exporter->description().id;
  state_->feed = std::make_unique<ExporterFeed>(std::move(exporter));
  start();
}

PluginThread::PluginThread(std::unique_ptr<PowerService> power, const PluginThreadOptions& options)
    : state_(std::make_shared<State>()) {
  state_->options = options;
  state_->kind = PluginKind::power;
  state_->id = power->description().id;
  state_->power = std::move(power);
  start();
}

PluginThread::~PluginThread() { stop(); }

void PluginThread::start() {
  state_->thread = std::thread([state = state_] { state->run(); });
}

bool PluginThread::stop() {
  std::unique_lock lock(state_->mutex);
  if (!state_->thread.joinable()) return state_->ended;
  state_->stopping = true;
  state_->changed.notify_all();
  const bool came_back = state_->changed.wait_for(lock, std::chrono::nanoseconds(state_->options.end_limit),
                                                  [this] { return state_->ended; });
  lock.unlock();
  if (came_back) state_->thread.join();
  else state_->thread.detach();  // it owns the state; what it runs stays loaded
  return came_back;
}

EventRing* PluginThread::ring() { return state_->feed != nullptr ? &state_->feed->ring() : nullptr; }
bool PluginThread::takes_samples() const { return state_->feed != nullptr && state_->feed->service().takes_samples(); }

void PluginThread::post_sample(std::shared_ptr<const MetricPage> page) {
  {
    const std::lock_guard lock(state_->mutex);
    state_->page = std::move(page);
  }
  state_->changed.notify_all();
}

void PluginThread::request_clock(std::uint32_t mhz) {
  state_->wanted_mhz.store(mhz);
  state_->clock_asked.store(true);
}

std::uint32_t PluginThread::clock_mhz() const { return state_->applied_mhz.load(std::memory_order_relaxed); }
double PluginThread::power_w() const { return state_->power_w.load(std::memory_order_relaxed); }
const std::string& PluginThread::id() const { return state_->id; }

PluginReport PluginThread::report() const {
  PluginReport out;
  const State& s = *state_;
  out.kind = s.kind;
  if (s.feed != nullptr) {
    out.description = s.feed->service().description();
    out.feed = s.feed->totals();
    out.metrics = s.feed->service().metrics();
  } else if (s.power != nullptr) {
    out.description = s.power->description();
    out.metrics = s.power->metrics();
  }
  out.samples = s.samples.load();
  out.clock_requests = s.clock_requests.load();
  out.failures = s.failures.load();
  const std::int64_t since = s.busy_since.load();
  if (since != 0) out.busy_for = s.options.clock() - Nanoseconds{since};
  const std::lock_guard lock(s.mutex);
  out.last_failure = s.last_failure;
  return out;
}

}  // namespace lithos
