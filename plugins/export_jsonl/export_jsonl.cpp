// SPDX-License-Identifier: Apache-2.0
// Writes each event as one line of JSON. Times are integers in nanoseconds and fields have one fixed order, so two runs
// with the same seed give the same bytes. What is not known (NaN) is null.
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include <lithos/service.hpp>

class ExportJsonLines {
 public:
  static constexpr const char* id = "org.lithos.export.jsonl";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "Every event as one line of JSON in a file.";
  static constexpr const char* license = "Apache-2.0";

  struct Params {
    std::string path;
    bool atoms;
  };
  static constexpr std::tuple params{
      lithos::param<&Params::path>(1, "path", "lithos.jsonl").doc("File to write anew; \"-\" is standard output."),
      lithos::param<&Params::atoms>(2, "atoms", true).doc("Whether atoms are written too: most of the volume.")};
  static constexpr std::tuple metrics{lithos::counter("lines_written_total", "", "Lines handed to the file.")};

  ExportJsonLines(const lithos::Host& host, const Params& values)
      : host_(host), atoms_(values.atoms), file_(values.path == "-" ? stdout : std::fopen(values.path.c_str(), "we")) {
    if (file_ == nullptr) throw std::runtime_error("cannot write " + values.path + ": " + std::strerror(errno));
  }

  void events(const lithos::EventRange& batch) {
    for (const lithos_event& event : batch) {
      line_.clear();
      if (!describe(event)) continue;
      line_ += "}\n";
      if (std::fwrite(line_.data(), 1, line_.size(), file_.get()) != line_.size())
        throw std::runtime_error(std::string("write failed: ") + std::strerror(errno));
      host_.add(0);
    }
  }

  std::uint64_t wants() const {
    constexpr std::uint64_t kAtoms = 1u << LITHOS_EVENT_ATOM_STARTED | 1u << LITHOS_EVENT_ATOM_ENDED |
                                     1u << LITHOS_EVENT_ATOM_SUBMITTED | 1u << LITHOS_EVENT_REQUEST;
    return atoms_ ? ~std::uint64_t{0} : ~kAtoms;
  }

  void flush() {
    if (std::fflush(file_.get()) != 0) throw std::runtime_error(std::string("flush failed: ") + std::strerror(errno));
  }

 private:
  // False: not to be written.
  bool describe(const lithos_event& event) {
    switch (event.type) {
      case LITHOS_EVENT_TENANT_JOINED: return begin(event, "tenant_joined"), tenant(event), true;
      case LITHOS_EVENT_TENANT_LEFT: return begin(event, "tenant_left"), tenant(event), true;
      case LITHOS_EVENT_ATOM_STARTED: return atoms_ && (begin(event, "atom_started"), atom(event), true);
      case LITHOS_EVENT_ATOM_ENDED: return atoms_ && (begin(event, "atom_ended"), atom(event), true);
      case LITHOS_EVENT_ATOM_SUBMITTED: return atoms_ && (begin(event, "atom_submitted"), atom(event), true);
      case LITHOS_EVENT_OPERATOR: return begin(event, "operator"), op(event), true;
      case LITHOS_EVENT_POLICY: return begin(event, "policy"), policy(event), true;
      case LITHOS_EVENT_REQUEST: return atoms_ && (begin(event, "request"), request(event), true);
      case LITHOS_EVENT_WAITING: return begin(event, "waiting"), waiting(event), true;
      case LITHOS_EVENT_DROPPED: return begin(event, "dropped"), field("count", event.as.dropped.count), true;
      case LITHOS_EVENT_DECISION: return begin(event, "decision"), decision(event), true;
      case LITHOS_EVENT_LEASE: return begin(event, "lease"), lease(event), true;
      case LITHOS_EVENT_CLOCK: return begin(event, "clock"), clock(event), true;
      case LITHOS_EVENT_FAULT: return begin(event, "fault"), fault(event), true;
      case LITHOS_EVENT_COUNTER: return begin(event, "counter"), counter(event), true;
      default: return false;  // of a newer host
    }
  }

  void op(const lithos_event& event) {
    field("op", event.as.op.op_id);
    field("name", event.as.op.name);
    field("blocks", event.as.op.blocks);
    field("min_tpcs", event.as.op.min_tpcs);
    field("flags", event.as.op.flags);
    field("nodes", event.as.op.nodes);
  }
  void policy(const lithos_event& event) {
    field("generation", event.as.policy.generation);
    field("kind", event.as.policy.kind);
    field("id", event.as.policy.id);
    field("version", event.as.policy.version);
    field("hash", event.as.policy.hash);
  }
  void request(const lithos_event& event) {
    field("latency_ns", event.as.request.latency_ns);
    field("slo_ns", event.as.request.slo_ns);
  }
  void waiting(const lithos_event& event) {
    field("queue", event.as.waiting.queue);
    field("launch", event.as.waiting.launch_id);
    field("op", event.as.waiting.op_id);
    field("since_ns", event.as.waiting.since_ns);
    field("min_tpcs", event.as.waiting.min_tpcs);
  }

  void begin(const lithos_event& event, const char* type) {
    line_ += "{\"t_ns\":" + std::to_string(event.time_ns) + ",\"event\":\"" + type + '"';
    field("gpu", event.gpu);
    if (event.tenant_id != 0) field("tenant", event.tenant_id);
  }
  void tenant(const lithos_event& event) {
    field("name", event.as.tenant.name);
    field("class", event.as.tenant.tenant_class);
    field("quota_tpcs", event.as.tenant.quota_tpcs);
    field("slo_ns", event.as.tenant.slo_ns);
    field("own", event.as.tenant.own);
  }
  void atom(const lithos_event& event) {
    const auto& atom = event.as.atom;
    field("queue", atom.queue);
    field("launch", atom.launch_id);
    field("op", atom.op_id);
    field("first_block", atom.first_block);
    field("block_count", atom.block_count);
    field("blocks", atom.blocks);
    field("predicted_ns", atom.predicted_ns);
    if (event.type == LITHOS_EVENT_ATOM_ENDED) field("duration_ns", atom.duration_ns);
    field("tpcs", atom.tpcs);
    field("queued_ns", atom.queued_ns);
    field("submitted_ns", atom.submitted_ns);
    if (event.type == LITHOS_EVENT_ATOM_ENDED) field("started_ns", atom.started_ns), field("ended_ns", atom.ended_ns);
    if (atom.graph_id != 0) field("graph", atom.graph_id), field("node", atom.node);
    field("outcome", lithos_outcome_name(atom.outcome));
    field("last", atom.last);
  }
  void decision(const lithos_event& event) {
    field("why", event.as.decision.why);
    field("tenants", event.as.decision.tenants);
    field("fallback", event.as.decision.fallback);
    field("took_ns", event.as.decision.took_ns);
  }
  void lease(const lithos_event& event) {
    field("generation", event.as.lease.generation);
    field("own", event.as.lease.own);
    field("usable_idle", event.as.lease.usable_idle);
    field("usable_active", event.as.lease.usable_active);
    field("atom_ns", event.as.lease.atom_ns);
    field("outstanding_limit_ns", event.as.lease.outstanding_limit_ns);
    field("hold", event.as.lease.hold);
    field("lenders", event.as.lease.lenders);
  }
  void clock(const lithos_event& event) {
    field("requested_mhz", event.as.clock.requested_mhz);
    field("applied_mhz", event.as.clock.applied_mhz);
    field("power_w", event.as.clock.power_w);
  }
  void fault(const lithos_event& event) {
    field("kind", event.as.fault.kind);
    field("reason", event.as.fault.reason);
    field("text", event.as.fault.text);
    field("count", event.as.fault.count);
  }
  void counter(const lithos_event& event) {
    field("name", event.as.counter.name);
    field("value", event.as.counter.value);
  }

  void key(const char* name) { line_ += std::string(",\"") + name + "\":"; }
  void field(const char* name, std::uint64_t value) { key(name), line_ += std::to_string(value); }
  void field(const char* name, std::uint32_t value) { field(name, std::uint64_t{value}); }
  void field(const char* name, double value) {
    key(name);
    char text[32];
    std::snprintf(text, sizeof text, "%.9g", value);
    line_ += std::isfinite(value) ? text : "null";
  }
  void field(const char* name, const char* text) {
    key(name);
    line_ += '"';
    for (; text != nullptr && *text != '\0'; ++text) escaped(*text);
    line_ += '"';
  }
  // As hexadecimal, highest TPC first: "3ffff".
  void field(const char* name, const lithos_tpc_set& set) {
    char text[16 * LITHOS_TPC_WORDS + 1];
    std::snprintf(text, sizeof text, "%016llx%016llx%016llx%016llx", word(set, 3), word(set, 2), word(set, 1),
                  word(set, 0));
    const char* digits = text;
    while (digits[0] == '0' && digits[1] != '\0') ++digits;
    key(name);
    line_ += std::string("\"") + digits + '"';
  }
  static unsigned long long word(const lithos_tpc_set& set, unsigned index) { return set.words[index]; }
  void escaped(char c) {
    if (c == '"' || c == '\\') {
      line_ += '\\', line_ += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char text[8];
      std::snprintf(text, sizeof text, "\\u%04x", static_cast<unsigned>(c));
      line_ += text;
    } else {
      line_ += c;
    }
  }

  struct Close {
    void operator()(std::FILE* file) const { file == stdout ? std::fflush(file) : std::fclose(file); }
  };
  lithos::Host host_;
  bool atoms_;
  std::unique_ptr<std::FILE, Close> file_;
  std::string line_;  // kept for its capacity
};
LITHOS_EXPORT_EXPORTER(ExportJsonLines)
