// SPDX-License-Identifier: Apache-2.0
#include "e2e/views/protoc_check.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "test_paths.hpp"

namespace lithos::testing {
namespace {

const std::string kProtoc = "protoc --proto_path='" LITHOS_SOURCE_DIR "/tests/e2e/views' perfetto_trace.proto ";

// One message or value as protoc prints it: "name: value", or "name {", its fields, "}".
struct Field {
  std::string name, value;
  std::vector<Field> fields;

  const Field* find(const std::string& wanted) const {
    for (const Field& field : fields)
      if (field.name == wanted) return &field;
    return nullptr;
  }
  std::optional<std::uint64_t> number(const std::string& wanted) const {
    const Field* const field = find(wanted);
    return field == nullptr ? std::nullopt : std::optional<std::uint64_t>(std::strtoull(field->value.c_str(), nullptr, 10));
  }
  std::vector<std::uint64_t> numbers(const std::string& wanted) const {
    std::vector<std::uint64_t> all;
    for (const Field& field : fields)
      if (field.name == wanted) all.push_back(std::strtoull(field.value.c_str(), nullptr, 10));
    return all;
  }
  std::string text(const std::string& wanted) const {
    const Field* const field = find(wanted);
    return field == nullptr ? "" : field->value;
  }
};

class Output {
 public:
  explicit Output(const std::string& command) : pipe_(::popen(command.c_str(), "r"), &::pclose) {}
  bool line(std::string& out) {
    out.clear();
    char buffer[4096];
    while (std::fgets(buffer, sizeof buffer, pipe_.get()) != nullptr) {
      out += buffer;
      if (out.back() != '\n') continue;
      out.pop_back();
      out.erase(0, out.find_first_not_of(' '));
      return true;
    }
    return !out.empty();
  }
  bool succeeded() { return ::pclose(pipe_.release()) == 0; }

 private:
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe_;
};

// The fields up to the message's end.
void read_message(Output& output, Field& message) {
  for (std::string line; output.line(line) && line != "}";) {
    const bool nested = line.ends_with(" {");
    const std::size_t end = nested ? line.size() - 2 : line.find(": ");
    Field& field = message.fields.emplace_back();
    field.name = line.substr(0, end);
    if (nested) read_message(output, field);
    else field.value = line.substr(std::min(end + 2, line.size()));
  }
}

class Rules {
 public:
  void packet(const Field& packet) {
    no_unknown_fields(packet);
    sequence(packet);
    for (const Field& field : packet.fields) {
      if (field.name == "interned_data") intern(field);
      if (field.name == "track_descriptor") describe(field);
    }
    if (const Field* const event = packet.find("track_event")) this->event(*event, packet.number("timestamp"));
  }
  void end() {
    for (auto& [track, events] : slices_) slices_close(track, events);
    for (const auto& [flow, times] : flows_) {
      if (times.starts.size() != 1 || times.ends.size() != 1) wrong("a flow without one start and one end", std::to_string(flow));
      else if (times.starts[0] > times.ends[0]) wrong("a flow that ends before it starts", std::to_string(flow));
    }
  }
  void wrong(const std::string& rule, const std::string& where) {
    if (++broken_[rule] <= 3) said_.push_back(rule + ": " + where);
  }
  std::vector<std::string> said() const { return said_; }
  std::size_t events() const { return events_; }

 private:
  struct Edge {
    std::uint64_t at;
    bool begins;
  };
  struct Flow {
    std::vector<std::uint64_t> starts, ends;
  };
  using Names = std::map<std::uint64_t, std::string>;

  // protoc prints what the schema lacks by its number.
  void no_unknown_fields(const Field& message) {
    for (const Field& field : message.fields) {
      if (!field.name.empty() && field.name[0] >= '0' && field.name[0] <= '9') wrong("an unknown field", message.name + "." + field.name);
      no_unknown_fields(field);
    }
  }
  // One writer, one sequence; what was interned before is void from its first packet on.
  void sequence(const Field& packet) {
    if (packet.number("trusted_packet_sequence_id") != 1u) wrong("a packet of no sequence", packet.text("timestamp"));
    const std::uint64_t flags = packet.number("sequence_flags").value_or(0);
    if ((flags & 1) != (first_ ? 1u : 0u)) wrong("state is to be cleared once, at the beginning", packet.text("timestamp"));
    if ((flags & 2) == 0) wrong("a packet that needs what was interned and does not say so", packet.text("timestamp"));
    first_ = false;
  }
  void intern(const Field& data) {
    for (const Field& entry : data.fields) {
      Names& names = entry.name == "event_names" ? event_names_ : argument_names_;
      const auto [known, fresh] = names.emplace(entry.number("iid").value_or(0), entry.text("name"));
      if (!fresh && known->second != entry.text("name")) wrong("an interned id with two meanings", entry.text("iid"));
      if (known->first == 0) wrong("an interned id of 0", entry.text("name"));
    }
  }
  void describe(const Field& track) {
    const std::uint64_t id = track.number("uuid").value_or(0), parent = track.number("parent_uuid").value_or(0);
    if (id == 0 || !tracks_.emplace(id, track.find("counter") != nullptr).second) wrong("a track without an id of its own", track.text("name"));
    if (parent != 0 && !tracks_.contains(parent)) wrong("a track whose parent is not described before", track.text("name"));
    if (track.text("name").size() <= 2) wrong("a track without a name", std::to_string(id));
    if (const Field* const process = track.find("process"))
      if (!processes_.insert(process->number("pid").value_or(0)).second) wrong("two processes of one number", track.text("name"));
  }
  void event(const Field& event, std::optional<std::uint64_t> at) {
    ++events_;
    const std::uint64_t track = event.number("track_uuid").value_or(0);
    const std::string type = event.text("type"), where = "track " + std::to_string(track) + ", " + std::to_string(at.value_or(0)) + " ns";
    if (!at) wrong("an event without a time", where);
    const auto described = tracks_.find(track);
    if (described == tracks_.end()) return wrong("an event on a track that is not described before", where);
    if (described->second != (type == "TYPE_COUNTER")) wrong("a counter's value elsewhere, or something else there", where);
    if (type == "TYPE_COUNTER") counter(event, track, at.value_or(0), where);
    else if (type == "TYPE_SLICE_BEGIN" || type == "TYPE_SLICE_END") slices_[track].push_back({at.value_or(0), type == "TYPE_SLICE_BEGIN"});
    else if (type != "TYPE_INSTANT") wrong("an event of no type", where);
    if ((type == "TYPE_SLICE_BEGIN" || type == "TYPE_INSTANT") && !event_names_.contains(event.number("name_iid").value_or(0)))
      wrong("an event whose name is not interned before", where);
    for (const Field& field : event.fields)
      if (field.name == "debug_annotations" && !argument_names_.contains(field.number("name_iid").value_or(0)))
        wrong("an argument whose name is not interned before", where);
    for (const std::uint64_t flow : event.numbers("flow_ids")) flows_[flow].starts.push_back(at.value_or(0));
    for (const std::uint64_t flow : event.numbers("terminating_flow_ids")) flows_[flow].ends.push_back(at.value_or(0));
  }
  void counter(const Field& event, std::uint64_t track, std::uint64_t at, const std::string& where) {
    if (event.find("double_counter_value") == nullptr) wrong("a counter without a value", where);
    std::uint64_t& last = counted_at_[track];
    if (at < last) wrong("a counter that goes back in time", where);
    last = at;
  }
  // Readers sort by time, and leave in order what has the same. No more than one open: two that cross would look as if they nested.
  void slices_close(std::uint64_t track, std::vector<Edge>& edges) {
    std::stable_sort(edges.begin(), edges.end(), [](const Edge& a, const Edge& b) { return a.at < b.at; });
    bool open = false;
    for (const Edge& edge : edges) {
      if (edge.begins == open) wrong(open ? "a slice that begins in another one" : "a slice that ends and has not begun",
                                     "track " + std::to_string(track) + ", " + std::to_string(edge.at) + " ns");
      open = edge.begins;
    }
    if (open) wrong("a slice without an end", "track " + std::to_string(track));
  }

  bool first_ = true;
  std::size_t events_ = 0;
  Names event_names_, argument_names_;
  std::map<std::uint64_t, bool> tracks_;  // whether it is a counter's
  std::set<std::uint64_t> processes_;
  std::map<std::uint64_t, std::vector<Edge>> slices_;
  std::map<std::uint64_t, Flow> flows_;
  std::map<std::uint64_t, std::uint64_t> counted_at_;
  std::map<std::string, unsigned> broken_;
  std::vector<std::string> said_;
};

}  // namespace

bool has_protoc() { return std::system("protoc --version > /dev/null 2>&1") == 0; }

std::vector<std::string> wrong_with_trace(const std::string& file, std::size_t& events) {
  Output output(kProtoc + "--decode=lithos.perfetto.Trace < '" + file + "' 2>/dev/null");
  Rules rules;
  for (std::string line; output.line(line);) {
    Field packet;
    if (line != "packet {") rules.wrong("not a packet", line);
    packet.name = "packet";
    read_message(output, packet);
    rules.packet(packet);
  }
  if (!output.succeeded()) rules.wrong("protoc cannot decode it", file);
  rules.end();
  events = rules.events();
  return rules.said();
}

bool encode_trace(const std::string& text_file, const std::string& file) {
  return std::system((kProtoc + "--encode=lithos.perfetto.Trace < '" + text_file + "' > '" + file + "' 2>/dev/null").c_str()) == 0;
}

}  // namespace lithos::testing
