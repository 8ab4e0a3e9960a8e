// SPDX-License-Identifier: Apache-2.0
// Everything lithosd logs: one table of events with ids that never change, from which docs/reference/events.md is made.
//
// Adding one: at the end of its group, with the next free number. An id is never used again for something else, so
// that alerts and scripts can rely on it. Pure; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace lithos {

enum class LogEvent : std::uint8_t {
  ready,
  ended,
  start_failed,
  last_daemon_crashed,
  reload_failed,
  learned_recalled,
  learned_refused,
  learned_not_kept,
  policy_changed,
  policy_change_refused,
  policy_replaced_at_start,
  policy_demoted,
  policy_not_kept,
  policy_thread_left,
  policy_library_left,
  policy_says,
  policy_way_back_failed,
  plugin_missing,
  plugin_failed,
  plugin_dropped_events,
  plugin_says,
};
inline constexpr std::size_t kLogEvents = static_cast<std::size_t>(LogEvent::plugin_says) + 1;

struct LogEventEntry {
  LogEvent event;
  const char* id;    // "L101"
  const char* name;  // "ready"
  int level;         // LITHOS_LOG_*; -1: the line says
  const char* meaning;
  const char* what_to_do;  // "": nothing
};

std::span<const LogEventEntry, kLogEvents> log_events();  // by LogEvent
const LogEventEntry& entry_of(LogEvent event);

// `level`: LITHOS_LOG_*; taken for events whose level the line says.
using Log = std::function<void(LogEvent event, const std::string& text, int level)>;

std::string log_event_reference();  // docs/reference/events.md

}  // namespace lithos
