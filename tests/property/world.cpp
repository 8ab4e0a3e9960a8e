// SPDX-License-Identifier: Apache-2.0
#include "property/world.hpp"

#include <algorithm>

namespace lithos::test {
namespace {

constexpr Nanoseconds kMillisecond{1'000'000};
constexpr Nanoseconds kTooLong{60'000'000'000};  // a case that has not ended by then hangs
constexpr std::uint32_t kNewcomer = 1000;         // slot of events that concern nobody yet
constexpr std::uint32_t kLostInARowAtMost = 3;   // silence of five milliseconds must mean something (co_residency.hpp)

}  // namespace

// ---- the tenant's port ----

const OperatorDecision* Port::decision(OperatorId op) {
  const auto found = decisions.find(op);
  return found == decisions.end() ? nullptr : &found->second;
}

PressureWord Port::pressure_of(TenantId lender) {
  const auto found = seen.words.find(value_of(lender));
  return found == seen.words.end() ? PressureWord{} : found->second;
}

void Port::publish_pressure(const PressureWord& word) {
  World& w = world_;
  w.words_.push_back({slot_, word});
  World::Member& me = w.members_.at(slot_);
  me.word_time = std::max(me.word_time, w.now_ + w.dice_.time(0, w.delay_ns_));
  w.post(me.word_time, World::What::pressure, slot_, static_cast<std::uint32_t>(w.words_.size() - 1));
}

void Port::push(const Record& record) {
  World& w = world_;
  w.checker_.recorded(record, seen, w.config_.starvation_limit, w.now_);
  World::Member& me = w.members_.at(slot_);
  const bool lost = w.dice_.chance(w.loss_percent_) && me.lost_in_a_row < kLostInARowAtMost;
  me.lost_in_a_row = lost ? me.lost_in_a_row + 1 : 0;
  if (lost) return;
  w.records_.push_back(record);
  const auto index = static_cast<std::uint32_t>(w.records_.size() - 1);
  const Nanoseconds at = w.now_ + w.dice_.time(0, w.dice_.chance(w.reorder_percent_) ? 20 * w.delay_ns_ : w.delay_ns_);
  w.post(at, World::What::record, slot_, index);
  if (w.dice_.chance(w.double_percent_)) w.post(at + w.dice_.time(0, 10 * w.delay_ns_), World::What::record, slot_, index);
}

// ---- making the case ----

World::World(std::uint64_t seed) : dice_(seed), checker_(gpu_) {
  make_gpu();
  make_kernels();
  const std::uint32_t delays[] = {0, 500, 5'000, 60'000};
  delay_ns_ = delays[dice_.below(4)];
  if (dice_.chance(50)) loss_percent_ = dice_.between(1, 20);
  if (dice_.chance(50)) double_percent_ = dice_.between(1, 20);
  if (dice_.chance(50)) reorder_percent_ = dice_.between(1, 20);
  swaps_ = dice_.chance(20);
  garbage_ = dice_.chance(20);
  leave_percent_ = dice_.chance(30) ? 50 : 0;
  config_.starvation_limit = dice_.time(2'000'000, 20'000'000);
  config_.masked = !dice_.chance(3);
  const auto manner = static_cast<Manner>(dice_.below(kManners));
  sets_.push_back(make_policies(manner, dice_.chance(40), gpu_, dice_.bits()));
  engine_ = std::make_unique<Engine>(gpu_, config_, *sets_.back().set, *this);
  joins_left_ = dice_.between(1, 4);
  const std::uint32_t at_once = std::min(joins_left_, dice_.between(1, 4));
  for (std::uint32_t i = 0; i < at_once; ++i) join();
}

World::~World() = default;

void World::make_gpu() {
  gpu_.name = "small";
  gpu_.gpcs = dice_.between(1, 3);
  for (std::uint16_t g = 0; g < gpu_.gpcs; ++g) {
    const std::uint32_t size = dice_.between(1, 5);
    for (std::uint32_t i = 0; i < size; ++i) gpu_.gpc_of_tpc.push_back(g);
  }
  for (std::uint32_t i = dice_.below(3); i > 0; --i) gpu_.gpc_of_tpc.push_back(kNoGpc);
  gpu_.tpcs = static_cast<unsigned>(gpu_.gpc_of_tpc.size());
  for (std::uint16_t t = 0; t < gpu_.tpcs; ++t) gpu_.mask_bit_of_tpc.push_back(t);
  gpu_.clocks_mhz = {1980, 1500, 1000};
}

void World::make_kernels() {
  KernelRules rules;
  rules.rules.push_back({"free", KernelNature::independent, false, ""});
  rules.rules.push_back({"tiles", KernelNature::independent, true, ""});
  rules.rules.push_back({"wait", KernelNature::co_resident, false, ""});
  rules.rules.push_back({"nccl", KernelNature::never_touch, false, ""});
  const char* names[] = {"free", "free", "free", "tiles", "wait", "nccl", "unknown", "unknown"};
  unsigned widest_gpc = 0;
  for (unsigned g = 0; g < gpu_.gpcs; ++g) widest_gpc = std::max(widest_gpc, gpu_.gpc(g).count());
  const std::uint32_t count = dice_.between(3, 8);
  for (std::uint32_t i = 0; i < count; ++i) {
    KernelShape shape;
    shape.name = names[dice_.below(8)] + std::to_string(i);
    const std::uint32_t threads[] = {64, 256, 1024};
    shape.block = {threads[dice_.below(3)], 1, 1};
    shape.registers_per_thread = dice_.between(16, 64);
    shape.shared_bytes = dice_.chance(40) ? 200'000 : 0;  // one block per SM
    std::uint32_t cluster = 1;
    if (dice_.chance(30)) cluster = std::min(1u << dice_.between(1, 3), 2 * widest_gpc);
    shape.cluster = {cluster, 1, 1};
    const std::uint32_t limits[] = {4, 40, 2000};
    shape.grid = {dice_.between(1, limits[dice_.below(3)]) * cluster, 1, 1};
    shape.launch_special = dice_.chance(5);
    kernels_.push_back(make_kernel_info(shape, gpu_, gpu_.tpcs, rules));
  }
  for (std::uint32_t i = dice_.below(3); i > 0; --i) {
    std::vector<const KernelInfo*> nodes;
    for (std::uint32_t n = dice_.between(1, 4); n > 0; --n) nodes.push_back(&kernels_[dice_.below(count)]);
    graphs_.push_back(make_graph_info("graph" + std::to_string(i), nodes));
  }
}

void World::join() {
  if (joins_left_ == 0) return;
  --joins_left_;
  TenantSpec spec;
  spec.name = "tenant" + std::to_string(lives_);
  spec.tenant_class = static_cast<TenantClass>(dice_.between(1, 3));
  spec.quota_tpcs = dice_.chance(40) ? 0 : dice_.below(gpu_.tpcs + 1);
  spec.slo = dice_.time(0, 1'000'000);
  spec.tolerates = dice_.time(0, 1'000'000);
  joining_ = true;
  Result<TenantId> joined = engine_->join(spec, now_);
  if (!joined.ok()) {
    spec.quota_tpcs = 0;
    joined = engine_->join(spec, now_);
  }
  const std::uint32_t slot = value_of(joined.value());
  Member& member = members_[slot];
  // A lease published from inside join() found no port yet.
  std::unique_ptr<Port> port = std::move(member.port);
  member = {};
  member.port = port ? std::move(port) : std::make_unique<Port>(*this, slot);
  member.life = ++lives_;
  joining_ = false;
  checker_.joined(slot, engine_->own_tpcs(joined.value()));
  for (const auto& [to, lease] : joining_leases_) checker_.lease_published(to, lease);
  joining_leases_.clear();
  ExecutorConfig config;
  config.tenant = joined.value();
  config.max_atoms_in_flight = dice_.between(1, 64);
  config.submit_ahead = Nanoseconds{20'000};
  member.executor = std::make_unique<Executor>(gpu_, config, *this, *member.port);
  member.queues = dice_.between(1, 3);
  member.launches_left = dice_.between(1, 12);
  const bool inline_tenant = dice_.chance(40);
  for (std::uint32_t q = 0; q < member.queues; ++q) {
    const LaunchPath path = inline_tenant || dice_.chance(10) ? LaunchPath::inline_path : LaunchPath::queued_path;
    member.paths[q] = path;
    member.executor->add_queue(QueueId{q}, path);
    engine_->queue_added(joined.value(), QueueId{q}, now_);
  }
  for (std::uint32_t i = 0; i < kernels_.size(); ++i) {
    if (!dice_.chance(60) && !(i + 1 == kernels_.size() && member.kernels.empty())) continue;
    member.kernels.push_back(i);
    engine_->register_kernel(joined.value(), kernels_[i], now_);
  }
  for (std::uint32_t i = 0; i < graphs_.size(); ++i) {
    if (!dice_.chance(50)) continue;
    member.graphs.push_back(i);
    engine_->register_graph(joined.value(), graphs_[i], now_);
  }
  for (const auto& [other, them] : members_)  // the words that are up already
    if (other != slot && them.port && member.life != 0) {
      const auto found = them.port->seen.words.find(other);
      if (found != them.port->seen.words.end()) member.port->seen.words[other] = found->second;
    }
  post(now_ + dice_.time(0, 100'000), What::program, slot);
  wake_engine();
}

void World::post(Nanoseconds at, What what, std::uint32_t slot, std::uint32_t index) {
  const auto member = members_.find(slot);
  events_.push({at, ++order_, what, slot, member == members_.end() ? 0 : member->second.life, index});
}

// ---- the device: each queue in order, everything at its own pace ----

Nanoseconds World::duration(const KernelInfo&) {
  const std::uint32_t lengths[] = {5'000, 50'000, 500'000, 3'000'000};
  return dice_.time(1'000, lengths[dice_.below(dice_.chance(20) ? 4u : 3u)]);
}

Status World::submit(const AtomSubmission& atom) {
  checker_.submitted(atom, now_);
  Work work;
  work.completion = {atom.tenant, atom.queue, atom.launch, atom.first_block, atom.block_count, 0, {}, {}};
  work.length = duration(*atom.kernel);
  auto& fifo = members_.at(value_of(atom.tenant)).device[value_of(atom.queue)];
  fifo.push_back(work);
  if (fifo.size() == 1) start(value_of(atom.tenant), value_of(atom.queue));
  return {};
}

Status World::submit_graph(const GraphSubmission& graph) {
  checker_.submitted(graph, now_);
  Work work;
  work.completion = {graph.tenant, graph.queue, graph.launch, 0, 0, 0, {}, {}};
  work.nodes = static_cast<std::uint32_t>(graph.graph->nodes.size());
  work.length = duration(*graph.graph->nodes.front());
  auto& fifo = members_.at(value_of(graph.tenant)).device[value_of(graph.queue)];
  fifo.push_back(work);
  if (fifo.size() == 1) start(value_of(graph.tenant), value_of(graph.queue));
  return {};
}

void World::start(std::uint32_t slot, std::uint32_t queue) {
  Work& work = members_.at(slot).device[queue].front();
  work.completion.started = now_;
  post(now_ + work.length, What::device, slot, queue);
}

void World::device_event(std::uint32_t slot, std::uint32_t queue) {
  auto& fifo = members_.at(slot).device[queue];
  Work& work = fifo.front();
  work.completion.completed = now_;
  if (work.nodes > 0) work.completion.node = ++work.node;
  const bool done = work.node == work.nodes;
  if (done) checker_.device_done(work.completion);
  completions_.push_back(work.completion);
  Member& member = members_.at(slot);
  // Completions are memory, not messages: seen late, but in order.
  member.channel_time = std::max(member.channel_time, now_ + dice_.time(0, 4'000));
  post(member.channel_time, What::completion, slot, static_cast<std::uint32_t>(completions_.size() - 1));
  if (done) fifo.pop_front();
  if (!fifo.empty()) start(slot, queue);
}

// ---- the engine's side of the transport ----

void World::publish_lease(TenantId tenant, const Lease& lease) {
  const std::uint32_t slot = value_of(tenant);
  const auto member = members_.find(slot);
  if (joining_) joining_leases_.emplace_back(slot, lease);  // the checker does not know the new tenant yet
  else checker_.lease_published(slot, lease);
  if (member == members_.end() || member->second.executor == nullptr) {  // from inside join(): its first
    Member& fresh = members_[slot];
    fresh.port = std::make_unique<Port>(*this, slot);
    fresh.port->seen.lease = lease;
    return;
  }
  leases_.push_back(lease);
  post(now_ + dice_.time(0, delay_ns_), What::lease, slot, static_cast<std::uint32_t>(leases_.size() - 1));
}

void World::publish_operator(TenantId tenant, OperatorId op, const OperatorDecision& decision) {
  decisions_.emplace_back(op, decision);
  post(now_ + dice_.time(0, delay_ns_), What::decision, value_of(tenant), static_cast<std::uint32_t>(decisions_.size() - 1));
}

void World::wake_engine() {
  const Nanoseconds next = std::max(engine_->next_timer(), now_ + Nanoseconds{1});
  if (next >= engine_at_ && engine_at_ > now_) return;
  engine_at_ = next;
  post(next, What::engine, 0);
}

void World::garbage_record() {
  Record record;
  record.kind = static_cast<RecordKind>(dice_.below(8));
  record.coverage = static_cast<Coverage>(dice_.below(16));
  record.pressure = static_cast<Pressure>(dice_.below(5));
  record.tenant = TenantId{dice_.chance(50) ? static_cast<std::uint32_t>(dice_.bits()) : dice_.below(6)};
  record.queue = QueueId{dice_.below(4)};
  record.op = dice_.chance(50) ? kernels_[dice_.below(static_cast<std::uint32_t>(kernels_.size()))].id : OperatorId{dice_.bits()};
  record.launch = LaunchId{dice_.bits() >> dice_.below(64)};
  record.first_block = dice_.below(3000);
  record.block_count = dice_.below(3000);
  record.node = dice_.below(6);
  for (unsigned w = 0; w < TpcSet::kWords; ++w) record.tpcs.words()[w] = dice_.bits();
  record.at = Nanoseconds{static_cast<std::int64_t>(dice_.bits())};
  record.started = Nanoseconds{static_cast<std::int64_t>(dice_.bits())};
  record.predicted = Nanoseconds{static_cast<std::int64_t>(dice_.bits())};
  if (value_of(record.tenant) >= 64) record.sequence = dice_.bits();  // a tenant's own ring does not lie about its order
  engine_->on_record(record, now_);
}

// ---- programs ----

void World::launch(std::uint32_t slot, std::uint32_t queue) {
  Member& member = members_.at(slot);
  const LaunchPath path = member.paths.at(queue);
  Checker::Launched launched;
  launched.id = LaunchId{++member.last_launch};
  const bool graph = !member.graphs.empty() && dice_.chance(path == LaunchPath::inline_path ? 50 : 10);
  if (graph) launched.graph = &graphs_[member.graphs[dice_.below(static_cast<std::uint32_t>(member.graphs.size()))]];
  else launched.kernel = &kernels_[member.kernels[dice_.below(static_cast<std::uint32_t>(member.kernels.size()))]];
  checker_.launching(slot, QueueId{queue}, path, launched, now_);
  if (graph) (void)member.executor->launch_graph(QueueId{queue}, *launched.graph, now_);
  else (void)member.executor->launch(QueueId{queue}, *launched.kernel, now_);
}

void World::program_step(std::uint32_t slot) {
  Member& member = members_.at(slot);
  if (member.launches_left == 0) {  // wait for all of it, then leave or stay silent
    if (member.executor->waiting_launches() + member.executor->atoms_in_flight() > 0) {
      post(now_ + kMillisecond / 2, What::program, slot);
      return;
    }
    for (std::uint32_t q = 0; q < member.queues; ++q) member.executor->synchronised(QueueId{q}, now_);
    member.finished = !dice_.chance(leave_percent_);
    if (member.finished) return;
    checker_.left(slot);
    engine_->leave(TenantId{slot}, now_);
    member.executor.reset();
    member.life = 0;
    ++joins_coming_;
    post(now_ + dice_.time(0, 3'000'000), What::program, kNewcomer);  // somebody else comes
    return;
  }
  --member.launches_left;
  const std::uint32_t queue = dice_.below(member.queues);
  launch(slot, queue);
  if (dice_.chance(3)) {
    checker_.flushed(slot, QueueId{queue});
    member.executor->flush(QueueId{queue}, now_);
  }
  rest(slot);
  const std::uint32_t gaps[] = {0, 2'000, 100'000, 3'000'000};
  post(now_ + dice_.time(0, gaps[dice_.below(4)]), What::program, slot);
}

// After any call into an executor.
void World::rest(std::uint32_t slot) {
  Member& member = members_.at(slot);
  checker_.at_rest(slot, member.port->seen, config_.starvation_limit + kMillisecond, now_);
  const Nanoseconds next = member.executor->next_poke();
  if (next == kNever || (member.poke_at > now_ && member.poke_at <= next)) return;
  member.poke_at = std::max(next, now_ + Nanoseconds{1});
  post(member.poke_at, What::poke, slot);
}

void World::handle(const Event& event) {
  if (event.what == What::engine) {
    if (event.at == engine_at_) engine_->on_timer(now_);
    if (swaps_ && dice_.chance(5) && sets_.size() < 4) {
      sets_.push_back(make_policies(static_cast<Manner>(dice_.below(kManners)), dice_.chance(40), gpu_, dice_.bits()));
      engine_->set_policies(*sets_.back().set, now_);
    }
    return;
  }
  if (event.what == What::program && event.slot == kNewcomer) {
    --joins_coming_;
    return join();
  }
  if (event.what == What::record) {
    engine_->on_record(records_[event.index], now_);  // late ones of a former tenant too
    if (garbage_ && dice_.chance(10)) garbage_record();
    return;
  }
  Member& member = members_.at(event.slot);
  if (member.life != event.life || member.executor == nullptr) return;
  switch (event.what) {
    case What::program: return program_step(event.slot);
    case What::device: return device_event(event.slot, event.index);
    case What::completion:
      checker_.completion_seen(completions_[event.index], now_);
      member.executor->on_completed(completions_[event.index], now_);
      return rest(event.slot);
    case What::lease:
      if (leases_[event.index].generation > member.port->seen.lease.generation) member.port->seen.lease = leases_[event.index];
      member.executor->poke(now_);
      return rest(event.slot);
    case What::decision: member.port->decisions[decisions_[event.index].first] = decisions_[event.index].second; return;
    case What::pressure:
      for (auto& [slot, other] : members_) {
        if (slot == event.slot || other.executor == nullptr) continue;
        other.port->seen.words[words_[event.index].lender] = words_[event.index].word;
        other.executor->poke(now_);
        rest(slot);
      }
      return;
    case What::poke:
      if (event.at != member.poke_at) return;
      member.poke_at = kNever;
      member.executor->poke(now_);
      return rest(event.slot);
    case What::record:
    case What::engine: return;
  }
}

// With nothing more to do and nothing more said, the engine's books are empty after a while, whatever was lost.
std::string World::check_healed() {
  const Nanoseconds delivered = now_ + Nanoseconds{100'000'000};
  while (!events_.empty() && events_.top().at < delivered) {
    const Event event = events_.top();
    events_.pop();
    now_ = event.at;
    handle(event);
    wake_engine();
  }
  const Nanoseconds end = now_ + Nanoseconds{4'000'000'000};
  // The ageing rules look every few milliseconds; a stride keeps the test fast.
  for (; now_ < end; now_ += Nanoseconds{40'000'000}) engine_->on_timer(now_);
  const LastView& last = *sets_.back().last;
  if (last.decisions == 0) return "the policy is never asked";
  if (last.inflight > 0) return "the engine believes for ever that something is in flight";
  if (last.queued > 0) return "the engine believes for ever that something is queued";
  if (last.not_idle > 0) return "the engine believes for ever that a tenant is busy";
  return {};
}

std::string World::run() {
  while (!events_.empty()) {
    const Event event = events_.top();
    events_.pop();
    now_ = event.at;
    if (now_ > kTooLong) return "hangs: " + checker_.unfinished();
    handle(event);
    if (!checker_.ok()) return checker_.failure();
    const bool quiet = std::all_of(members_.begin(), members_.end(), [](const auto& entry) {
      return entry.second.executor == nullptr || entry.second.finished;
    });
    if (quiet && joins_coming_ == 0) break;
    wake_engine();
  }
  if (!checker_.all_done()) return "work is left and nothing happens any more: " + checker_.unfinished();
  const std::string ill = check_healed();
  return checker_.ok() ? ill : checker_.failure();
}

}  // namespace lithos::test
