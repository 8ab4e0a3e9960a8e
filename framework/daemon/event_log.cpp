// SPDX-License-Identifier: Apache-2.0
#include "daemon/event_log.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/async.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <mutex>

#include "daemon/clock.hpp"

namespace lithos {
namespace {

constexpr std::size_t kQueuedLines = 4096;
constexpr std::array<const char*, 4> kLevels{"debug", "info", "warning", "error"};
constexpr std::array<int, 4> kPriorities{7, 6, 4, 3};  // of syslog

std::string now_text() {
  const auto now = std::chrono::system_clock::now();
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(now)), ms);
}

// Texts come from plugins, policies and files: no line break and no control character gets out. Right for JSON, and
// for key="value", too.
std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\', out += c;
    else if (c == '\n') out += "\\n";
    else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    else out += c;
  }
  return out + '"';
}

}  // namespace

LogFormat default_log_format() {
  return std::getenv("JOURNAL_STREAM") != nullptr ? LogFormat::journal : LogFormat::text;
}

Result<LogFormat> log_format_named(const std::string& name) {
  if (name == "text") return LogFormat::text;
  if (name == "json") return LogFormat::json;
  if (name == "journal") return LogFormat::journal;
  return invalid_argument("\"" + name + "\" is no log format: text, json or journal");
}

std::string log_line(LogFormat format, const std::string& ts, LogEvent event, int level, const std::string& text,
                     std::uint64_t suppressed) {
  const LogEventEntry& entry = entry_of(event);
  const auto at = static_cast<std::size_t>(std::clamp(level, 0, 3));
  if (format == LogFormat::json) {
    const std::string more = suppressed > 0 ? fmt::format(",\"suppressed\":{}", suppressed) : "";
    return fmt::format("{{\"ts\":\"{}\",\"level\":\"{}\",\"id\":\"{}\",\"event\":\"{}\",\"msg\":{}{}}}", ts,
                       kLevels[at], entry.id, entry.name, quoted(text), more);
  }
  const std::string more = suppressed > 0 ? fmt::format(" suppressed={}", suppressed) : "";
  if (format == LogFormat::journal)
    return fmt::format("<{}>id={} event={} msg={}{}", kPriorities[at], entry.id, entry.name, quoted(text), more);
  return fmt::format("ts={} level={} id={} event={} msg={}{}", ts, kLevels[at], entry.id, entry.name, quoted(text),
                     more);
}

struct EventLog::State {
  struct Budget {
    double lines = kBurst;
    Nanoseconds at{0};
    std::uint64_t suppressed = 0;
  };
  EventLogOptions options;
  std::mutex mutex;
  std::array<Budget, kLogEvents> budgets;
  std::uint64_t suppressed = 0;
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::async_logger> logger;

  // False: too many of it. `left_out`: how many since the last line of it.
  bool take(LogEvent event, std::uint64_t& left_out) {
    const Nanoseconds now = options.clock ? options.clock() : monotonic_now();
    const std::lock_guard lock(mutex);
    Budget& budget = budgets[static_cast<std::size_t>(event)];
    const double refilled = static_cast<double>((now - budget.at).count()) / static_cast<double>(kRefill.count());
    budget.lines = std::min<double>(kBurst, budget.lines + std::max(0.0, refilled));
    budget.at = now;
    if (budget.lines < 1) {
      ++budget.suppressed;
      ++suppressed;
      return false;
    }
    budget.lines -= 1;
    left_out = std::exchange(budget.suppressed, 0);
    return true;
  }
};

EventLog::EventLog(const EventLogOptions& options) : state_(std::make_unique<State>()) {
  state_->options = options;
  state_->pool = std::make_shared<spdlog::details::thread_pool>(kQueuedLines, 1);
  spdlog::sink_ptr sink;
  if (options.file.empty()) sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  else sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(options.file);
  state_->logger = std::make_shared<spdlog::async_logger>("lithosd", sink, state_->pool,
                                                          spdlog::async_overflow_policy::overrun_oldest);
  state_->logger->set_pattern("%v");
  state_->logger->flush_on(spdlog::level::trace);
  state_->logger->set_error_handler([](const std::string&) {});  // a full disk: the line is lost, nobody is told
}

// The pool's thread ends when its queue is empty, and before what it writes to.
EventLog::~EventLog() { state_->pool.reset(); }

void EventLog::write(LogEvent event, const std::string& text, int level) {
  if (const int fixed = entry_of(event).level; fixed >= 0) level = fixed;
  if (level < state_->options.lowest_level) return;
  std::uint64_t left_out = 0;
  if (!state_->take(event, left_out)) return;
  const LogFormat format = state_->options.format;
  const std::string ts = format == LogFormat::journal ? "" : now_text();
  state_->logger->log(spdlog::level::info, spdlog::string_view_t(log_line(format, ts, event, level, text, left_out)));
}

std::uint64_t EventLog::suppressed() const {
  const std::lock_guard lock(state_->mutex);
  return state_->suppressed;
}

Log EventLog::function() {
  return [this](LogEvent event, const std::string& text, int level) { write(event, text, level); };
}

}  // namespace lithos
