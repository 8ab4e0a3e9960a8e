// SPDX-License-Identifier: Apache-2.0
#include "daemon/log_events.hpp"

#include <fmt/format.h>

#include <array>

#include "lithos/policy_abi.h"

namespace lithos {
namespace {

constexpr int kInfo = LITHOS_LOG_INFO, kWarning = LITHOS_LOG_WARNING, kError = LITHOS_LOG_ERROR, kAny = -1;

constexpr std::array<LogEventEntry, kLogEvents> kTable{{
    {LogEvent::ready, "L101", "ready", kInfo, "The daemon takes tenants and administrators.", ""},
    {LogEvent::ended, "L102", "ended", kInfo, "It was told to end and has.", ""},
    {LogEvent::start_failed, "L103", "start_failed", kError, "It cannot start; the line says why.",
     "Put the configuration, the socket or the folder right."},
    {LogEvent::last_daemon_crashed, "L104", "last_daemon_crashed", kError,
     "The daemon before this one crashed, hung (the line says where, if it was in its start) or was killed. A policy or plugin that is to blame is quarantined.",
     "`lithos policy exits` has the story; mend the policy, then `lithos policy release`."},
    {LogEvent::reload_failed, "L105", "reload_failed", kError,
     "SIGHUP: the configuration cannot be applied; nothing has changed.", "`lithos config plan` says what is wrong."},
    {LogEvent::learned_recalled, "L106", "learned_recalled", kInfo,
     "What the last daemon knew of operators was read (`--keep-learned`).", ""},
    {LogEvent::learned_refused, "L107", "learned_refused", kWarning,
     "What the last daemon knew of operators cannot be used: damaged, or of another version or device. It learns anew.",
     "The line says why; the file is kept as `learned.refused` in the state folder."},
    {LogEvent::learned_not_kept, "L108", "learned_not_kept", kWarning,
     "What is known of operators could not be written; the next daemon starts from an older file or from nothing.",
     "Room and permissions of the state folder."},
    {LogEvent::policy_changed, "L201", "policy_changed", kInfo, "A policy, or a parameter of one, came into force.",
     ""},
    {LogEvent::policy_change_refused, "L202", "policy_change_refused", kWarning,
     "A change failed; the old policies stay in force.", "The line says at what."},
    {LogEvent::policy_replaced_at_start, "L203", "policy_replaced_at_start", kError,
     "A configured policy is quarantined; the built-in one decides.", "Mend it, then `lithos policy release`."},
    {LogEvent::policy_demoted, "L204", "policy_demoted", kError,
     "The guard took a policy out of force after too many faults.",
     "`lithos policy exits`; the policy's own messages are L208."},
    {LogEvent::policy_not_kept, "L205", "policy_not_kept", kWarning,
     "What is in force could not be written to the state folder: a crash now would bring back something older.",
     "Room and permissions of the state folder."},
    {LogEvent::policy_thread_left, "L206", "policy_thread_left", kError,
     "A retired policy left a thread running; its library stays loaded for ever.",
     "Mend the policy; restart the daemon when convenient."},
    {LogEvent::policy_library_left, "L207", "policy_library_left", kError,
     "A retired policy's library could not be unloaded.", "As L206."},
    {LogEvent::policy_says, "L208", "policy_says", kAny, "What a policy logs.", ""},
    {LogEvent::policy_way_back_failed, "L209", "policy_way_back_failed", kError,
     "A configuration failed half-way, and so did the way back.", "`lithos config apply` again, or restart."},
    {LogEvent::plugin_missing, "L301", "plugin_missing", kError,
     "Started without a plugin: it is quarantined, or cannot be had after a crash.",
     "Put it right, `lithos policy release` if it is quarantined, and restart; tenants are not concerned."},
    {LogEvent::plugin_failed, "L302", "plugin_failed", kWarning,
     "A call of a plugin failed: a full disk, a clock that may not be set.",
     "The line has the plugin's reason; `lithos status` counts."},
    {LogEvent::plugin_dropped_events, "L303", "plugin_dropped_events", kWarning,
     "An exporter is too slow; events are missing from what it writes.", "A faster disk, or `atoms = false`."},
    {LogEvent::plugin_says, "L304", "plugin_says", kAny, "What a plugin logs.", ""},
}};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kLogEvents; ++i)
    if (static_cast<std::size_t>(kTable[i].event) != i) return false;
  return true;
}
static_assert(in_order(), "the table is in the order of the enumeration");

const char* level_name(int level) {
  constexpr const char* kNames[] = {"debug", "info", "warning", "error"};
  return level < 0 ? "as said" : kNames[level];
}

}  // namespace

std::span<const LogEventEntry, kLogEvents> log_events() { return kTable; }
const LogEventEntry& entry_of(LogEvent event) { return kTable[static_cast<std::size_t>(event)]; }

std::string log_event_reference() {
  std::string page =
      "<!-- Made from framework/daemon/log_events.cpp: `events_reference > docs/reference/events.md`; a test compares. "
      "-->\n"
      "# Log events\n\n"
      "Every line of lithosd names one of these. Ids never change. Lines of one event beyond 20 at once and one a "
      "second are left out, and the\n"
      "next one says how many (`suppressed`).\n\n"
      "| id | event | level | means | what to do |\n|---|---|---|---|---|\n";
  for (const LogEventEntry& entry : kTable)
    page += fmt::format("| {} | `{}` | {} | {} | {} |\n", entry.id, entry.name, level_name(entry.level), entry.meaning,
                        entry.what_to_do);
  return page;
}

}  // namespace lithos
