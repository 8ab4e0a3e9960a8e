// SPDX-License-Identifier: Apache-2.0
// A power plugin and an exporter in one library; the exporter owns a thread, as plugins may.
#include <atomic>
#include <cmath>
#include <thread>

#include <lithos/service.hpp>

namespace {

class Power {
 public:
  static constexpr const char* id = "org.lithos.test.recorder.power";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "Rounds clocks down to hundreds.";
  std::uint32_t apply_clock(std::uint32_t mhz) {
    if (mhz == 13) throw std::runtime_error("not thirteen");
    return clock_ = mhz / 100 * 100;
  }
  void read(lithos::PowerReading& out) {
    out.clock_mhz = clock_;
    out.power_w = 350;
  }

 private:
  std::uint32_t clock_ = 0;
};

class Recorder {
 public:
  static constexpr const char* id = "org.lithos.test.recorder.exporter";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "Counts events on a thread of its own.";
  static constexpr std::tuple metrics{lithos::counter("events_total", "", "Events seen.")};

  explicit Recorder(const lithos::Host& host)
      : host_(host), thread_([this] {
          while (!stop_.load()) {
            if (const unsigned n = pending_.exchange(0); n > 0) host_.add(0, n);
            std::this_thread::yield();
          }
        }) {}
  ~Recorder() {
    stop_.store(true);
    thread_.join();
  }
  void events(const lithos::EventRange& batch) {
    for (const lithos_event& event : batch)
      if (event.type != LITHOS_EVENT_COUNTER) pending_.fetch_add(1);
  }
  void flush() {
    while (pending_.load() != 0) std::this_thread::yield();
  }

 private:
  lithos::Host host_;
  std::atomic<unsigned> pending_ = 0;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace

LITHOS_EXPORT_PLUGINS(Power, Recorder)
