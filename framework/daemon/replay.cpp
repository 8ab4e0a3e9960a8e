// SPDX-License-Identifier: Apache-2.0
#include "daemon/replay.hpp"

#include <algorithm>
#include <deque>
#include <unordered_set>

#include "daemon/clock.hpp"
#include "executor/executor.hpp"
#include "ipc/tenant_link.hpp"
#include "sim/arrivals.hpp"
#include "sim/inputs.hpp"
#include "sim/statistics.hpp"

namespace lithos {
namespace {

constexpr QueueId kQueue{1};
constexpr Nanoseconds kServiceEvery{1'000'000};  // looks at the socket so often while busy
constexpr Nanoseconds kGoneLimit{2'000'000'000};  // how long an end waits for a daemon that is not there

// The configuration with this tenant only: the others' traces need not be read.
Config only(const Config& config, const std::string& name) {
  Config one = config;
  std::erase_if(one.tenants, [&](const TenantConfig& tenant) { return tenant.name != name; });
  return one;
}

class Replay {
 public:
  Replay(const TenantConfig& config, std::shared_ptr<const SimInputs> inputs, const ReplayOptions& options)
      : config_(config),
        inputs_(std::move(inputs)),
        program_(*inputs_->programs.front()),
        options_(options),
        graph_(config.mode == LaunchMode::graph),
        arrivals_(config.arrivals, seed_for(1, config.name), program_.arrivals) {
    kernels_ = program_.kernels.size();
    if (options.kernels_max > 0 && !graph_) kernels_ = std::min<std::size_t>(kernels_, options.kernels_max);
  }

  Status attach();
  Status run();
  ReplayReport report();

 private:
  struct Request {
    Nanoseconds arrival{0};
    std::size_t launches_left = 0;
  };

  Status register_all();
  Status launch_due(Nanoseconds now);
  Status launch_one(Nanoseconds now);
  void completed(const Completion& done, Nanoseconds now);
  void step(Nanoseconds now);
  Nanoseconds next(Nanoseconds now) const;
  bool open_loop() const { return config_.arrivals.kind != ArrivalKind::closed_loop; }
  bool may_begin(Nanoseconds now) const;

  const TenantConfig config_;
  const std::shared_ptr<const SimInputs> inputs_;
  const TenantProgram& program_;
  const ReplayOptions options_;
  const bool graph_;
  Arrivals arrivals_;
  std::size_t kernels_ = 0;
  std::unique_ptr<ipc::TenantLink> link_;
  std::unique_ptr<Executor> executor_;
  std::deque<Request> in_flight_;
  std::size_t to_launch_ = 0;  // of the newest request
  bool full_ = false;          // the executor took no more
  bool ending_ = false;
  Nanoseconds started_{0}, next_arrival_ = kNever, free_at_{0}, next_service_{0};
  Status failure_;
  DurationStatistics latency_;
  ReplayReport report_;
};

Status Replay::register_all() {
  if (Status status = link_->add_queue(kQueue); !status.ok()) return status;
  std::unordered_set<std::uint64_t> described;  // rows of a trace that are the same operator count as one
  for (std::size_t i = 0; i < program_.kernels.size(); ++i) {
    const KernelInfo& kernel = program_.kernels[i];
    if (!described.insert(value_of(kernel.id)).second) continue;
    std::vector<ipc::CurvePoint> points;
    const TimeCurve& curve = program_.curves[i];
    for (unsigned tpcs = 1; tpcs <= curve.device_tpcs(); ++tpcs)
      points.push_back({static_cast<double>(tpcs), curve.ns(tpcs)});
    if (Status status = link_->add_kernel(kernel, points); !status.ok()) return status;
  }
  if (graph_)
    if (Status status = link_->add_graph(program_.graph); !status.ok()) return status;
  return link_->checkpoint();
}

Status Replay::attach() {
  Result<std::unique_ptr<ipc::TenantLink>> link =
      ipc::TenantLink::connect({.socket = options_.socket, .name = config_.name});
  if (!link.ok()) return link.status();
  link_ = std::move(link).value();
  if (Status status = register_all(); !status.ok()) return status;
  ExecutorConfig executor;
  executor.tenant = link_->slot();
  executor.submit_ahead = link_->submit_ahead();
  executor_ = std::make_unique<Executor>(inputs_->gpu, executor, *link_, *link_);
  const bool straight = config_.tenant_class == TenantClass::latency_critical;
  executor_->add_queue(kQueue, straight ? LaunchPath::inline_path : LaunchPath::queued_path);
  return {};
}

bool Replay::may_begin(Nanoseconds now) const {
  if (ending_ || to_launch_ > 0 || in_flight_.size() >= config_.pipeline_depth || now < free_at_) return false;
  if (options_.requests_max > 0 && report_.requests + in_flight_.size() >= options_.requests_max) return false;
  return !open_loop() || next_arrival_ <= now;
}

Status Replay::launch_due(Nanoseconds now) {
  for (;;) {
    if (may_begin(now)) {
      const Nanoseconds arrival = open_loop() ? next_arrival_ : now;
      if (open_loop()) {
        const Nanoseconds following = arrivals_.next();
        next_arrival_ = following == kNever ? kNever : started_ + following;
      }
      in_flight_.push_back({arrival, graph_ ? 1 : kernels_});
      to_launch_ = in_flight_.back().launches_left;
    }
    if (to_launch_ == 0 || full_) return {};
    if (Status status = launch_one(now); !status.ok()) return status;
  }
}

Status Replay::launch_one(Nanoseconds now) {
  const KernelInfo& kernel = program_.kernels[graph_ ? 0 : kernels_ - to_launch_];
  const Result<LaunchId> launched =
      graph_ ? executor_->launch_graph(kQueue, program_.graph, now) : executor_->launch(kQueue, kernel, now);
  if (!launched.ok()) {
    full_ = launched.status().code() == StatusCode::exhausted;
    return full_ ? Status{} : launched.status();
  }
  --to_launch_;
  ++report_.launches;
  if (!graph_) report_.blocks_launched += kernel.blocks;
  else
    for (const KernelInfo* node : program_.graph.nodes) report_.blocks_launched += node->blocks;
  return {};
}

void Replay::completed(const Completion& done, Nanoseconds now) {
  report_.blocks_completed += done.node > 0 ? program_.graph.nodes[done.node - 1]->blocks : done.block_count;
  full_ = false;
  if (!executor_->on_completed(done, now)) return;
  ++report_.launches_ended;
  if (in_flight_.empty() || --in_flight_.front().launches_left > 0) return;
  latency_.add(now - in_flight_.front().arrival);
  in_flight_.pop_front();
  ++report_.requests;
  free_at_ = now + config_.host_gap;
  if (in_flight_.empty()) executor_->synchronised(kQueue, now);
}

void Replay::step(Nanoseconds now) {
  bool poke = link_->lease_changed() || executor_->next_poke() <= now;
  link_->take_completions([&](const Completion& done) { completed(done, now); });
  if (now >= next_service_ || !link_->attached()) {
    next_service_ = now + kServiceEvery;
    poke = link_->service(now) || poke;
  }
  if (poke) executor_->poke(now);
  if (failure_ = launch_due(now); !failure_.ok()) ending_ = true;
}

Nanoseconds Replay::next(Nanoseconds now) const {
  Nanoseconds next = std::min(executor_->next_poke(), now + 1000 * kServiceEvery);
  if (!ending_ && open_loop() && in_flight_.size() < config_.pipeline_depth) next = std::min(next, next_arrival_);
  if (!ending_ && in_flight_.size() < config_.pipeline_depth && free_at_ > now) next = std::min(next, free_at_);
  return next;
}

Status Replay::run() {
  started_ = monotonic_now();
  if (open_loop()) next_arrival_ = started_ + arrivals_.next();
  Nanoseconds end = started_ + options_.duration;
  for (Nanoseconds now = started_;; now = monotonic_now()) {
    const bool asked_to_stop = options_.stop != nullptr && options_.stop->load(std::memory_order_relaxed);
    const bool enough = options_.requests_max > 0 && report_.requests >= options_.requests_max;
    ending_ = ending_ || asked_to_stop || enough || now >= end;
    if (ending_) end = std::min(end, now);  // what is in flight has its limit from here on, whatever duration was asked for
    // Without a daemon nothing in flight ends, and one that comes back does so soon.
    const Nanoseconds last = end + (ending_ && !link_->attached() ? kGoneLimit : options_.finish_limit);
    if (ending_ && (in_flight_.empty() || now >= last)) break;
    step(now);
    if (!failure_.ok()) return failure_;
    const Nanoseconds limit = ending_ ? last : end;
    link_->wait(monotonic_now(), std::min(next(now), limit));
  }
  report_.finished = in_flight_.empty();
  return {};
}

ReplayReport Replay::report() {
  report_.latency_p50 = latency_.percentile(0.5);
  report_.latency_p99 = latency_.percentile(0.99);
  const ipc::LinkCounters& link = link_->counters();
  report_.attached = link.attached;
  report_.resubmitted = link.resubmitted;
  report_.records_dropped = link.records_dropped;
  report_.refused_by_device = link.refused_by_device;
  report_.wakes_paid = link.wakes_paid;
  return report_;
}

}  // namespace

Result<ReplayReport> replay(const Config& config, const ReplayOptions& options) {
  const Config one = only(config, options.name);
  if (one.tenants.empty()) return not_found("no tenant is called \"" + options.name + "\" in " + config.file);
  LoadedInputs inputs = load_inputs(one);
  if (inputs.inputs == nullptr) return invalid_argument(join_messages(inputs.diagnostics));
  Replay run(one.tenants.front(), inputs.inputs, options);
  if (Status status = run.attach(); !status.ok()) return status;
  if (Status status = run.run(); !status.ok()) return status;
  return run.report();
}

}  // namespace lithos
