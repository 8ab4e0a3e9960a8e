// SPDX-License-Identifier: Apache-2.0
// A Perfetto trace as a file: tracks, slices with arguments and flows, instants, counters. What the UI and Perfetto's
// trace processor read (https://perfetto.dev/docs/reference/synthetic-track-event). Names are written once and then
// referred to by number. Slices of one track must not overlap but by nesting: lanes (lane_for) keep them apart.
//
// Packets are collected in memory and handed to the file in blocks; the file is valid whenever it is cut. Errors: an
// exception from write, with the reason; afterwards nothing
// more is written, so what is there stays readable. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "proto.hpp"

namespace lithos_perfetto {

using TrackId = std::uint64_t;  // 0: none

struct Argument {
  const char* name;  // static storage
  std::uint64_t number = 0;
  std::string_view text = {};  // used if not empty
};

class TraceWriter {
 public:
  explicit TraceWriter(const std::string& path);

  TrackId process(std::string_view name, int rank);
  TrackId track(TrackId parent, std::string_view name, int rank);
  TrackId counter(TrackId parent, std::string_view name, std::string_view unit, int rank);

  struct Flows {
    std::uint64_t starts = 0, ends = 0;  // 0: none
  };
  void slice(TrackId track, std::uint64_t from_ns, std::uint64_t to_ns, std::string_view name,
             const std::vector<Argument>& arguments = {}, Flows flows = {0, 0});
  void instant(TrackId track, std::uint64_t at_ns, std::string_view name, const std::vector<Argument>& arguments = {},
               Flows flows = {0, 0});
  void value(TrackId counter, std::uint64_t at_ns, double value);

  std::uint64_t bytes() const { return written_ + buffer_.size(); }
  void flush();

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  using Names = std::unordered_map<std::string, std::uint64_t, Hash, std::equal_to<>>;
  struct FreshName {
    unsigned kind;
    std::uint64_t id;
    std::string text;
  };

  template <class Fill>
  void packet(std::uint64_t at_ns, Fill&& fill);
  TrackId describe(TrackId parent, std::string_view name, int rank, int pid, bool is_counter, std::string_view unit);
  std::uint64_t name_id(Names& names, unsigned kind, std::string_view text);
  std::uint64_t event_name_id(std::string_view name);
  std::uint64_t argument_name_id(const char* name);
  void introduce(Message& packet);
  void event(TrackId track, std::uint64_t at_ns, unsigned type, std::string_view name,
             const std::vector<Argument>& arguments, Flows flows);
  void write_some();

  std::unique_ptr<std::FILE, Close> file_;
  Buffer buffer_;
  std::uint64_t written_ = 0;
  TrackId last_track_ = 0;
  int last_pid_ = 0;
  bool first_ = true;
  bool failed_ = false;  // nothing is written after a block that came out in part
  Names event_names_, argument_names_;
  // What was asked for last, by address: the same few names come again and again. An event's name may change under its
  // address, and is compared; an argument's stands in static storage.
  struct KnownEvent {
    const std::string* text = nullptr;  // in event_names_
    std::uint64_t id = 0;
  };
  struct KnownArgument {
    const char* name = nullptr;
    std::uint64_t id = 0;
  };
  std::array<KnownEvent, 256> known_events_{};
  std::array<KnownArgument, 64> known_arguments_{};
  std::vector<FreshName> fresh_;
};

}  // namespace lithos_perfetto
