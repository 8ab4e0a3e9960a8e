// SPDX-License-Identifier: Apache-2.0
#include "tenant_tracks.hpp"

#include <bit>

namespace lithos_perfetto {
namespace {

constexpr int kEventsRank = 0, kRequestsRank = 1, kQueueRank = 10, kOwnRank = 100, kUsableRank = 101,
              kWindowsRank = 200, kOperatorsRank = 300;

// One atom's submission and its run, whoever else has atoms of the same number.
std::uint64_t flow_of(std::uint64_t tenant, const decltype(lithos_event{}.as.atom) & atom) {
  std::uint64_t hash = tenant;
  for (const std::uint64_t part : {std::uint64_t{atom.queue}, atom.launch_id, std::uint64_t{atom.first_block}})
    hash = (hash ^ part) * 0x9e3779b97f4a7c15u + (hash >> 29);
  return hash | 1;
}

}  // namespace

std::uint32_t count_of(const lithos_tpc_set& set) {
  std::uint32_t count = 0;
  for (const std::uint64_t word : set.words)  // mostly 0, and counting is a call on the oldest processors we build for
    if (word != 0) count += static_cast<std::uint32_t>(std::popcount(word));
  return count;
}

TenantTracks::TenantTracks(TraceWriter& out, std::string name, int rank)
    : out_(out),
      name_(std::move(name)),
      group_(out.process("tenant " + name_, rank)),
      events_(out.track(group_, "events", kEventsRank)),
      announced_(out.track(group_, "operators", kOperatorsRank)),
      requests_(group_, "requests", kRequestsRank),
      own_(out.counter(group_, "own TPCs", "TPCs", kOwnRank)),
      usable_(out.counter(group_, "TPCs it may use while their owners are idle", "TPCs", kUsableRank)) {}

TenantTracks::Queue& TenantTracks::queue(std::uint32_t number) {
  const auto known = queues_.find(number);
  if (known != queues_.end()) return known->second;
  const std::string name = "queue " + std::to_string(number);
  const int rank = kQueueRank + 2 * static_cast<int>(queues_.size());
  Queue fresh;
  fresh.submits = out_.track(group_, name + ": submitted", rank);
  fresh.runs = Lanes(group_, name + ": running", rank + 1);
  return queues_.emplace(number, std::move(fresh)).first->second;
}

const std::string& TenantTracks::operator_name(std::uint64_t op_id) {
  std::string& name = operators_[op_id];
  if (name.empty()) name = "operator " + std::to_string(op_id);
  return name;
}

void TenantTracks::joined(const lithos_event& event) {
  const auto& tenant = event.as.tenant;
  arguments_.assign(
      {{"class", tenant.tenant_class, {}}, {"quota_tpcs", tenant.quota_tpcs, {}}, {"slo_ns", tenant.slo_ns, {}}});
  out_.instant(events_, event.time_ns, "joined", arguments_);
}

// With what is needed to run it again (lithos trace convert).
void TenantTracks::announce(const lithos_event& event) {
  const auto& op = event.as.op;
  std::string& name = operators_[op.op_id];
  if (!name.empty() && name == op.name) return;
  name = op.name;
  arguments_.assign({{"operator", op.op_id, {}},
                     {"blocks", op.blocks, {}},
                     {"min_tpcs", op.min_tpcs, {}},
                     {"flags", op.flags, {}},
                     {"nodes", op.nodes, {}},
                     {"threads_per_block", op.threads_per_block, {}},
                     {"registers_per_thread", op.registers_per_thread, {}},
                     {"shared_bytes", op.shared_bytes, {}},
                     {"cluster_blocks", op.cluster_blocks, {}}});
  out_.instant(announced_, event.time_ns, operator_name(op.op_id), arguments_);
}

void TenantTracks::atom(const lithos_event& event) {
  const auto& atom = event.as.atom;
  std::uint64_t from_ns =
      atom.started_ns != 0 ? atom.started_ns : event.time_ns - std::min(event.time_ns, atom.duration_ns);
  const std::uint64_t to_ns = atom.ended_ns != 0 ? atom.ended_ns : event.time_ns;
  if (from_ns > to_ns) return;
  Queue& on = queue(atom.queue);
  const TrackId track = on.runs.place(out_, from_ns, to_ns);
  if (track == 0) return;
  const std::string& name = operator_name(atom.op_id);
  const bool has_submit = atom.submitted_ns != 0 && atom.node <= 1;
  const std::uint64_t flow = has_submit ? flow_of(event.tenant_id, atom) : 0;
  if (has_submit) {
    arguments_.assign({{"launch", atom.launch_id, {}}});
    if (atom.queued_ns != 0 && atom.submitted_ns > atom.queued_ns)
      arguments_.push_back({"queued_for_ns", atom.submitted_ns - atom.queued_ns, {}});
    // The host knows of a submission when its record arrives, which for a short kernel may be after its start.
    out_.instant(on.submits, std::min(atom.submitted_ns, from_ns),
                 atom.graph_id != 0 ? operator_name(atom.graph_id) : name, arguments_, {flow, 0});
  }
  arguments_.assign({{"outcome", 0, lithos_outcome_name(atom.outcome)},
                     {"launch", atom.launch_id, {}},
                     {"operator", atom.op_id, {}},
                     {"first_block", atom.first_block, {}},
                     {"block_count", atom.block_count, {}},
                     {"blocks", atom.blocks, {}},
                     {"tpcs", count_of(atom.tpcs), {}},
                     {"predicted_ns", atom.predicted_ns, {}}});
  if (atom.node != 0) arguments_.push_back({"node", atom.node, {}});
  out_.slice(track, from_ns, to_ns, name, arguments_, {0, flow});
}

void TenantTracks::request(const lithos_event& event) {
  const auto& request = event.as.request;
  std::uint64_t from_ns = event.time_ns - std::min(event.time_ns, request.latency_ns);
  const TrackId track = requests_.place(out_, from_ns, event.time_ns);
  if (track == 0) return;
  const bool late = request.slo_ns != 0 && request.latency_ns > request.slo_ns;
  arguments_.assign({{"latency_ns", request.latency_ns, {}}});
  if (request.slo_ns != 0) arguments_.push_back({"slo_ns", request.slo_ns, {}});
  out_.slice(track, from_ns, event.time_ns, late ? "request, too late" : "request", arguments_);
}

void TenantTracks::waiting(const lithos_event& event) {
  const auto& waiting = event.as.waiting;
  arguments_.assign({{"launch", waiting.launch_id, {}},
                     {"needs_tpcs", waiting.min_tpcs, {}},
                     {"for_ns", event.time_ns - std::min(event.time_ns, waiting.since_ns), {}}});
  out_.instant(events_, event.time_ns, "waits for TPCs: " + operator_name(waiting.op_id), arguments_);
}

void TenantTracks::lease(const lithos_event& event, std::uint64_t every_ns) {
  const auto& lease = event.as.lease;
  lithos_tpc_set usable = lease.own;
  for (std::size_t word = 0; word < LITHOS_TPC_WORDS; ++word) usable.words[word] |= lease.usable_idle.words[word];
  own_.set(out_, event.time_ns, count_of(lease.own), every_ns);
  usable_.set(out_, event.time_ns, count_of(usable), every_ns);
}

void TenantTracks::instant(std::uint64_t at_ns, const std::string& text) { out_.instant(events_, at_ns, text); }

void TenantTracks::add_to_window(const lithos_event& event, std::uint64_t window_ns) {
  const auto& atom = event.as.atom;
  if (window_.atoms > 0 && event.time_ns >= window_.start_ns + window_ns) close_window();
  if (window_.atoms == 0) window_.start_ns = std::max(event.time_ns - event.time_ns % window_ns, window_written_ns_);
  window_.end_ns = window_.start_ns + window_ns;
  const std::uint64_t tpc_ns = atom.duration_ns * count_of(atom.tpcs);
  ++window_.atoms;
  window_.tpc_ns += tpc_ns;
  window_.by_operator[atom.op_id] += tpc_ns;
}

void TenantTracks::close_window() {
  if (window_.atoms == 0) return;
  if (windows_ == 0) {
    windows_ = out_.track(group_, "summed up", kWindowsRank);
    window_tpcs_ = out_.counter(group_, "TPCs at work, mean of the window", "TPCs", kWindowsRank + 1);
  }
  const auto heaviest = std::max_element(window_.by_operator.begin(), window_.by_operator.end(),
                                         [](const auto& a, const auto& b) { return a.second < b.second; });
  arguments_.assign({{"atoms", window_.atoms, {}},
                     {"tpc_ns", window_.tpc_ns, {}},
                     {"operators", window_.by_operator.size(), {}},
                     {"heaviest_tpc_ns", heaviest->second, {}}});
  out_.slice(windows_, window_.start_ns, window_.end_ns, operator_name(heaviest->first), arguments_);
  out_.value(window_tpcs_, window_.start_ns,
             static_cast<double>(window_.tpc_ns) / static_cast<double>(window_.end_ns - window_.start_ns));
  window_written_ns_ = window_.end_ns;
  window_.atoms = window_.tpc_ns = 0;
  window_.by_operator.clear();
}

}  // namespace lithos_perfetto
