// SPDX-License-Identifier: Apache-2.0
#include "daemon/event_log.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>
#include <thread>
#include <vector>

#include "daemon/json.hpp"
#include "test_paths.hpp"
#include "unit/daemon/support.hpp"

namespace lithos {
namespace {

using testing::StateFolder;

std::string read(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> lines_of(const std::string& path) {
  std::istringstream text(read(path));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

TEST(EventLog, LinesAreExactInEveryFormat) {
  const std::string text = "say \"x\"\nand\tmore";
  EXPECT_EQ(log_line(LogFormat::journal, "", LogEvent::plugin_failed, 2, text, 0),
            "<4>id=L302 event=plugin_failed msg=\"say \\\"x\\\"\\nand\\u0009more\"");
  EXPECT_EQ(log_line(LogFormat::text, "T", LogEvent::ready, 1, "ok", 3),
            "ts=T level=info id=L101 event=ready msg=\"ok\" suppressed=3");
  const Result<Json> json = Json::parse(log_line(LogFormat::json, "T", LogEvent::policy_demoted, 3, text, 7));
  ASSERT_TRUE(json.ok());
  EXPECT_EQ(json.value().text_of("msg"), text);
  EXPECT_EQ(json.value().text_of("id"), "L204");
  EXPECT_EQ(json.value().text_of("level"), "error");
  EXPECT_EQ(json.value().integer_of("suppressed"), 7);
}

// A policy that logs at every decision: a burst, then one a second, and the number of those left out.
TEST(EventLog, EachEventIsLimitedByItself) {
  StateFolder folder;
  Nanoseconds now{0};
  EventLogOptions options;
  options.file = folder.at("log");
  options.clock = [&now] { return now; };
  {
    EventLog log(options);
    for (int i = 0; i < 1000; ++i) log.write(LogEvent::policy_says, "again", 2);
    log.write(LogEvent::policy_demoted, "another one");
    now += Nanoseconds{1'000'000'000};
    log.write(LogEvent::policy_says, "later", 2);
    log.write(LogEvent::policy_says, "too soon", 2);
    log.write(LogEvent::policy_says, "quiet", 0);  // below the lowest level
    EXPECT_EQ(log.suppressed(), 1000 - EventLog::kBurst + 1);
  }
  const std::vector<std::string> lines = lines_of(folder.at("log"));
  ASSERT_EQ(lines.size(), EventLog::kBurst + 2);
  EXPECT_NE(lines[EventLog::kBurst].find("id=L204"), std::string::npos) << lines[EventLog::kBurst];
  EXPECT_NE(lines.back().find("msg=\"later\" suppressed=980"), std::string::npos) << lines.back();
}

TEST(EventLog, ManyThreadsAndAFullDiskAreNoTrouble) {
  EventLogOptions options;
  options.file = "/dev/full";
  EventLog log(options);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&log, t] {
      for (int i = 0; i < 100; ++i)
        log.write(static_cast<LogEvent>((t * 100 + i) % static_cast<int>(kLogEvents)), "x", 3);
    });
  for (std::thread& thread : threads) thread.join();
}

TEST(EventLog, IdsAreUniqueAndTheReferenceIsWhatTheCodeSays) {
  std::set<std::string> ids, names;
  for (const LogEventEntry& entry : log_events()) {
    EXPECT_TRUE(ids.insert(entry.id).second) << entry.id;
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
  }
  EXPECT_EQ(read(LITHOS_SOURCE_DIR "/docs/reference/events.md"), log_event_reference())
      << "make it anew: build/dev/tests/bin/events_reference > docs/reference/events.md";
}

}  // namespace
}  // namespace lithos
