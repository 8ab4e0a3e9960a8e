// SPDX-License-Identifier: Apache-2.0
// The daemon's log: one line per event (log_events.hpp), on standard error.
//
//   ts=2026-11-25T18:00:00.000Z level=warning id=L302 event=plugin_failed msg="plugin …: write failed"
//   {"ts":"2026-11-25T18:00:00.000Z","level":"warning","id":"L302","event":"plugin_failed","msg":"…"}
//   <4>id=L302 event=plugin_failed msg="…"                 under systemd: the journal has time and priority
//
// Nobody waits for the log: lines are handed to a thread of its own, and when a reader is so slow that its queue is full,
// the oldest go. Each event by itself is limited to a burst of 20 lines and one a second after it; what was left
// out is counted in the next line. Any thread. spdlog is known to event_log.cpp alone.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/status.hpp"
#include "base/time.hpp"
#include "daemon/log_events.hpp"

namespace lithos {

enum class LogFormat : std::uint8_t { text, json, journal };

// journal where systemd reads standard error ($JOURNAL_STREAM), else text.
LogFormat default_log_format();
Result<LogFormat> log_format_named(const std::string& name);

struct EventLogOptions {
  LogFormat format = LogFormat::text;
  int lowest_level = 1;                // LITHOS_LOG_INFO
  std::function<Nanoseconds()> clock;  // for the limit; empty: the monotonic clock
  std::string file;                    // empty: standard error
};

class EventLog {
 public:
  static constexpr unsigned kBurst = 20;  // lines of one event at once
  static constexpr Nanoseconds kRefill{1'000'000'000};

  explicit EventLog(const EventLogOptions& options);
  ~EventLog();  // writes what is left

  void write(LogEvent event, const std::string& text, int level = 1);
  std::uint64_t suppressed() const;  // so far
  Log function();                    // calls write(); the log must outlive it

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// One line without its end, as the formats have it; `ts` may be empty.
std::string log_line(LogFormat format, const std::string& ts, LogEvent event, int level, const std::string& text,
                     std::uint64_t suppressed);

}  // namespace lithos
