// SPDX-License-Identifier: Apache-2.0
#include "trace_writer.hpp"

#include <cerrno>
#include <stdexcept>

namespace lithos_perfetto {
namespace {

// Field numbers of Perfetto's messages (protos/perfetto/trace in its repository).
namespace trace_packet {
constexpr unsigned kTimestamp = 8, kSequence = 10, kTrackEvent = 11, kInterned = 12, kFlags = 13, kTrack = 60;
constexpr unsigned kInTrace = 1;
constexpr std::uint64_t kStateCleared = 1, kNeedsState = 2;
}  // namespace trace_packet
namespace track_event {
constexpr unsigned kArgument = 4, kType = 9, kNameId = 10, kTrack = 11, kValue = 44, kFlow = 47, kFlowEnd = 48;
constexpr unsigned kBegin = 1, kEnd = 2, kInstant = 3, kCounter = 4;
}  // namespace track_event
namespace interned {
constexpr unsigned kEventNames = 2, kArgumentNames = 3, kId = 1, kName = 2;
}  // namespace interned
namespace argument {
constexpr unsigned kNameId = 1, kNumber = 3, kText = 6;
}  // namespace argument
namespace track {
constexpr unsigned kId = 1, kName = 2, kProcess = 3, kParent = 5, kCounter = 8, kOrdering = 11, kRank = 12;
constexpr unsigned kProcessId = 1, kProcessName = 6, kCounterUnit = 6;
constexpr std::uint64_t kByRank = 3;
}  // namespace track

constexpr std::uint64_t kSequenceId = 1;
constexpr std::uint64_t kTimeless = ~std::uint64_t{0};  // what is true all the time
constexpr std::size_t kBlockBytes = 256 * 1024;

}  // namespace

TraceWriter::TraceWriter(const std::string& path) : file_(std::fopen(path.c_str(), "we")), buffer_(kBlockBytes + 4096) {
  if (file_ == nullptr) throw std::runtime_error("cannot write " + path + ": " + std::strerror(errno));
  std::setvbuf(file_.get(), nullptr, _IONBF, 0);  // the blocks are ours
}

template <class Fill>
void TraceWriter::packet(std::uint64_t at_ns, Fill&& fill) {
  Message trace(buffer_);
  trace.nested(trace_packet::kInTrace, [&](Message& packet) {
    if (at_ns != kTimeless) packet.number(trace_packet::kTimestamp, at_ns);
    packet.number(trace_packet::kSequence, kSequenceId);
    packet.number(trace_packet::kFlags,
                  first_ ? trace_packet::kStateCleared | trace_packet::kNeedsState : trace_packet::kNeedsState);
    first_ = false;
    fill(packet);
  });
  if (buffer_.size() >= kBlockBytes) write_some();
}

void TraceWriter::write_some() {
  if (failed_) return buffer_.clear();
  const std::size_t size = buffer_.size();
  const std::size_t done = std::fwrite(buffer_.data(), 1, size, file_.get());
  written_ += size;
  buffer_.clear();
  failed_ = done != size;
  if (failed_) throw std::runtime_error(std::string("write failed: ") + std::strerror(errno));
}

void TraceWriter::flush() {
  if (!buffer_.empty()) write_some();
}

TrackId TraceWriter::describe(TrackId parent, std::string_view name, int rank, int pid, bool is_counter,
                              std::string_view unit) {
  const TrackId id = ++last_track_;
  packet(kTimeless, [&](Message& packet) {
    packet.nested(trace_packet::kTrack, [&](Message& track) {
      track.number(track::kId, id);
      track.text(track::kName, name);
      if (parent != 0) track.number(track::kParent, parent);
      track.number(track::kOrdering, track::kByRank);
      track.number(track::kRank, static_cast<std::uint64_t>(rank));
      if (pid != 0)
        track.nested(track::kProcess, [&](Message& process) {
          process.number(track::kProcessId, static_cast<std::uint64_t>(pid));
          process.text(track::kProcessName, name);
        });
      if (is_counter)
        track.nested(track::kCounter, [&](Message& counter) {
          if (!unit.empty()) counter.text(track::kCounterUnit, unit);
        });
    });
  });
  return id;
}

TrackId TraceWriter::process(std::string_view name, int rank) {
  return describe(0, name, rank, ++last_pid_, false, {});
}
TrackId TraceWriter::track(TrackId parent, std::string_view name, int rank) {
  return describe(parent, name, rank, 0, false, {});
}
TrackId TraceWriter::counter(TrackId parent, std::string_view name, std::string_view unit, int rank) {
  return describe(parent, name, rank, 0, true, unit);
}

std::uint64_t TraceWriter::name_id(Names& names, unsigned kind, std::string_view text) {
  if (const auto known = names.find(text); known != names.end()) return known->second;
  const std::uint64_t id = names.size() + 1;
  names.emplace(std::string(text), id);
  fresh_.push_back({kind, id, std::string(text)});
  return id;
}

std::uint64_t TraceWriter::event_name_id(std::string_view name) {
  const auto address = reinterpret_cast<std::uintptr_t>(name.data());
  KnownEvent& known = known_events_[(address >> 4 ^ address >> 12) % known_events_.size()];
  if (known.text == nullptr || *known.text != name) {
    known.id = name_id(event_names_, interned::kEventNames, name);
    known.text = &event_names_.find(name)->first;
  }
  return known.id;
}

std::uint64_t TraceWriter::argument_name_id(const char* name) {
  const auto address = reinterpret_cast<std::uintptr_t>(name);
  KnownArgument& known = known_arguments_[(address ^ address >> 6) % known_arguments_.size()];
  if (known.name != name) known = {name, name_id(argument_names_, interned::kArgumentNames, name)};
  return known.id;
}

// Names that are new in this packet. One message for all: readers take the last of two.
void TraceWriter::introduce(Message& packet) {
  if (fresh_.empty()) return;
  packet.nested(trace_packet::kInterned, [&](Message& data) {
    for (const FreshName& name : fresh_)
      data.nested(name.kind, [&](Message& entry) {
        entry.number(interned::kId, name.id);
        entry.text(interned::kName, name.text);
      });
  });
  fresh_.clear();
}

void TraceWriter::event(TrackId track, std::uint64_t at_ns, unsigned type, std::string_view name,
                        const std::vector<Argument>& arguments, Flows flows) {
  const std::uint64_t name_of_event = event_name_id(name);
  for (const Argument& one : arguments) (void)argument_name_id(one.name);
  packet(at_ns, [&](Message& packet) {
    introduce(packet);
    packet.nested(trace_packet::kTrackEvent, [&](Message& event) {
      event.number(track_event::kType, type);
      event.number(track_event::kTrack, track);
      event.number(track_event::kNameId, name_of_event);
      for (const Argument& one : arguments)
        event.nested(track_event::kArgument, [&](Message& annotation) {
          annotation.number(argument::kNameId, argument_name_id(one.name));
          if (one.text.empty()) annotation.number(argument::kNumber, one.number);
          else annotation.text(argument::kText, one.text);
        });
      if (flows.starts != 0) event.fixed(track_event::kFlow, flows.starts);
      if (flows.ends != 0) event.fixed(track_event::kFlowEnd, flows.ends);
    });
  });
}

void TraceWriter::slice(TrackId track, std::uint64_t from_ns, std::uint64_t to_ns, std::string_view name,
                        const std::vector<Argument>& arguments, Flows flows) {
  event(track, from_ns, track_event::kBegin, name, arguments, flows);
  packet(to_ns, [&](Message& packet) {
    packet.nested(trace_packet::kTrackEvent, [&](Message& event) {
      event.number(track_event::kType, track_event::kEnd);
      event.number(track_event::kTrack, track);
    });
  });
}

void TraceWriter::instant(TrackId track, std::uint64_t at_ns, std::string_view name,
                          const std::vector<Argument>& arguments, Flows flows) {
  event(track, at_ns, track_event::kInstant, name, arguments, flows);
}

void TraceWriter::value(TrackId counter, std::uint64_t at_ns, double value) {
  packet(at_ns, [&](Message& packet) {
    packet.nested(trace_packet::kTrackEvent, [&](Message& event) {
      event.number(track_event::kType, track_event::kCounter);
      event.number(track_event::kTrack, counter);
      event.real(track_event::kValue, value);
    });
  });
}

}  // namespace lithos_perfetto
