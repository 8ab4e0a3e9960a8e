// SPDX-License-Identifier: Apache-2.0
#include "cli/trace/perfetto_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace lithos {
namespace {

// One field of a message: a number (varint or fixed), or bytes.
struct Field {
  unsigned id = 0;
  std::uint64_t number = 0;
  std::string_view bytes;
};

// Steps over the fields of one message. good() turns false where the bytes are no message.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : rest_(bytes) {}

  bool next(Field& field) {
    if (rest_.empty() || !good_) return false;
    const std::uint64_t tag = varint();
    field = {static_cast<unsigned>(tag >> 3), 0, {}};
    switch (tag & 7) {
      case 0: field.number = varint(); break;
      case 1: field.number = fixed(8); break;
      case 2: field.bytes = take(varint()); break;
      case 5: field.number = fixed(4); break;
      default: good_ = false;
    }
    return good_ && field.id != 0;
  }
  bool good() const { return good_; }

 private:
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::string_view byte = take(1);
      if (byte.empty()) return 0;
      value |= std::uint64_t{static_cast<unsigned char>(byte[0]) & 0x7fu} << shift;
      if ((static_cast<unsigned char>(byte[0]) & 0x80) == 0) return value;
    }
    good_ = false;
    return 0;
  }
  std::uint64_t fixed(std::size_t size) {
    std::uint64_t value = 0;
    const std::string_view bytes = take(size);
    for (std::size_t i = 0; i < bytes.size(); ++i)
      value |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
    return value;
  }
  std::string_view take(std::uint64_t size) {
    if (size > rest_.size()) {
      good_ = false;
      return {};
    }
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  std::string_view rest_;
  bool good_ = true;
};

class Reader {
 public:
  Status packet(std::string_view bytes) {
    Fields fields(bytes);
    std::uint64_t at_ns = 0;
    std::string_view event, track;
    for (Field field; fields.next(field);) {
      if (field.id == 8) at_ns = field.number;
      else if (field.id == 11) event = field.bytes;
      else if (field.id == 12) intern(field.bytes);
      else if (field.id == 60) track = field.bytes;
    }
    ++trace_.packets;
    if (!fields.good()) return invalid_argument(fmt::format("packet {} is broken", trace_.packets));
    if (!track.empty()) describe(track);
    return event.empty() ? Status{} : take_event(at_ns, event);
  }

  Result<PerfettoTrace> finish() && {
    if (Status status = close_slices(); !status.ok()) return status;
    std::stable_sort(trace_.events.begin(), trace_.events.end(),
                     [](const PerfettoEvent& a, const PerfettoEvent& b) { return a.from_ns < b.from_ns; });
    return std::move(trace_);
  }

 private:
  struct Mark {  // a beginning or an end, as it stands in the file
    std::uint64_t at_ns = 0;
    bool begin = false;
    std::size_t event = 0;
  };

  void intern(std::string_view bytes) {
    Fields fields(bytes);
    for (Field field; fields.next(field);) {
      if (field.id != 2 && field.id != 3) continue;
      std::uint64_t id = 0;
      std::string name;
      Fields entry(field.bytes);
      for (Field part; entry.next(part);) {
        if (part.id == 1) id = part.number;
        if (part.id == 2) name = part.bytes;
      }
      (field.id == 2 ? trace_.names : trace_.argument_names)[id] = std::move(name);
    }
  }

  void describe(std::string_view bytes) {
    Fields fields(bytes);
    std::uint64_t id = 0;
    PerfettoTrack track;
    for (Field field; fields.next(field);) {
      if (field.id == 1) id = field.number;
      else if (field.id == 2) track.name = field.bytes;
      else if (field.id == 3) track.process = true;
      else if (field.id == 5) track.parent = field.number;
      else if (field.id == 8) {
        track.counter = true;
        Fields counter(field.bytes);
        for (Field part; counter.next(part);)
          if (part.id == 6) track.unit = part.bytes;
      }
    }
    trace_.tracks[id] = std::move(track);
  }

  bool argument(std::string_view bytes, PerfettoEvent& event) const {
    Fields fields(bytes);
    PerfettoArgument argument;
    for (Field field; fields.next(field);) {
      if (field.id == 1) {
        const auto name = trace_.argument_names.find(field.number);
        if (name == trace_.argument_names.end()) return false;
        argument.name = name->second;
      } else if (field.id == 3) {
        argument.number = field.number;
      } else if (field.id == 6) {
        argument.text = field.bytes;
      }
    }
    event.arguments.push_back(std::move(argument));
    return fields.good();
  }

  Status take_event(std::uint64_t at_ns, std::string_view bytes) {
    Fields fields(bytes);
    PerfettoEvent event;
    std::uint64_t type = 0;
    bool known = true;
    event.from_ns = event.to_ns = at_ns;
    for (Field field; fields.next(field);) {
      if (field.id == 9) type = field.number;
      else if (field.id == 11) event.track = field.number;
      else if (field.id == 44) event.value = std::bit_cast<double>(field.number);
      else if (field.id == 47) event.flow = field.number;
      else if (field.id == 48) event.flow_end = field.number;
      else if (field.id == 4) known = known && argument(field.bytes, event);
      else if (field.id == 10) {
        const auto name = trace_.names.find(field.number);
        known = known && name != trace_.names.end();
        if (known) event.name = name->second;
      }
    }
    const auto complain = [&](const char* what) {
      return invalid_argument(fmt::format("packet {}: {}", trace_.packets, what));
    };
    if (!fields.good()) return complain("the event is broken");
    if (!known) return complain("a name was never introduced");
    if (!trace_.tracks.contains(event.track)) return complain("its track was never described");
    if (type == 1 || type == 2) marks_[event.track].push_back({at_ns, type == 1, trace_.events.size()});
    if (type == 2) return {};
    if (type < 1 || type > 4) return complain("an event of an unknown type");
    event.kind = type == 1   ? PerfettoEvent::Kind::slice
                 : type == 3 ? PerfettoEvent::Kind::instant
                             : PerfettoEvent::Kind::value;
    trace_.events.push_back(std::move(event));
    return {};
  }

  // As the viewer does: each track's marks in order of time, an end closes what was begun last.
  Status close_slices() {
    for (auto& [track, marks] : marks_) {
      std::stable_sort(marks.begin(), marks.end(), [](const Mark& a, const Mark& b) { return a.at_ns < b.at_ns; });
      std::vector<std::size_t> open;
      for (const Mark& mark : marks) {
        if (mark.begin) {
          open.push_back(mark.event);
          continue;
        }
        const auto complain = [&](const char* what) {
          return invalid_argument(
              fmt::format("track {} ({}) at {} ns: {}", track, trace_.tracks[track].name, mark.at_ns, what));
        };
        if (open.empty()) return complain("an end without a beginning");
        // An end follows its beginning in the file, so the event before it is the one that is meant.
        if (open.back() + 1 != mark.event) return complain("slices cross");
        trace_.events[open.back()].to_ns = mark.at_ns;
        open.pop_back();
      }
      if (!open.empty()) return invalid_argument(fmt::format("track {}: {} slices never end", track, open.size()));
    }
    return {};
  }

  PerfettoTrace trace_;
  std::map<std::uint64_t, std::vector<Mark>> marks_;
};

}  // namespace

std::uint64_t PerfettoEvent::number(std::string_view argument, std::uint64_t otherwise) const {
  for (const PerfettoArgument& one : arguments)
    if (one.name == argument) return one.number;
  return otherwise;
}

std::string PerfettoEvent::text(std::string_view argument) const {
  for (const PerfettoArgument& one : arguments)
    if (one.name == argument) return one.text;
  return "";
}

const std::string& PerfettoTrace::group_of(std::uint64_t track) const {
  static const std::string kNone;
  for (unsigned depth = 0; depth < 8; ++depth) {
    const auto found = tracks.find(track);
    if (found == tracks.end()) return kNone;
    if (found->second.process) return found->second.name;
    track = found->second.parent;
  }
  return kNone;
}

Result<PerfettoTrace> read_perfetto(std::string_view bytes) {
  Reader reader;
  Fields fields(bytes);
  bool any = false;
  for (Field field; fields.next(field);) {
    if (field.id != 1 || field.bytes.empty()) return invalid_argument("not a Perfetto trace");
    if (Status status = reader.packet(field.bytes); !status.ok()) return status;
    any = true;
  }
  if (!any || !fields.good()) return invalid_argument(any ? "the trace ends within a packet" : "not a Perfetto trace");
  return std::move(reader).finish();
}

}  // namespace lithos
