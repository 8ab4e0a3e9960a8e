// SPDX-License-Identifier: Apache-2.0
#include "executor/executor.hpp"

#include <algorithm>
#include <memory>
#include <vector>

#include "engine/flat_map.hpp"
#include "engine/tpc_map.hpp"
#include "executor/admission.hpp"
#include "executor/launch_queue.hpp"
#include "executor/reporter.hpp"

namespace lithos {
namespace {

constexpr Nanoseconds kPollPressure{100'000};    // a lender's word may have changed without anybody telling us
constexpr Nanoseconds kRetryDevice{10'000};      // after the device had no room
constexpr std::uint32_t kRepeats = 5;            // … so often after nothing spins any more

}  // namespace

struct Executor::Impl {
  Impl(const GpuShape& gpu, const ExecutorConfig& executor_config, Device& to, TenantPort& tenant_port)
      : config(executor_config), map(gpu), device(to), port(tenant_port), admission(map, config, port), reporter(config, port) {}

  LaunchQueue* find(QueueId id) {
    const std::uint32_t index = queue_index.find(value_of(id));
    return index == FlatMap::kAbsent ? nullptr : queues[index].get();
  }
  Result<LaunchId> launch(QueueId id, const KernelInfo* kernel, const GraphInfo* graph, Nanoseconds now);
  void pump(LaunchQueue& queue, Nanoseconds now);
  void pump_all(Nanoseconds now);
  bool stopped(LaunchQueue& queue, const Verdict& verdict, Nanoseconds now);
  Status submit(LaunchQueue& queue, const Verdict& verdict, Nanoseconds now);
  Status give_to_device(const LaunchQueue& queue, const WaitingLaunch& head, const Verdict& verdict);
  void went(LaunchQueue& queue, const Verdict& verdict, Nanoseconds now);
  void drop_head(LaunchQueue& queue, Nanoseconds now);
  void landed(LaunchQueue& queue, Nanoseconds now);
  bool complete_head(LaunchQueue& queue, const Completion& completion, Nanoseconds now);
  void settle(Nanoseconds now);
  Outstanding outstanding() const;
  void refresh_spinning();

  ExecutorConfig config;
  TpcMap map;
  Device& device;
  TenantPort& port;
  Admission admission;
  Reporter reporter;
  std::vector<std::unique_ptr<LaunchQueue>> queues;
  FlatMap queue_index;
  std::uint64_t last_launch = 0, last_order = 0;
  std::uint32_t waiting = 0;   // launches, over all queues
  std::uint32_t inflight = 0;  // atoms and graphs
  std::uint32_t spinning_launches = 0;
  std::uint32_t repeats_left = 0;
  std::uint32_t next_queue = 0;  // round robin, so that no queue always comes last
  Status last_failure;
  Outstanding borrowed;  // `running` is filled in when asked for
};

Result<LaunchId> Executor::Impl::launch(QueueId id, const KernelInfo* kernel, const GraphInfo* graph, Nanoseconds now) {
  LaunchQueue* queue = find(id);
  if (queue == nullptr || queue->removed) return invalid_argument("launch on a queue that was never added, or is removed");
  if (queue->waiting.full()) return exhausted("too many launches wait in this queue");
  const bool behind = reporter.launching(queue->path, waiting + inflight > 0, now);
  if (graph != nullptr || queue->next_ordinal == 0) admission.request_begins(behind);
  WaitingLaunch fresh;
  fresh.id = LaunchId{++last_launch};
  fresh.kernel = kernel;
  fresh.graph = graph;
  fresh.ordinal = queue->next_ordinal++;
  if (kernel != nullptr) fresh.context = std::exchange(queue->last_context, context_of(kernel->id));
  queue->waiting.push_back(fresh);
  ++waiting;
  if (queue->path == LaunchPath::queued_path) reporter.queued(id, fresh, now);
  if (queue->waiting.size() > 1) return fresh.id;  // what comes before is stuck, and so is this
  pump(*queue, now);
  if (!last_failure.ok() && queue->path == LaunchPath::inline_path) return std::exchange(last_failure, Status{});
  return fresh.id;
}

void Executor::Impl::pump(LaunchQueue& queue, Nanoseconds now) {
  last_failure = {};
  while (!queue.waiting.empty()) {
    const Verdict verdict = admission.ask(queue, queue.waiting.front(), outstanding(), now);
    if (!verdict.go()) {
      stopped(queue, verdict, now);
      return;
    }
    Status given = submit(queue, verdict, now);
    if (given.ok()) continue;
    if (given.code() == StatusCode::exhausted) {
      queue.retry_at = now + kRetryDevice;
      return;
    }
    last_failure = std::move(given);
    drop_head(queue, now);
  }
  queue.retry_at = kNever;
  if (waiting + inflight == 0) settle(now);
}

void Executor::Impl::pump_all(Nanoseconds now) {
  if (waiting == 0) return;
  const auto n = static_cast<std::uint32_t>(queues.size());
  next_queue = next_queue + 1 < n ? next_queue + 1 : 0;
  for (std::uint32_t i = 0; i < n; ++i) {
    LaunchQueue& queue = *queues[(next_queue + i) % n];
    if (!queue.waiting.empty()) pump(queue, now);
  }
}

// The head cannot go now: remember when to look again, and tell the engine if it is the lease that is short.
bool Executor::Impl::stopped(LaunchQueue& queue, const Verdict& verdict, Nanoseconds now) {
  queue.retry_at = verdict.retry_at;
  if (queue.inflight.empty() && queue.stuck_since == kNever) queue.stuck_since = now;
  if (verdict.outcome == Verdict::Outcome::lease_short) {
    queue.retry_at = std::min({queue.retry_at, now + kPollPressure, admission.reader().valid_until()});
    if (queue.told_at == kNever || now - queue.told_at >= kSayAgain) {
      queue.told_at = now;
      reporter.waiting(queue.id, queue.waiting.front(), now);
    }
  }
  if (queue.stuck_since != kNever && now - queue.stuck_since < admission.starvation_limit())
    queue.retry_at = std::min(queue.retry_at, queue.stuck_since + admission.starvation_limit());
  return false;
}

Status Executor::Impl::give_to_device(const LaunchQueue& queue, const WaitingLaunch& head, const Verdict& verdict) {
  if (head.graph != nullptr) {
    const std::size_t nodes = head.graph->nodes.size();
    const TpcSet* masks = verdict.masked ? admission.graphs().baked(verdict.bake).node_tpcs.data()
                                         : admission.graphs().whole_device(nodes);
    return device.submit_graph({config.tenant, queue.id, head.id, head.graph, {masks, nodes}, verdict.masked});
  }
  const bool cut = head.next_block > 0 || verdict.blocks < head.kernel->blocks;
  return device.submit({config.tenant, queue.id, head.id, head.kernel, head.next_block, verdict.blocks, cut, verdict.masked,
                        verdict.low_priority, verdict.tpcs});
}

Status Executor::Impl::submit(LaunchQueue& queue, const Verdict& verdict, Nanoseconds now) {
  if (queue.inflight.full()) return exhausted("too many atoms in flight");
  Status given = give_to_device(queue, queue.waiting.front(), verdict);
  if (given.ok()) went(queue, verdict, now);
  return given;
}

// Bookkeeping of what the device has just taken.
void Executor::Impl::went(LaunchQueue& queue, const Verdict& verdict, Nanoseconds now) {
  WaitingLaunch& head = queue.waiting.front();
  InFlight atom;
  atom.id = head.id;
  atom.kernel = head.kernel;
  atom.graph = head.graph;
  atom.ordinal = head.ordinal;
  atom.context = head.context;
  atom.first_block = head.next_block;
  atom.block_count = verdict.blocks;
  atom.last = head.graph != nullptr || head.next_block + verdict.blocks == head.kernel->blocks;
  atom.on_borrowed = verdict.on_borrowed;
  atom.long_whole = verdict.on_borrowed && verdict.long_whole;
  atom.delays_borrowing = verdict.delays_borrowing;
  atom.may_spin = verdict.masked && (head.kernel != nullptr ? head.kernel->may_spin : head.graph->may_spin);
  atom.coverage = verdict.coverage;
  atom.tpcs = verdict.tpcs;
  atom.predicted = verdict.predicted;
  atom.submitted_at = now;
  atom.order = ++last_order;
  if (head.graph != nullptr && verdict.masked) {
    atom.bake = verdict.bake;
    atom.node_tpcs = admission.graphs().baked(verdict.bake).node_tpcs.data();
    admission.graphs().launched(verdict.bake);
  } else {
    atom.bake = GraphMasks::kNone;
  }
  if (head.next_block == 0) admission.launched(now);
  ++inflight;
  queue.inflight_predicted += atom.predicted;
  if (atom.delays_borrowing) borrowed.at_home += atom.predicted;
  if (atom.on_borrowed) {
    ++borrowed.pieces;
    borrowed.predicted += atom.predicted;
    borrowed.long_wholes += atom.long_whole;
  }
  if (atom.may_spin) {
    ++spinning_launches;
    repeats_left = kRepeats;
    reporter.spinning() |= atom.graph == nullptr ? atom.tpcs : admission.graphs().baked(atom.bake).spinning;
  }
  queue.stuck_since = queue.told_at = kNever;
  head.next_block += verdict.blocks;
  if (atom.last) { queue.waiting.pop_front(); --waiting; }
  queue.inflight.push_back(atom);
  refresh_spinning();
  reporter.submitted(queue.id, queue.inflight.back(), now);
}

// The device refused it for good: a launch error of the program's, which it will hear from the driver. The queue goes on.
void Executor::Impl::drop_head(LaunchQueue& queue, Nanoseconds) {
  queue.waiting.pop_front();
  --waiting;
  queue.stuck_since = queue.told_at = kNever;
}

// The oldest piece on others' TPCs is taken to be the one that runs.
Outstanding Executor::Impl::outstanding() const {
  Outstanding now = borrowed;
  std::uint64_t oldest = ~std::uint64_t{0};
  if (borrowed.pieces == 0) return now;
  for (const auto& queue : queues) {
    if (queue->inflight.empty()) continue;
    const InFlight& front = queue->inflight.front();
    if (!front.on_borrowed || front.order >= oldest) continue;
    oldest = front.order;
    now.running = front.predicted;
    now.running_until = queue->running_since() + front.predicted;
  }
  return now;
}

// The union may be too wide once some of its launches have completed. It matters when the engine wants a right back.
void Executor::Impl::refresh_spinning() {
  TpcSet& spinning = reporter.spinning();
  if (spinning_launches == 0) { spinning = {}; return; }
  if (port.lease().co_resident.contains(spinning)) return;
  spinning = {};
  for (const auto& queue : queues) {
    for (std::size_t i = 0; i < queue->inflight.size(); ++i) {
      const InFlight& atom = queue->inflight[i];
      if (!atom.may_spin) continue;
      spinning |= atom.graph == nullptr ? atom.tpcs : admission.graphs().baked(atom.bake).spinning;
    }
  }
}

// Takes the oldest atom out of flight.
void Executor::Impl::landed(LaunchQueue& queue, Nanoseconds now) {
  const InFlight& atom = queue.inflight.front();
  queue.inflight_predicted -= atom.predicted;
  if (atom.delays_borrowing) borrowed.at_home -= atom.predicted;
  if (atom.on_borrowed) {
    --borrowed.pieces;
    borrowed.predicted -= atom.predicted;
    borrowed.long_wholes -= atom.long_whole;
  }
  if (atom.may_spin) --spinning_launches;
  if (atom.bake != GraphMasks::kNone) admission.graphs().completed(atom.bake);
  --inflight;
  queue.inflight.pop_front();
  queue.last_completed_at = now;
}

bool Executor::Impl::complete_head(LaunchQueue& queue, const Completion& completion, Nanoseconds now) {
  InFlight atom = queue.inflight.front();
  const bool graph_goes_on = atom.graph != nullptr && completion.node != 0 && completion.node < atom.graph->nodes.size();
  if (graph_goes_on) {
    if (completion.node <= atom.nodes_done) return false;
    queue.inflight.front().nodes_done = completion.node;
    reporter.completion_seen(now);
    reporter.completed(queue.id, atom, completion, false);
    return false;
  }
  Completion seen = completion;
  if (atom.graph == nullptr) seen.node = 0;
  else seen.node = std::min<std::uint32_t>(seen.node, static_cast<std::uint32_t>(atom.graph->nodes.size()));
  // The record speaks of the state after the event; a graph's masks stay in place for it.
  reporter.completion_seen(now);
  landed(queue, now);
  refresh_spinning();
  reporter.completed(queue.id, atom, seen, atom.last);
  return atom.last;
}

// After anything has ended: idle if nothing is left.
void Executor::Impl::settle(Nanoseconds now) {
  if (waiting + inflight == 0) reporter.idle(now);
}

Executor::Executor(const GpuShape& gpu, const ExecutorConfig& config, Device& device, TenantPort& port)
    : impl_(std::make_unique<Impl>(gpu, config, device, port)) {}
Executor::~Executor() = default;

void Executor::add_queue(QueueId queue, LaunchPath path) {
  if (LaunchQueue* known = impl_->find(queue)) {
    known->removed = false;
    if (known->waiting.empty() && known->inflight.empty()) known->path = path;
    return;
  }
  impl_->queue_index.set(value_of(queue), static_cast<std::uint32_t>(impl_->queues.size()));
  impl_->queues.push_back(std::make_unique<LaunchQueue>(queue, path, std::max(impl_->config.queue_capacity, 1u)));
}

void Executor::remove_queue(QueueId queue, Nanoseconds now) {
  LaunchQueue* known = impl_->find(queue);
  if (known == nullptr) return;
  flush(queue, now);
  known->removed = true;
}

Result<LaunchId> Executor::launch(QueueId queue, const KernelInfo& kernel, Nanoseconds now) {
  return impl_->launch(queue, &kernel, nullptr, now);
}

Result<LaunchId> Executor::launch_graph(QueueId queue, const GraphInfo& graph, Nanoseconds now) {
  return impl_->launch(queue, nullptr, &graph, now);
}

void Executor::synchronised(QueueId queue, Nanoseconds now) {
  LaunchQueue* known = impl_->find(queue);
  if (known == nullptr) return;
  known->next_ordinal = 0;
  impl_->reporter.synchronised(queue, now);
}

void Executor::flush(QueueId queue, Nanoseconds now) {
  LaunchQueue* known = impl_->find(queue);
  if (known == nullptr) return;
  for (std::size_t i = 0; i < known->waiting.size(); ++i) known->waiting[i].urgent = true;
  impl_->pump(*known, now);
}

bool Executor::on_completed(const Completion& completion, Nanoseconds now) {
  LaunchQueue* queue = impl_->find(completion.queue);
  if (queue == nullptr) return false;
  const auto before = [](const InFlight& atom, const Completion& seen) {
    return atom.id < seen.launch || (atom.id == seen.launch && atom.graph == nullptr && atom.first_block < seen.first_block);
  };
  // A queue's work completes in order: what comes before has completed too, though nobody said so.
  while (!queue->inflight.empty() && before(queue->inflight.front(), completion)) impl_->landed(*queue, now);
  bool ended = false;
  if (!queue->inflight.empty()) {
    const InFlight& front = queue->inflight.front();
    const bool match = front.id == completion.launch && (front.graph != nullptr || front.first_block == completion.first_block);
    if (match) ended = impl_->complete_head(*queue, completion, now);
  }
  impl_->pump_all(now);
  impl_->settle(now);
  return ended;
}

void Executor::poke(Nanoseconds now) {
  impl_->pump_all(now);
  // The engine waits for this executor to have seen a lease that takes a right to spin away.
  impl_->refresh_spinning();
  const Lease& lease = impl_->port.lease();
  const bool says_little = now - impl_->reporter.last_push() >= kSayAgain;
  const bool unseen = lease.generation != impl_->reporter.last_generation();
  const bool repeats = impl_->spinning_launches > 0 || impl_->repeats_left > 0;
  if (!unseen && !(repeats && says_little)) return;
  if (impl_->spinning_launches == 0 && impl_->repeats_left > 0) --impl_->repeats_left;
  impl_->reporter.alive(now);
}

Nanoseconds Executor::next_poke() const {
  Nanoseconds next = kNever;
  if (impl_->spinning_launches > 0 || impl_->repeats_left > 0) next = impl_->reporter.last_push() + kSayAgain;
  if (impl_->waiting == 0) return next;
  for (const auto& queue : impl_->queues)
    if (!queue->waiting.empty()) next = std::min(next, queue->retry_at);
  return next;
}

std::uint32_t Executor::waiting_launches() const { return impl_->waiting; }
std::uint32_t Executor::atoms_in_flight() const { return impl_->inflight; }

}  // namespace lithos
