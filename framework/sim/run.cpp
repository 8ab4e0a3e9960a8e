// SPDX-License-Identifier: Apache-2.0
#include "sim/run.hpp"

#include <algorithm>
#include <cassert>

#include "engine/places.hpp"
#include "sim/device_model.hpp"

namespace lithos {
namespace {

constexpr QueueId kQueue{1};                          // one CUDA stream per tenant
constexpr Nanoseconds kPowerSampleEvery{10'000'000};  // the pace at which a daemon reads the board's power
constexpr Nanoseconds kPokeAgainAfter{200};           // a polling dispatcher's round; also keeps time moving
constexpr Nanoseconds kMetricsEvery{1'000'000'000};
constexpr unsigned kProgressSteps = 200;
constexpr std::uint32_t kTimelineBins = 240, kSamplesPerBin = 32;
constexpr std::uint32_t kDetailBins = 500;
constexpr Nanoseconds kDetailWindow{20'000'000};  // bins of 40 µs: single launches can be told apart

// What was counted before the end of warm-up taken out.
std::vector<OperatorReport> operators_since(std::vector<OperatorReport> now, const std::vector<OperatorReport>& before) {
  for (std::size_t i = 0; i < before.size() && i < now.size(); ++i) {
    now[i].totals.launches -= before[i].totals.launches;
    now[i].totals.atoms -= before[i].totals.atoms;
    now[i].totals.ns -= before[i].totals.ns;
    now[i].totals.tpc_ns -= before[i].totals.tpc_ns;
    for (unsigned kind = 0; kind < kCoverageKinds; ++kind) now[i].totals.went[kind] -= before[i].totals.went[kind];
  }
  return now;
}

}  // namespace

struct Run::Tenant {
  const TenantConfig* config = nullptr;
  std::shared_ptr<const TenantProgram> program;
  TenantId id{};
  std::uint32_t quota_tpcs = 0;
  TenantChannel* channel = nullptr;
  std::unique_ptr<Executor> executor;
  std::unique_ptr<Workload> workload;
  Nanoseconds next_poke = kNever;
  TenantCounters counters_before;  // at the end of warm-up
  std::vector<OperatorReport> operators_before;

  Nanoseconds next() const { return std::min({channel->next(), next_poke, workload->next()}); }
};

Run::Run(const Config& config, const PolicySetConfig& set, std::shared_ptr<const SimInputs> inputs, PolicySet& policies,
         std::uint64_t seed, Nanoseconds duration)
    : config_(config),
      set_(set),
      inputs_(std::move(inputs)),
      policies_(policies),
      seed_(seed),
      duration_(duration),
      gpu_(inputs_->gpu, h200_model(), set.sharing, *this),
      transport_(config.transport, seed) {}

Run::~Run() = default;

void Run::on_device_completion(const Completion& completion) {
  transport_.set_now(completion.completed);
  transport_.channel(completion.tenant).completed(completion);
}

Status Run::start() {
  EngineConfig engine_config;
  engine_config.starvation_limit = set_.starvation_limit;
  engine_config.slip = set_.slip;
  engine_config.masked = set_.masks;
  engine_config.statistics = next_metrics_ != kNever;
  engine_ = std::make_unique<Engine>(inputs_->gpu, engine_config, policies_, transport_);
  for (const auto& feed : feeds_) engine_->attach(feed->ring(), now_);
  for (std::size_t i = 0; i < config_.tenants.size(); ++i) {
    if (!takes_part(set_, config_.tenants[i])) continue;
    if (Status status = add_tenant(config_.tenants[i], inputs_->programs[i]); !status.ok()) return status;
  }
  if (tenants_.empty()) return invalid_argument("set \"" + set_.name + "\": no tenant takes part");
  next_sample_ = kPowerSampleEvery;
  engine_called();
  return {};
}

Status Run::add_tenant(const TenantConfig& config, std::shared_ptr<const TenantProgram> program) {
  const TenantSpec spec = configured_spec(config, inputs_->gpu, config_.tenants, set_);
  const Result<TenantId> joined = engine_->join(spec, now_);
  if (!joined.ok())
    return {joined.status().code(),
            "set \"" + set_.name + "\", tenant \"" + config.name + "\": " + joined.status().message()};

  auto tenant = std::make_unique<Tenant>();
  tenant->config = &config;
  tenant->program = program;
  tenant->id = joined.value();
  tenant->quota_tpcs = spec.quota_tpcs;
  tenant->channel = &transport_.add_tenant(tenant->id);
  gpu_.set_own(tenant->id, engine_->own_tpcs(tenant->id));
  const bool graph = config.mode == LaunchMode::graph;
  for (std::size_t i = 0; i < program->kernels.size(); ++i) {
    gpu_.add_kernel(program->kernels[i], program->curves[i]);
    engine_->register_kernel(tenant->id, program->kernels[i], now_);
  }
  if (graph) engine_->register_graph(tenant->id, program->graph, now_);

  ExecutorConfig executor_config;
  executor_config.tenant = tenant->id;
  executor_config.submit_ahead = set_.submit_ahead;
  tenant->executor = std::make_unique<Executor>(inputs_->gpu, executor_config, gpu_, *tenant->channel);
  const bool straight = !set_.masks || !config.queued;
  tenant->executor->add_queue(kQueue, straight ? LaunchPath::inline_path : LaunchPath::queued_path);
  engine_->queue_added(tenant->id, kQueue, now_);

  WorkloadProgram workload;
  for (const KernelInfo& kernel : program->kernels) workload.kernels.push_back(&kernel);
  workload.graph = graph ? &program->graph : nullptr;
  workload.launch_gap = config.launch_gap.count() > 0 ? config.launch_gap : h200_model().eager_launch_gap;
  workload.calls_wait = !config.queued;
  tenant->workload = std::make_unique<Workload>(
      config, std::move(workload), Arrivals(config.arrivals, seed_for(seed_, config.name), program->arrivals),
      *tenant->executor, kQueue, config_.transport.clock_offset);
  tenants_.push_back(std::move(tenant));
  return {};
}

Nanoseconds Run::next_event() const {
  Nanoseconds next = std::min({gpu_.next_event(), engine_next_, next_sample_});
  for (const auto& tenant : tenants_) next = std::min(next, tenant->next());
  return next;
}

Status Run::run(const std::function<void(double)>& progress) {
  const Nanoseconds progress_step = std::max(Nanoseconds{1}, duration_ / kProgressSteps);
  Nanoseconds next_progress = progress_step;
  if (config_.run.warmup.count() <= 0) start_measuring(now_);
  for (;;) {
    const Nanoseconds at = std::max(now_, next_event());
    if (at > duration_) break;
    if (next_look_ <= at) look_until(at);
    now_ = at;
    ++events_;
    if (!measuring_ && now_ >= config_.run.warmup) start_measuring(now_);
    gpu_.advance(now_);
    transport_.set_now(now_);
    for (const auto& tenant : tenants_) {
      if (tenant->next() > now_) continue;
      if (Status status = step_tenant(*tenant, now_); !status.ok()) return status;
    }
    if (engine_next_ <= now_) {
      engine_->on_timer(now_);
      engine_called();
    }
    if (next_sample_ <= now_) sample_clock(now_);
    if (next_metrics_ <= now_) sample_metrics(now_);
    if (const std::uint32_t mhz = transport_.take_clock_request(); mhz != 0) request_clock(mhz);
    if (now_ < next_progress) continue;
    next_progress += progress_step;
    if (progress) progress(to_seconds(now_) / to_seconds(duration_));
    if (config_.run.max_requests > 0 && enough_requests()) return finish_exports(), Status{};
  }
  look_until(duration_);
  now_ = duration_;
  gpu_.advance(now_);
  finish_exports();
  return {};
}

void Run::export_to(std::unique_ptr<ExporterService> exporter) {
  feeds_.push_back(std::make_unique<LosslessFeed>(std::move(exporter)));
  if (feeds_.back()->service().takes_samples()) next_metrics_ = kMetricsEvery;
}

void Run::sample_metrics(Nanoseconds now) {
  next_metrics_ = now + kMetricsEvery;
  engine_->snapshot(now, snapshot_);
  MetricPage page;
  page.add(Metric::gpu_energy, {}, energy_before_j_ + gpu_.totals().energy_j);
  metrics_.take(snapshot_, page);
  page.close(now, 0);
  for (const auto& feed : feeds_) feed->sample(page.view());
}

void Run::request_clock(std::uint32_t mhz) {
  gpu_.request_clock(mhz);
  if (power_ != nullptr) (void)power_->apply_clock(mhz);
}

void Run::finish_exports() {
  if (next_metrics_ != kNever) sample_metrics(now_);
  for (const auto& feed : feeds_) feed->flush();
}

bool Run::enough_requests() const {
  bool any = false;
  for (const auto& tenant : tenants_) {
    if (!tenant->workload->open_loop()) continue;
    any = true;
    if (tenant->workload->completed() < config_.run.max_requests) return false;
  }
  return any;
}

Status Run::step_tenant(Tenant& tenant, Nanoseconds now) {
  const Nanoseconds there = transport_.tenant_time(now);
  Completion completion;
  while (tenant.channel->take_completion(completion)) {
    if (!tenant.executor->on_completed(completion, there)) continue;
    if (Status status = tenant.workload->launch_ended(now); !status.ok()) return status;
  }
  bool poke = tenant.next_poke <= now;
  while (tenant.channel->take_lease()) poke = true;
  if (poke) tenant.executor->poke(there);
  tenant.workload->launches_went(now);
  if (tenant.workload->next() <= now)
    if (Status status = tenant.workload->run(now); !status.ok()) return status;
  bool pressure_changed = false;
  while (tenant.channel->take_pressure()) pressure_changed = true;
  if (pressure_changed) wake_borrowers(tenant, now);
  Record record;
  bool heard = false;
  for (; tenant.channel->take_record(record); heard = true) engine_->on_record(record, now);
  if (heard) engine_called();
  refresh_poke(tenant, now);
  return {};
}

// A dispatcher polls its lenders' words while something waits.
void Run::wake_borrowers(const Tenant& lender, Nanoseconds now) {
  for (const auto& other : tenants_) {
    if (other.get() == &lender || other->executor->waiting_launches() == 0) continue;
    other->executor->poke(transport_.tenant_time(now));
    other->workload->launches_went(now);
    refresh_poke(*other, now);
  }
}

void Run::refresh_poke(Tenant& tenant, Nanoseconds now) {
  const Nanoseconds next = transport_.from_tenant_time(tenant.executor->next_poke());
  tenant.next_poke = next <= now ? now + kPokeAgainAfter : next;
}

void Run::sample_clock(Nanoseconds now) {
  const double energy_j = gpu_.totals().energy_j;
  const double watts = (energy_j - sampled_energy_j_) / to_seconds(kPowerSampleEvery);
  sampled_energy_j_ = energy_j;
  engine_->on_clock(gpu_.clock_mhz(), watts, now);
  engine_called();
  next_sample_ = now + kPowerSampleEvery;
  if (measuring_ && now >= next_slip_) {
    next_slip_ = now + SlipWindow::kEvery;
    slip_.add(gpu_.totals().launch_ns, gpu_.totals().launch_at_highest_ns);
  }
}

void Run::start_measuring(Nanoseconds now) {
  measuring_ = true;
  measuring_since_ = now;
  atoms_before_ = gpu_.totals().completions;
  gpu_.advance(now);
  energy_before_j_ = gpu_.totals().energy_j;
  gpu_.reset_totals();
  sampled_energy_j_ = 0;
  slip_.clear();
  next_slip_ = now + SlipWindow::kEvery;
  if (keep_timelines_) start_timelines(now);
  for (const auto& tenant : tenants_) {
    tenant->workload->start_measuring(now);
    tenant->counters_before = engine_->counters(tenant->id);
    if (keep_operators_) tenant->operators_before = engine_->operators(tenant->id);
  }
}

// ---- over time
// ---------------------------------------------------------------------------------------------------------

void Run::start_timelines(Nanoseconds now) {
  const Nanoseconds window = duration_ - now, detail = std::min(window, kDetailWindow);
  const Nanoseconds detail_at = now + (window - detail) / 2;
  const TimelineSpan whole{now, duration_, kTimelineBins, kSamplesPerBin};
  const TimelineSpan close{detail_at, detail_at + detail, kDetailBins, 1};
  for (const TimelineSpan& span : {whole, close})
    samplers_.emplace_back(span, inputs_->gpu.tpcs, tenants_.size(), seed_for(seed_, "timeline"));
  next_look_ = now;
}

// Between two events nothing changes hands, so every instant before `at` looks as it does now.
void Run::look_until(Nanoseconds at) {
  samples_.clear();
  for (const auto& tenant : tenants_) {
    const Lease& lease = tenant->channel->lease();
    samples_.push_back({gpu_.working(tenant->id), engine_->own_tpcs(tenant->id),
                        lease.own | lease.unowned | lease.borrowed[0] | lease.borrowed[1] | lease.borrowed[2],
                        tenant->workload->unfinished()});
  }
  next_look_ = kNever;
  for (TimelineSampler& sampler : samplers_) {
    while (sampler.next() <= at) sampler.look(samples_, gpu_.clock_mhz(), gpu_.power_w());
    next_look_ = std::min(next_look_, sampler.next());
  }
}

// ---- the report
// -------------------------------------------------------------------------------------------------------

SetReport Run::report() {
  SetReport report;
  report.name = set_.name;
  report.sharing = set_.sharing == Sharing::mps ? "mps" : "time_slicing";
  report.confined = set_.masks;
  report.seed = seed_;
  report.simulated_s = to_seconds(now_ - measuring_since_);
  const DeviceTotals& totals = gpu_.totals();
  const double ns = std::max(1.0, static_cast<double>(totals.elapsed.count()));
  report.tpc_utilisation = totals.busy_tpc_ns / ns / inputs_->gpu.tpcs;
  report.energy_j = totals.energy_j;
  report.mean_power_w = totals.energy_j / (ns * 1e-9);
  report.mean_clock_mhz = totals.clock_mhz_ns / ns;
  for (const ClockUse& use : totals.clock_use)
    if (use.ns > 0) report.clock_use.push_back(use);
  report.worst_slip_10s = slip_.worst();
  report.engine = engine_->counters();
  report.records_lost = transport_.records_lost();
  report.events = events_;
  report.atoms = atoms_before_ + totals.completions;
  for (const auto& tenant : tenants_) report.tenants.push_back(tenant_report(*tenant, report.simulated_s));
  for (const PolicyKind kind : kAllPolicyKinds) {
    const PolicyDescription used = policies_.description(kind);
    report.policies.push_back({name_of(kind), used.id, used.version, used.hash});
    for (std::size_t r = 0; r < kFaultReasons; ++r) {
      const auto reason = static_cast<FaultReason>(r);
      if (const std::uint64_t count = policies_.faults().of(kind, reason); count > 0)
        report.faults.push_back({name_of(kind), name_of(reason), count, policies_.faults().last_message(kind)});
    }
  }
  for (const MetricReading& metric : policies_.metrics())
    report.metrics.push_back({name_of(metric.kind), metric.name, metric.unit, metric.value});
  for (const TimelineSampler& sampler : samplers_) report.timelines.push_back(sampler.finish());
  add_warnings(report);
  return report;
}

TenantReport Run::tenant_report(Tenant& tenant, double seconds) const {
  Workload& workload = *tenant.workload;
  TenantReport report;
  report.name = tenant.config->name;
  report.tenant_class = tenant.config->tenant_class;
  report.quota_tpcs = tenant.quota_tpcs;
  report.own = engine_->own_tpcs(tenant.id);
  report.open_loop = workload.open_loop();
  report.arrivals = workload.arrived();
  report.requests = workload.completed();
  report.unfinished = workload.unfinished();
  report.throughput_per_s = seconds > 0 ? static_cast<double>(report.requests) / seconds : 0;
  DurationStatistics& latency = workload.latency();
  report.latency_p50 = latency.percentile(0.5);
  report.latency_p90 = latency.percentile(0.9);
  report.latency_p99 = latency.percentile(0.99);
  report.latency_p999 = latency.percentile(0.999);
  report.latency_max = latency.max();
  report.latency_mean = latency.mean();
  report.latency_histogram = latency.histogram();
  report.service_mean = workload.service().mean();
  report.service_p50 = workload.service().percentile(0.5);
  report.slo = tenant.config->slo;
  if (report.requests > 0)
    report.slo_attainment = static_cast<double>(workload.within_slo()) / static_cast<double>(report.requests);

  const TenantCounters& counters = engine_->counters(tenant.id);
  for (unsigned kind = 0; kind < kCoverageKinds; ++kind)
    report.launches[kind] = counters.launches[kind] - tenant.counters_before.launches[kind];
  report.atoms = counters.atoms_submitted - tenant.counters_before.atoms_submitted;
  report.mispredicted = counters.mispredicted - tenant.counters_before.mispredicted;
  if (keep_operators_) report.operators = operators_since(engine_->operators(tenant.id), tenant.operators_before);
  const DeviceTotals& totals = gpu_.totals();
  const std::size_t slot = value_of(tenant.id);
  const double held = totals.tenant_tpc_ns[slot];
  if (set_.masks && held > 0) report.work_on_borrowed_share = totals.tenant_borrowed_tpc_ns[slot] / held;
  report.tpc_share = held / std::max(1.0, static_cast<double>(totals.elapsed.count())) / inputs_->gpu.tpcs;
  return report;
}

void Run::add_warnings(SetReport& report) const {
  for (const auto& feed : feeds_)
    if (const FeedTotals totals = feed->totals(); totals.failures > 0)
      report.warnings.push_back("exporter " + feed->service().description().id + " failed " +
                                std::to_string(totals.failures) + " times: what it wrote is not complete");
  if (report.engine.refused_unmasked > 0)
    report.warnings.push_back("the scheduler wants launches unmasked, and masks are on: say masks = false in this set, or "
                              "choose another scheduler");
  for (const TenantReport& tenant : report.tenants) {
    if (tenant.requests == 0) report.warnings.push_back("tenant \"" + tenant.name + "\" completed nothing");
    if (const std::uint64_t starved = tenant.launches[static_cast<std::size_t>(Coverage::starved)]; starved > 0)
      report.warnings.push_back(
          "tenant \"" + tenant.name + "\": " + std::to_string(starved) +
          " launches starved: their blocks may wait "
          "for each other, and their lease never had room for all; a kernel rule may say more of them");
    const double backlog_s =
        tenant.throughput_per_s > 0 ? static_cast<double>(tenant.unfinished) / tenant.throughput_per_s : 0;
    if (tenant.open_loop && backlog_s > 0.05 * report.simulated_s)
      report.warnings.push_back("tenant \"" + tenant.name +
                                "\" diverges: requests arrive faster than they complete, so its "
                                "percentiles depend on the run's length");
  }
}

}  // namespace lithos
