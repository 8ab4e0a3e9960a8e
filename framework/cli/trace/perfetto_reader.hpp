// SPDX-License-Identifier: Apache-2.0
// Reads the Perfetto traces that plugins/export_perfetto writes, field by field from their bytes: for `lithos trace
// convert`, and for tests that must not believe the writer. Other packets are skipped; what is read is checked: lengths,
// names that were never introduced, slices that end without a beginning or cross each other. Plain values; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.hpp"

namespace lithos {

struct PerfettoTrack {
  std::uint64_t parent = 0;
  std::string name, unit;
  bool process = false, counter = false;
};

struct PerfettoArgument {
  std::string_view name;  // into PerfettoTrace::names
  std::uint64_t number = 0;
  std::string text;
};

struct PerfettoEvent {
  enum class Kind : std::uint8_t { slice, instant, value };
  Kind kind = Kind::slice;
  std::uint64_t track = 0;
  std::uint64_t from_ns = 0, to_ns = 0;  // instants and values: equal
  std::string_view name;
  double value = 0;
  std::uint64_t flow = 0, flow_end = 0;
  std::vector<PerfettoArgument> arguments;

  std::uint64_t number(std::string_view argument, std::uint64_t otherwise = 0) const;
  std::string text(std::string_view argument) const;
};

struct PerfettoTrace {
  std::map<std::uint64_t, PerfettoTrack> tracks;
  std::vector<PerfettoEvent> events;  // by time
  std::uint64_t packets = 0;
  std::map<std::uint64_t, std::string> names, argument_names;  // interned

  // Of the group (process) that a track belongs to; empty: none.
  const std::string& group_of(std::uint64_t track) const;
};

// invalid_argument: no trace, or a broken one; says at which byte or in which track.
Result<PerfettoTrace> read_perfetto(std::string_view bytes);

}  // namespace lithos
