// SPDX-License-Identifier: Apache-2.0
#include "cuda/shim/service.hpp"

#include <poll.h>
#include <time.h>

#include <algorithm>

#include "cuda/shim/graphs.hpp"
#include "cuda/shim/nap.hpp"
#include "cuda/shim/own_thread.hpp"
#include "cuda/shim/process.hpp"
#include "cuda/shim/queued/gate.hpp"
#include "ipc/wake.hpp"

namespace lithos::cuda::shim {
namespace {

// Between looks while work is in flight. Where TPCs are shared, somebody waits for what we see: soon again after
// something was seen. Where they are not, nobody does, and each look takes cache lines away from the launching thread.
constexpr Nanoseconds kLookMostSharing{20'000}, kLookAlone{50'000};
constexpr Nanoseconds kLinkEvery{1'000'000};  // the daemon's socket, while work is in flight
constexpr Nanoseconds kHangLookEvery{1'000'000'000};
constexpr Nanoseconds kUntimedMost{1'000'000'000};  // then a launch that nobody times counts as over
constexpr Nanoseconds kUnsureLeast{1'000'000};      // ended_unseen()
constexpr int kUnsureReplays = 4;
constexpr int kSleepMostMs = 100;                   // the daemon may have gone, or come
constexpr std::uint64_t kQueuesTold = 64;           // the daemon knows this many queues of a tenant
constexpr std::size_t kReportsPerTurn = 4096;

}  // namespace

Service::Service(Tenancy& tenancy) : tenancy_(tenancy), reporter_(tenancy.config_, *this) {}

void Service::start(Tenancy& tenancy) {
  auto* const service = new Service(tenancy);
  const auto run = [](void* self) -> void* {
    static_cast<Service*>(self)->run();
    return nullptr;
  };
  if (start_own_thread(run, service)) return;
  delete service;
  Process::instance().say("no service thread: completions will not be seen");
}

void Service::run() {
  settle_own_thread("lithos");
  if (const std::string& path = Process::instance().settings().times_file; !path.empty()) {
    times_ = std::fopen(path.c_str(), "we");
    if (times_ != nullptr) std::setvbuf(times_, nullptr, _IOLBF, 0);
  }
  while (Process::instance().active()) {
    const Nanoseconds now = host_now();
    const bool found = step(now);
    const bool sharing = tenancy_.has_daemon() && lease().masked;
    if (found) last_found_ = now;
    if (found && sharing) continue;
    if (!found && in_flight_ == 0 && tenancy_.unfinished() == 0) {
      acknowledge(now);
      sleep(now);
    } else if (sharing) {
      nap(now - last_found_, kLookMostSharing);
    } else {
      nap(kNever, kLookAlone);
    }
  }
}

bool Service::step(Nanoseconds now) {
  if (tenancy_.has_daemon() && now >= next_link_look_) {
    next_link_look_ = now + kLinkEvery;
    tenancy_.link_->service(now);
    tenancy_.follow_link();
  }
  register_fresh();
  const bool reports = take_reports(now);
  const bool completions = watch_completions(now);
  if (now >= next_hang_look_) {
    next_hang_look_ = now + kHangLookEvery;
    give_up_untimed(now);
    watch_for_hangs(now);
  }
  settle(now);
  if constexpr (kQueued)
    if (completions) completions_were_seen();
  return reports || completions;
}

void Service::register_fresh() {
  std::vector<const KernelInfo*> kernels;
  std::vector<std::uint32_t> queues;
  {
    const std::lock_guard lock(tenancy_.mutex_);
    kernels.swap(tenancy_.fresh_kernels_);
    queues.swap(tenancy_.fresh_queues_);
  }
  if (!tenancy_.has_daemon()) return;
  for (const std::uint32_t queue : queues)
    if (queue < kQueuesTold) (void)tenancy_.link_->add_queue(QueueId{queue});
  for (const KernelInfo* kernel : kernels) (void)tenancy_.link_->add_kernel(*kernel);
}

Service::Queue& Service::queue_at(std::uint64_t index) {
  if (index >= queues_.size()) queues_.resize(index + 1);
  return queues_[index];
}

bool Service::take_reports(Nanoseconds now) {
  std::size_t taken = 0;
  LaunchReport report;
  for (ThreadState* thread = all_threads(); thread != nullptr; thread = thread->next)
    while (taken < kReportsPerTurn && thread->reports_out.pop(report)) {
      take(*thread, report, now);
      ++taken;
    }
  return taken != 0;
}

void Service::take(ThreadState& thread, const LaunchReport& report, Nanoseconds now) {
  switch (report.kind) {
    case LaunchReport::submitted:
    case LaunchReport::graph_submitted: submitted(thread, report, now); break;
    case LaunchReport::synchronised: synchronised(thread, report.queue, now); break;
    case LaunchReport::waiting: {
      WaitingLaunch head;
      head.id = LaunchId{report.launch};
      head.kernel = reinterpret_cast<const KernelInfo*>(report.kernel);
      head.next_block = report.first_block;
      head.context = report.context;
      reporter_.launching(LaunchPath::inline_path, in_flight_ != 0, now);
      idle_said_ = false;
      // Another thread's launch may have gone before it: then it is no longer the head of anything.
      if (report.queue < kQueuesTold && report.launch >= queue_at(report.queue).newest)
        reporter_.waiting(QueueId{report.queue}, head, now);
      break;
    }
    default: break;
  }
}

void Service::submitted(ThreadState& thread, const LaunchReport& report, Nanoseconds) {
  Queue& queue = queue_at(report.queue);
  Flying flying;
  flying.thread = &thread;
  flying.slot = report.slot;
  flying.generation = report.generation;
  InFlight& atom = flying.atom;
  atom.id = LaunchId{report.launch};
  queue.newest = std::max(queue.newest, report.launch);
  if (report.kind == LaunchReport::graph_submitted) {
    flying.graph = reinterpret_cast<GraphExec*>(report.kernel);
    flying.graph_before_ns = report.generation;
    atom.graph = &flying.graph->info;
    atom.may_spin = atom.graph->may_spin;
    if (!flying.graph->told && tenancy_.has_daemon()) {
      flying.graph->told = true;
      (void)tenancy_.link_->add_graph(*atom.graph);
    }
  } else {
    atom.kernel = reinterpret_cast<const KernelInfo*>(report.kernel);
    atom.may_spin = atom.kernel->may_spin;
    atom.context = report.context;
    atom.first_block = report.first_block;
    atom.block_count = report.block_count;
    atom.last = report.first_block + report.block_count == atom.kernel->blocks;
  }
  atom.coverage = static_cast<Coverage>(report.coverage);
  atom.tpcs = thread.tpc_sets.at(report.tpcs);
  atom.predicted = from_u64(report.predicted_ns);
  atom.submitted_at = from_u64(report.submitted_ns);
  atom.ordinal = atom.first_block == 0 ? queue.ordinal++ : queue.ordinal - 1;
  flying.borrowed = report.borrowed;
  if (atom.may_spin) reporter_.spinning() |= atom.tpcs;
  reporter_.launching(LaunchPath::inline_path, in_flight_ != 0, atom.submitted_at);
  idle_said_ = false;
  ++in_flight_;
  queue.flying.push_back(flying);
  if (report.queue < kQueuesTold)
    reporter_.submitted(QueueId{report.queue}, queue.flying.back().atom, atom.submitted_at);
}

// The program has waited: what its thread launched before is over, also what we could not see complete. What has a slot
// is never taken for over before the slot says so: the GPU would write into it later.
void Service::synchronised(ThreadState& thread, std::uint32_t index, Nanoseconds now) {
  watch_completions(now);
  const auto one = [&](std::uint64_t which) {
    Queue& queue = queue_at(which);
    const auto id = QueueId{static_cast<std::uint32_t>(which)};
    while (!queue.flying.empty() && queue.flying.front().slot == kNoSlot && queue.flying.front().thread == &thread)
      finish(queue, id, now, now);
    queue.ordinal = 0;
    if (which < kQueuesTold) reporter_.synchronised(id, now);
  };
  if (index != kEveryQueue) return one(index);
  for (std::uint64_t which = 0; which < queues_.size(); ++which) one(which);
}

bool Service::has_completed(const Flying& flying, Nanoseconds& at_gpu) const {
  if (flying.graph != nullptr) {
    const std::uint64_t newest = flying.graph->newest_leaf_ns(tenancy_.completions_);
    at_gpu = from_u64(newest);
    return newest > flying.graph_before_ns;
  }
  if (flying.slot == kNoSlot) return false;
  const ipc::CompletionSlot& slot = tenancy_.completions_.slot(flying.slot);
  if (!ipc::has_completed(slot, flying.generation)) return false;
  at_gpu = from_u64(ipc::load(&slot.completed_ns));
  return true;
}

// Two replays ended between two looks, and the leaves show the later one's time for both: nothing more will come. It has been far longer since
// than a replay takes. Were that wrong, others would get TPCs a little early; where blocks may wait for each other that may not be.
bool Service::ended_unseen(const Flying& flying, Nanoseconds now) {
  return flying.graph != nullptr && flying.unsure_since != kNever && !flying.atom.may_spin &&
         now - flying.unsure_since > kUnsureLeast + kUnsureReplays * flying.graph->longest;
}

bool Service::watch_completions(Nanoseconds now) {
  bool any = false;
  for (std::size_t index = 0; index < queues_.size(); ++index) {
    Queue& queue = queues_[index];
    // A launch without a slot, or a graph of which two replays ended at once, is over when one after it is: streams keep
    // their order.
    for (std::size_t ahead = 0; ahead < queue.flying.size(); ++ahead) {
      const Flying& flying = queue.flying[ahead];
      Nanoseconds at_gpu{0};
      if (!has_completed(flying, at_gpu)) {
        if (flying.slot == kNoSlot) continue;
        break;
      }
      clock_.observe(flying.atom.submitted_at, at_gpu, now);
      if (times_ != nullptr)
        std::fprintf(times_, "%llu %lld\n", static_cast<unsigned long long>(value_of(flying.atom.id)),
                     static_cast<long long>(at_gpu.count()));
      const Nanoseconds at = clock_.known() ? std::min(clock_.to_host(at_gpu), now) : now;
      if (flying.graph != nullptr)
        for (Flying& later : queue.flying)  // the next replay must show a newer time than this one
          if (later.graph == flying.graph) {
            later.graph_before_ns = std::max(later.graph_before_ns, to_u64(at_gpu));
            if (at >= later.atom.submitted_at) later.unsure_since = now;
          }
      for (std::size_t n = 0; n <= ahead; ++n) finish(queue, QueueId{static_cast<std::uint32_t>(index)}, at, now);
      any = true;
      ahead = static_cast<std::size_t>(-1);
    }
    for (; !queue.flying.empty() && ended_unseen(queue.flying.front(), now); any = true)
      finish(queue, QueueId{static_cast<std::uint32_t>(index)}, queue.last_completed, now);
  }
  return any;
}

// The oldest launch of the queue is over.
void Service::finish(Queue& queue, QueueId id, Nanoseconds completed, Nanoseconds now) {
  Flying flying = queue.flying.front();
  queue.flying.pop_front();
  --in_flight_;
  Completion completion;
  completion.queue = id;
  completion.launch = flying.atom.id;
  completion.completed = completed;
  completion.started = std::min(completed, std::max(queue.last_completed, flying.atom.submitted_at));
  if (flying.graph != nullptr) completion.node = static_cast<std::uint32_t>(flying.graph->info.nodes.size());
  // Nobody timed it: it took no time that anybody should learn from.
  if (flying.slot == kNoSlot && flying.graph == nullptr) completion.started = completed;
  if (flying.graph != nullptr && flying.unsure_since == kNever) flying.graph->longest = std::max(flying.graph->longest, completion.completed - completion.started);
  queue.last_completed = completed;
  if (flying.slot != kNoSlot && flying.graph == nullptr) flying.thread->slots_in.push({flying.slot});
  if (flying.atom.may_spin) {  // the union of those that still fly
    reporter_.spinning() = {};
    for (const Queue& other : queues_)
      for (const Flying& still : other.flying)
        if (still.atom.may_spin) reporter_.spinning() |= still.atom.tpcs;
  }
  if (flying.borrowed != 0) tenancy_.borrowed().remove(flying.borrowed, flying.atom.predicted, running_borrowed(), completed);
  tenancy_.finished_.fetch_add(1, std::memory_order_release);
  tenancy_.last_finished_ns_.store(now.count(), std::memory_order_relaxed);
  reporter_.completion_seen(now);
  if (value_of(id) < kQueuesTold) reporter_.completed(id, flying.atom, completion, true);
  if (flying.graph != nullptr) flying.graph->release();
}

// Predicted time of the oldest launch in flight on TPCs of others.
Nanoseconds Service::running_borrowed() const {
  const Flying* oldest = nullptr;
  for (const Queue& queue : queues_) {
    if (queue.flying.empty()) continue;
    const Flying& front = queue.flying.front();
    if ((front.borrowed & BorrowedWork::kBorrowed) != 0 && (oldest == nullptr || front.atom.id < oldest->atom.id)) oldest = &front;
  }
  return oldest == nullptr ? Nanoseconds{0} : oldest->atom.predicted;
}

// Launches without a slot at the end of a queue: nothing will ever say that they are over.
void Service::give_up_untimed(Nanoseconds now) {
  for (std::size_t index = 0; index < queues_.size(); ++index) {
    Queue& queue = queues_[index];
    const auto is_old = [&](const Flying& flying) {
      return flying.slot == kNoSlot && flying.graph == nullptr && now - flying.atom.submitted_at > kUntimedMost;
    };
    while (!queue.flying.empty() && is_old(queue.flying.front()))
      finish(queue, QueueId{static_cast<std::uint32_t>(index)}, now, now);
  }
}

void Service::watch_for_hangs(Nanoseconds now) {
  const unsigned limit_s = Process::instance().settings().hang_limit_s;
  if (limit_s == 0) return;
  for (Queue& queue : queues_) {
    if (queue.flying.empty()) continue;
    Flying& oldest = queue.flying.front();
    const Nanoseconds since = std::max(oldest.atom.submitted_at, queue.last_completed);
    if (oldest.named || (oldest.slot == kNoSlot && oldest.graph == nullptr) ||
        now - since < Nanoseconds{std::int64_t{1'000'000'000} * limit_s})
      continue;
    oldest.named = true;
    const InFlight& atom = oldest.atom;
    const std::string& name = atom.kernel != nullptr ? atom.kernel->name : atom.graph->name;
    Process::instance().say("has been running for %lld s on %u TPCs (%s): %s",
                            static_cast<long long>((now - since).count() / 1'000'000'000), atom.tpcs.count(),
                            name_of(atom.coverage), name.c_str());
  }
}

// Nothing is in flight: others may have our TPCs. A launch that comes in between raises the level again itself, and
// what we stored last is checked against it.
void Service::settle(Nanoseconds now) {
  const bool raised = tenancy_.level_.load(std::memory_order_relaxed) != 0;  // also by a launch that never flew
  if ((idle_said_ && !raised) || in_flight_ != 0 || tenancy_.unfinished() != 0) return;
  tenancy_.level_.store(0, std::memory_order_seq_cst);
  if (idle_said_) publish_pressure({Pressure::idle, now});  // the reporter knows nothing of the launch
  else reporter_.idle(now);
  idle_said_ = true;
  if (tenancy_.unfinished() == 0) return;
  tenancy_.level_.store(static_cast<std::uint32_t>(Pressure::active), std::memory_order_seq_cst);
  publish_pressure({Pressure::active, now});
  idle_said_ = false;
}

// Who works says with every record which lease it has seen. Who does not would have its silence taken for an answer, milliseconds later, while
// somebody waits for the right to spin that was taken from it (engine/co_residency.hpp).
void Service::acknowledge(Nanoseconds now) {
  if (tenancy_.has_daemon() && lease().generation != reporter_.last_generation()) reporter_.alive(now);
}

void Service::sleep(Nanoseconds now) {
  std::uint32_t* const flag = &tenancy_.service_asleep_;
  ipc::raise_flag(flag);
  ipc::TenantLink* const listens = tenancy_.has_daemon() && !lease().co_resident.empty() ? tenancy_.link_.get() : nullptr;
  const int bell = listens != nullptr ? listens->listen() : -1;
  if (tenancy_.unfinished() == 0 && !take_reports(now) && !(bell >= 0 && listens->lease_changed())) {
    pollfd fds[2] = {{tenancy_.wake_event_, POLLIN, 0}, {bell, POLLIN, 0}};
    ::poll(fds, 2, kSleepMostMs);
    ipc::drain_event(tenancy_.wake_event_);
    next_link_look_ = Nanoseconds{0};
  }
  if (bell >= 0) listens->stop_listening();
  ipc::lower_flag(flag);
}

// ---- TenantPort ------------------------------------------------------------------------------------------

const Lease& Service::lease() { return tenancy_.has_daemon() ? tenancy_.link_->lease() : tenancy_.fixed_lease_; }

void Service::publish_pressure(const PressureWord& word) {
  if (tenancy_.has_daemon()) tenancy_.link_->publish_pressure(word);
}

// A thread that decided under an older lease and has not reported yet may still launch by it: the engine is told the
// oldest generation that anybody uses (DESIGN.md §5.1).
void Service::push(const Record& record) {
  if (!tenancy_.has_daemon()) return;
  Record told = record;
  for (const ThreadState* thread = all_threads(); thread != nullptr; thread = thread->next)
    told.lease_generation = std::min(told.lease_generation, thread->deciding.load(std::memory_order_acquire));
  tenancy_.link_->push(told);
}

}  // namespace lithos::cuda::shim
