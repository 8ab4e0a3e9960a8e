// SPDX-License-Identifier: Apache-2.0
#include "daemon/engine_room.hpp"

#include <algorithm>
#include <cmath>

#include "daemon/clock.hpp"
#include "daemon/engine_room_impl.hpp"

namespace lithos {
namespace {

constexpr unsigned kRecordsPerTurn = 256;  // of one tenant, then it is the next one's turn
constexpr unsigned kSubmissionsPerTurn = 64;
constexpr Nanoseconds kQuietAfter{100'000'000};  // nothing heard for so long and nothing running: no timers either
constexpr Nanoseconds kPowerSampleEvery{10'000'000};

// Kernels that ran, the costliest first; a graph's cost is that of its kernels.
std::vector<OperatorReport> costliest(std::vector<OperatorReport> operators, std::size_t most) {
  std::erase_if(operators, [](const OperatorReport& op) { return op.graph || op.totals.ns == 0; });
  std::sort(operators.begin(), operators.end(),
            [](const auto& a, const auto& b) { return a.totals.tpc_ns > b.totals.tpc_ns; });
  if (operators.size() > most) operators.resize(most);
  return operators;
}

}  // namespace

EngineRoom::EngineRoom(const EngineRoomConfig& config, std::shared_ptr<PolicySet> policies, int wake_event)
    : config_(config),
      policies_(std::move(policies)),
      wake_event_(wake_event),
      engine_(config_.gpu, config_.engine, *policies_, port_),
      device_(config_.gpu, config_.sharing,
              [this](const Record& orphan, std::uint32_t incarnation) { on_orphan(orphan, incarnation); }),
      registry_(config_.gpu, config_.rules,
                [this](const KernelInfo& kernel, TimeCurve curve) { device_.add_kernel(kernel, std::move(curve)); }) {
  port_.on_lease = config_.on_lease;
}

EngineRoom::~EngineRoom() = default;

// What a tenant left running. Of a piece whose tenant died between giving it to the device and saying so the engine knows nothing:
// it may have given the slot away by now, to somebody whom this end does not concern.
void EngineRoom::on_orphan(const Record& orphan, std::uint32_t incarnation) {
  const std::uint32_t slot = value_of(orphan.tenant);
  if (incarnation != tenancy_[slot] || !engine_.knows(orphan.tenant)) return;
  Record record = orphan;
  record.sequence = ++last_sequence_[slot];
  engine_.on_record(record, record.at);
  end_if_over(orphan.tenant, record.at);
}

// Of a tenant that has gone and worked on the virtual device: once nothing of it runs there, what the engine still takes for running has ended,
// and nobody was left to say so. (Of work on a GPU the device knows nothing: then a second of silence must do.)
void EngineRoom::end_if_over(TenantId tenant, Nanoseconds now) {
  if (device_.in_flight(tenant) > 0 || !engine_.knows(tenant)) return;
  Record idle;
  idle.kind = RecordKind::pressure;
  idle.pressure = Pressure::idle;
  idle.tenant = tenant;
  idle.sequence = ++last_sequence_[value_of(tenant)];
  idle.at = now;
  engine_.on_record(idle, now);
}

// A kernel is registered by the socket, which busy steps do not look at, before the ring names it.
bool EngineRoom::names_unread(const Record& record) const {
  return record.op != OperatorId{} && !engine_.knows(record.tenant, record.op) && engine_.knows(record.tenant);
}

// True: there may be more.
bool EngineRoom::drain(Session& session, Nanoseconds now) {
  ipc::TenantPeer& peer = *session.peer;
  unsigned submissions = 0, records = 0;
  ipc::WireSubmission submission;
  while (submissions < kSubmissionsPerTurn && peer.take_submission(submission)) {
    ++submissions;
    const auto queue = std::find(session.queues.begin(), session.queues.end(), submission.queue);
    if (queue == session.queues.end()) device_.refuse(peer, submission);
    else
      device_.submit(peer, session.operators, submission, static_cast<std::uint32_t>(queue - session.queues.begin()));
  }
  Record record;
  bool asked = false;  // once a turn: who makes names up must not cost a system call for each
  while (records < kRecordsPerTurn && peer.take_record(config_.gpu.all(), now, record)) {
    ++records;
    if (!asked && !session.parted && names_unread(record)) {
      asked = true;
      session.ends = !hear(session, now);  // not before what it has said here is taken
    }
    last_sequence_[value_of(peer.slot())] = record.sequence;
    engine_.on_record(record, now);
  }
  return submissions + records > 0;
}

// A lender that lets go is news for borrowers that sleep while they wait for its TPCs. (One that presses is not: they
// only look when they submit.)
bool EngineRoom::watch_pressure(Nanoseconds) {
  bool fell = false;
  for (const auto& session : sessions_) {
    if (session->peer == nullptr || session->parted) continue;
    const Pressure now = session->peer->pressure().level;
    fell = fell || now < session->pressure_seen;
    session->pressure_seen = now;
  }
  if (!fell) return false;
  for (const auto& session : sessions_)
    if (session->peer != nullptr && !session->parted) session->peer->ring_bell();
  return true;
}

void EngineRoom::sample_clock(Nanoseconds now) {
  if (next_sample_ > now) return;
  const double energy_j = device_.totals().energy_j;
  const double seconds = std::max(1e-3, to_seconds(now - next_sample_ + kPowerSampleEvery));
  std::uint32_t mhz = device_.clock_mhz();
  double power_w = (energy_j - sampled_energy_j_) / seconds;
  if (config_.power_reading) {
    const auto [read_mhz, read_w] = config_.power_reading();
    if (read_mhz != 0) mhz = read_mhz;
    if (!std::isnan(read_w)) power_w = read_w;
  }
  engine_.on_clock(mhz, power_w, now);
  sampled_energy_j_ = energy_j;
  next_sample_ = now + kPowerSampleEvery;
}

bool EngineRoom::step(Nanoseconds now) {
  bool busy = false;
  device_.advance(now);
  for (const auto& session : sessions_) {
    if (session->peer == nullptr || session->parted) continue;
    if (drain(*session, now)) busy = true;
    if (session->ends) part(*session, now);
  }
  if (busy) last_input_ = now;
  busy = watch_pressure(now) || busy;
  if (!is_quiet(now)) {
    sample_clock(now);
    if (engine_.next_timer() <= now) engine_timer(now);
  }
  if (const std::uint32_t mhz = port_.take_clock_request(); mhz != 0) {
    device_.request_clock(mhz);
    if (config_.set_clock) config_.set_clock(mhz);
  }
  const auto ring = [](ipc::TenantPeer& peer) { peer.ring_bell(); };
  port_.for_each_touched(ring);
  device_.for_each_touched(ring);
  forget_parted();
  return busy;
}

// After an exchange the engine asks the new policies about operators bit by bit: what the longest bit cost is part of
// what decisions saw of the exchange.
void EngineRoom::engine_timer(Nanoseconds now) {
  if (!engine_.has_stale_operators()) return engine_.on_timer(now);
  const Nanoseconds began = monotonic_now();
  engine_.on_timer(now);
  longest_refresh_ = std::max(longest_refresh_, monotonic_now() - began);
}

// Nobody works and nobody has said anything for a while: the engine's own clockwork may stand still, too.
bool EngineRoom::is_quiet(Nanoseconds now) const {
  return device_.idle() && now - last_input_ > kQuietAfter && !engine_.has_stale_operators() &&
         std::all_of(sessions_.begin(), sessions_.end(),
                     [](const auto& s) { return s->pressure_seen == Pressure::idle; });
}

Nanoseconds EngineRoom::next(Nanoseconds now) const {
  if (is_quiet(now)) return kNever;
  return std::min(device_.next_event(), engine_.next_timer());
}

bool EngineRoom::about_to_sleep() {
  for (const auto& session : sessions_)
    if (session->peer != nullptr) session->peer->daemon_sleeps();
  for (const auto& session : sessions_) {
    if (session->peer == nullptr || !session->peer->has_input()) continue;
    awake();
    return false;
  }
  return true;
}

void EngineRoom::awake() {
  for (const auto& session : sessions_)
    if (session->peer != nullptr) session->peer->daemon_awake();
}

std::shared_ptr<PolicySet> EngineRoom::exchange_policies(std::shared_ptr<PolicySet> next, Nanoseconds now) {
  std::shared_ptr<PolicySet> before = std::exchange(policies_, std::move(next));
  engine_.set_policies(*policies_, now);
  longest_refresh_ = Nanoseconds{0};
  ++generation_;
  return before;
}

void EngineRoom::set_tenants(std::vector<TenantConfig> tenants, PolicySetConfig set) {
  config_.tenants = std::move(tenants);
  config_.set = std::move(set);
}

std::vector<SessionReport> EngineRoom::sessions(std::size_t operators) const {
  std::vector<SessionReport> reports;
  EngineSnapshot snapshot;
  const Nanoseconds now = monotonic_now();
  engine_.snapshot(now, snapshot);
  for (const auto& session : sessions_) {
    if (session->peer == nullptr || session->parted) continue;
    const ipc::TenantPeer& peer = *session->peer;
    const Lease& lease = port_.lease_of(peer.slot());
    SessionReport report;
    report.name = session->spec.name;
    report.tenant_class = session->spec.tenant_class;
    report.slot = value_of(peer.slot());
    report.incarnation = peer.incarnation();
    report.pid = session->pid;
    report.quota_tpcs = session->spec.quota_tpcs;
    report.own = engine_.own_tpcs(peer.slot());
    report.leased = lease.own | lease.unowned | lease.borrowed[0] | lease.borrowed[1] | lease.borrowed[2];
    report.working = device_.working(peer.slot());
    report.slo = session->spec.slo;
    for (const TenantSnapshot& known : snapshot.tenants) {
      if (!known.present || known.slot != report.slot) continue;
      const LogHistogram recent = session->latencies.recent(known.statistics.request_latency, now);
      report.latency_p50 = recent.quantile(0.5);
      report.latency_p99 = recent.quantile(0.99);
      report.slo_attainment = known.attainment;
      report.queued = known.queued;
    }
    report.pressure = peer.pressure().level;
    report.device_in_flight = device_.in_flight(peer.slot());
    report.counters = engine_.counters(peer.slot());
    if (operators > 0) report.operators = costliest(engine_.operators(peer.slot()), operators);
    report.link = peer.counters();
    report.records_dropped = peer.records_dropped();
    reports.push_back(std::move(report));
  }
  return reports;
}

}  // namespace lithos
