// SPDX-License-Identifier: Apache-2.0
// What a long run measured, as JSON for docs/results/daemon: LITHOS_RESULTS names the folder; without it nothing is written.
#pragma once

#include <sys/utsname.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "daemon/json.hpp"

namespace lithos::testing {

// p50 … max of some figures; the unit belongs into the name of the member that it becomes.
// `limit`, if given: how many lie above it.
inline Json percentiles(std::vector<double> values, double limit = 0) {
  Json json = Json::object();
  json.set("count", static_cast<std::uint64_t>(values.size()));
  if (values.empty()) return json;
  std::sort(values.begin(), values.end());
  const auto at = [&](double share) {
    return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
  };
  json.set("p50", at(0.5)).set("p90", at(0.9)).set("p99", at(0.99)).set("max", values.back());
  if (limit <= 0) return json;
  const auto above = std::count_if(values.begin(), values.end(), [&](double value) { return value > limit; });
  return json.set("limit", limit).set("above_limit", static_cast<std::int64_t>(above));
}

// What the machine itself takes from a thread that never waits: interruptions longer than `longer_than`, per second. A
// percentile of short times says nothing below this.
inline double interruptions_per_s(std::chrono::microseconds longer_than) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::seconds kLength{1};
  int count = 0;
  const Clock::time_point end = Clock::now() + kLength;
  for (Clock::time_point before = Clock::now(); before < end;) {
    const Clock::time_point now = Clock::now();
    count += now - before > longer_than;
    before = now;
  }
  return count;
}

inline void write_results(const std::string& name, const std::string& command, Json measured) {
  const char* folder = std::getenv("LITHOS_RESULTS");
  if (folder == nullptr) return;
  const std::time_t now = std::time(nullptr);
  char date[32] = {};
  std::strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", std::gmtime(&now));
  utsname system{};
  ::uname(&system);
  double load = 0;
  std::ifstream("/proc/loadavg") >> load;
  Json json = Json::object();
  json.set("command", command).set("date", date).set("system", std::string(system.sysname) + " " + system.release);
  json.set("processors", static_cast<std::uint64_t>(std::thread::hardware_concurrency())).set("load_at_the_end", load);
  json.set("measured", std::move(measured));
  std::ofstream(std::string(folder) + "/" + name + ".json") << json.dump() << "\n";
}

}  // namespace lithos::testing
