// SPDX-License-Identifier: Apache-2.0
// Writes a trace for ui.perfetto.dev: a track per group of TPCs (GPC) with who worked there, per tenant its queues with
// every atom, its requests and its lease, and one group for what was decided: policies, decisions, faults, clock and
// power. An arrow leads from each submission to its run. Long runs are summed up instead of cut off (budget.hpp).
#include <array>
#include <cmath>
#include <lithos/service.hpp>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "budget.hpp"
#include "tenant_tracks.hpp"
#include "tracks.hpp"

using namespace lithos_perfetto;

namespace {

constexpr std::uint64_t kGapNs = 2'000;  // between neighbours that run together on a TPC group's track
constexpr int kDecisionsRank = 0, kGpuRank = 1, kFirstTenantRank = 10;

struct Gpc {
  TrackId track_parent = 0;
  std::string name;
  lithos_tpc_set tpcs{};
  std::map<std::uint64_t, Spells> by_tenant;
};

std::string range_name(std::uint32_t gpc, std::uint32_t first, std::uint32_t last) {
  return "GPC " + std::to_string(gpc) + ": TPC " + std::to_string(first) +
         (last > first ? "–" + std::to_string(last) : "");
}

lithos_tpc_set both(const lithos_tpc_set& a, const lithos_tpc_set& b) {
  lithos_tpc_set out{};
  for (std::size_t word = 0; word < LITHOS_TPC_WORDS; ++word) out.words[word] = a.words[word] & b.words[word];
  return out;
}

}  // namespace

class ExportPerfetto {
 public:
  static constexpr const char* id = "org.lithos.export.perfetto";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "A timeline for ui.perfetto.dev: TPCs, tenants, atoms, leases, decisions.";
  static constexpr const char* license = "Apache-2.0";

  struct Params {
    std::string path;
    std::int64_t most_mib;
  };
  static constexpr std::tuple params{
      lithos::param<&Params::path>(1, "path", "lithos.perfetto-trace").doc("File to write anew."),
      lithos::param<&Params::most_mib>(2, "most_mib", 256)
          .range(1, 65536)
          .unit("MiB")
          .doc("Size of the file. From three quarters of it on, atoms are summed up in windows.")};
  static constexpr std::tuple metrics{
      lithos::counter("atoms_written_total", "", "Atoms written one by one."),
      lithos::counter("atoms_summed_total", "", "Atoms that went into sums over windows."),
      lithos::counter("atoms_left_out_total", "", "Atoms for which the file was full."),
      lithos::gauge("file_bytes", "B", "Size of the file.")};

  ExportPerfetto(const lithos::Host& host, const lithos_service_gpu& gpu, const Params& values)
      : host_(host), out_(values.path), budget_(static_cast<std::uint64_t>(values.most_mib) << 20) {
    decisions_ = out_.process("decisions", kDecisionsRank);
    decided_ = Lanes(decisions_, "scheduler asked", 0);
    policies_ = out_.track(decisions_, "policies in force", 1);
    faults_ = out_.track(decisions_, "faults and gaps", 2);
    clock_ = Level(out_.counter(decisions_, "SM clock", "MHz", 3));
    requested_ = Level(out_.counter(decisions_, "SM clock asked for", "MHz", 4));
    power_ = Level(out_.counter(decisions_, "power", "W", 5));
    describe_gpu(gpu);
  }
  ~ExportPerfetto() {
    try {
      flush();
    } catch (...) {  // the disk is full; the host has been told when it happened
    }
  }

  // Submissions are told again when the atom ends.
  std::uint64_t wants() const { return ~(std::uint64_t{1} << LITHOS_EVENT_ATOM_SUBMITTED); }

  void events(const lithos::EventRange& batch) {
    for (const lithos_event& event : batch) {
      take(event);
      if (budget_.look(out_.bytes())) say_how_much(event.time_ns);
    }
    for (std::uint32_t metric = 0; metric < counted_.size(); ++metric)
      if (counted_[metric] > 0) host_.add(metric, static_cast<double>(std::exchange(counted_[metric], 0)));
    host_.set(3, static_cast<double>(out_.bytes()));
  }

  void flush() {
    for (auto& [key, tenant] : tenants_) tenant->close_window();
    for (Gpc& gpc : gpcs_)
      for (auto& [key, spells] : gpc.by_tenant) spells.flush(out_);
    out_.flush();
  }

 private:
  using Detail = Budget::Detail;

  void describe_gpu(const lithos_service_gpu& gpu) {
    const std::string uuid = gpu.uuid != nullptr ? gpu.uuid : "";
    const TrackId group =
        out_.process("GPU " + std::to_string(gpu.index) + (uuid.empty() ? " (virtual)" : " " + uuid), kGpuRank);
    const lithos_gpu_info& info = *gpu.info;
    for (std::uint32_t g = 0; g < info.gpcs; ++g) {
      Gpc gpc;
      gpc.track_parent = group;
      std::uint32_t first = info.tpcs, last = 0;
      for (std::uint32_t tpc = 0; tpc < info.tpcs; ++tpc) {
        if (info.gpc_of_tpc == nullptr || info.gpc_of_tpc[tpc] != g) continue;
        gpc.tpcs.words[tpc / 64] |= std::uint64_t{1} << tpc % 64;
        first = std::min(first, tpc);
        last = tpc;
      }
      if (first > last) continue;
      gpc.name = range_name(g, first, last);
      gpcs_.push_back(std::move(gpc));
    }
  }

  TenantTracks& tenant(std::uint64_t serial) {
    std::unique_ptr<TenantTracks>& found = tenants_[serial];
    if (found == nullptr)
      found = std::make_unique<TenantTracks>(out_, "number " + std::to_string(serial),
                                             kFirstTenantRank + static_cast<int>(tenants_.size()));
    return *found;
  }

  void joined(const lithos_event& event) {
    std::unique_ptr<TenantTracks>& slot = tenants_[event.tenant_id];
    if (slot == nullptr)
      slot = std::make_unique<TenantTracks>(out_, event.as.tenant.name,
                                            kFirstTenantRank + static_cast<int>(tenants_.size()));
    slot->joined(event);
  }

  void take(const lithos_event& event) {
    if (budget_.detail() == Detail::nothing) {
      if (event.type == LITHOS_EVENT_ATOM_ENDED) ++counted_[2];
      return;
    }
    const bool everything = budget_.detail() == Detail::everything;
    const std::uint64_t every_ns = everything ? 0 : budget_.window_ns();
    switch (event.type) {
      case LITHOS_EVENT_TENANT_JOINED: return joined(event);
      case LITHOS_EVENT_TENANT_LEFT: return tenant(event.tenant_id).instant(event.time_ns, "left");
      case LITHOS_EVENT_OPERATOR: return tenant(event.tenant_id).announce(event);
      case LITHOS_EVENT_ATOM_ENDED: return atom(event, everything);
      case LITHOS_EVENT_LEASE: return tenant(event.tenant_id).lease(event, every_ns);
      case LITHOS_EVENT_CLOCK: return clock(event, every_ns);
      case LITHOS_EVENT_POLICY: return policy(event);
      case LITHOS_EVENT_FAULT: return fault(event);
      case LITHOS_EVENT_DROPPED:
        return out_.instant(faults_, event.time_ns, "events missing", {{"events", event.as.dropped.count, {}}});
      default: break;
    }
    if (!everything) return;
    switch (event.type) {
      case LITHOS_EVENT_REQUEST: return tenant(event.tenant_id).request(event);
      case LITHOS_EVENT_WAITING: return tenant(event.tenant_id).waiting(event);
      case LITHOS_EVENT_DECISION: return decision(event);
      default: return;  // of a newer host, or told elsewhere
    }
  }

  void atom(const lithos_event& event, bool everything) {
    TenantTracks& owner = tenant(event.tenant_id);
    if (everything) owner.atom(event);
    else owner.add_to_window(event, budget_.window_ns());
    ++counted_[everything ? 0 : 1];
    const auto& atom = event.as.atom;
    const std::uint64_t to_ns = atom.ended_ns != 0 ? atom.ended_ns : event.time_ns;
    const std::uint64_t from_ns = atom.started_ns != 0 ? atom.started_ns : to_ns - std::min(to_ns, atom.duration_ns);
    for (Gpc& gpc : gpcs_) {
      const std::uint32_t tpcs = count_of(both(gpc.tpcs, atom.tpcs));
      if (tpcs == 0) continue;
      auto spells = gpc.by_tenant.find(event.tenant_id);
      if (spells == gpc.by_tenant.end()) {
        const TrackId track = out_.track(gpc.track_parent, gpc.name, static_cast<int>(&gpc - gpcs_.data()));
        spells = gpc.by_tenant.emplace(event.tenant_id, Spells(track, owner.name())).first;
      }
      spells->second.add(out_, from_ns, to_ns, tpcs, everything ? kGapNs : budget_.window_ns() / 4);
    }
  }

  void decision(const lithos_event& event) {
    const auto& decision = event.as.decision;
    std::uint64_t from_ns = event.time_ns - std::min(event.time_ns, decision.took_ns);
    const TrackId track = decided_.place(out_, from_ns, event.time_ns);
    if (track == 0) return;
    out_.slice(track, from_ns, event.time_ns, decision.fallback != 0 ? "fallback decided" : "decision",
               {{"why", decision.why, {}}, {"tenants", decision.tenants, {}}, {"took_ns", decision.took_ns, {}}});
  }

  void clock(const lithos_event& event, std::uint64_t every_ns) {
    const auto& clock = event.as.clock;
    if (clock.applied_mhz != 0) clock_.set(out_, event.time_ns, clock.applied_mhz, every_ns);
    if (clock.requested_mhz != 0) requested_.set(out_, event.time_ns, clock.requested_mhz, every_ns);
    if (std::isfinite(clock.power_w)) power_.set(out_, event.time_ns, clock.power_w, every_ns);
  }

  void policy(const lithos_event& event) {
    const auto& policy = event.as.policy;
    out_.instant(policies_, event.time_ns, std::string(policy.kind) + ": " + policy.id + " " + policy.version,
                 {{"generation", policy.generation, {}}});
  }

  void fault(const lithos_event& event) {
    const auto& fault = event.as.fault;
    out_.instant(faults_, event.time_ns, std::string(fault.kind) + ": " + fault.reason,
                 {{"count", fault.count, {}}, {"text", 0, fault.text}});
  }

  // Where the file stops telling everything, it says so itself.
  void say_how_much(std::uint64_t at_ns) {
    const bool full = budget_.detail() == Detail::nothing;
    if (full) out_.instant(faults_, at_ns, "the file is full: nothing after this");
    else out_.instant(faults_, at_ns, "atoms are summed up from here on", {{"window_ns", budget_.window_ns(), {}}});
    flush();
  }

  lithos::Host host_;
  TraceWriter out_;
  Budget budget_;
  TrackId decisions_ = 0, policies_ = 0, faults_ = 0;
  Lanes decided_;
  Level clock_, requested_, power_;
  std::vector<Gpc> gpcs_;
  std::array<std::uint64_t, 3> counted_{};  // in this batch, by metric
  std::map<std::uint64_t, std::unique_ptr<TenantTracks>> tenants_;
};
LITHOS_EXPORT_EXPORTER(ExportPerfetto)
