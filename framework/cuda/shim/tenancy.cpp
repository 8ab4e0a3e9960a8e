// SPDX-License-Identifier: Apache-2.0
#include "cuda/shim/tenancy.hpp"

#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "cuda/shim/nap.hpp"
#include "cuda/shim/process.hpp"
#include "cuda/shim/service.hpp"
#include "cuda/shim/thread_state.hpp"
#include "ipc/attachment.hpp"
#include "ipc/wake.hpp"

namespace lithos::cuda::shim {
namespace {

constexpr std::uint64_t kFixedGeneration = 1;

Lease make_fixed_lease(const GpuShape& gpu, const Settings& settings) {
  Lease lease;
  lease.generation = kFixedGeneration;
  lease.masked = settings.fixed_tpcs.has_value();
  lease.own = lease.masked ? *settings.fixed_tpcs & gpu.all() : gpu.all();
  lease.co_resident = lease.own;                    // who shares TPCs is the business of whoever fixed them
  lease.starvation_limit = Nanoseconds{1'000'000};  // nothing will change: do not wait for it
  if (settings.hold_us != 0) {
    lease.hold = true;
    lease.starvation_limit = Nanoseconds{std::int64_t{1000} * settings.hold_us};
  }
  return lease;
}

}  // namespace

Nanoseconds host_now() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return Nanoseconds{now.tv_sec * 1'000'000'000 + now.tv_nsec};
}

// ---- Tenancy ---------------------------------------------------------------------------------------------

Tenancy::Tenancy(GpuShape gpu, const Settings& settings)
    : gpu_(std::move(gpu)),
      map_(gpu_),
      rules_(read_rules(settings.rules_file)),
      wake_event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Tenancy* Tenancy::fixed(const GpuShape& gpu, const Settings& settings) {
  auto* const made = new Tenancy(gpu, settings);
  made->fixed_lease_ = make_fixed_lease(made->gpu_, settings);
  made->completions_.open(nullptr);
  return made;
}

Result<Tenancy*> Tenancy::attach(const Settings& settings) {
  ipc::TenantOptions options;
  options.socket = settings.socket;
  options.name = settings.tenant;
  options.read_by_others = true;
  Result<std::unique_ptr<ipc::TenantLink>> link = ipc::TenantLink::connect(options);
  if (!link.ok()) return link.status();
  auto* const made = new Tenancy(link.value()->gpu(), settings);
  made->link_ = std::move(link).value();
  made->terms_ = made->link_->terms();
  made->config_.tenant = made->link_->slot();
  made->completions_.open(made->link_->attachment().area().slots);
  made->follow_link();
  return made;
}

void Tenancy::follow_link() {
  ipc::Attachment& now = link_->attachment();
  own_page_.store(static_cast<ipc::PressurePage*>(now.pressure_map.get()), std::memory_order_release);
  for (unsigned i = 0; i < pages_.size(); ++i) {
    const ipc::Attachment::OtherPage& page = now.others[i];
    const std::uint64_t key = page.map ? std::uint64_t{page.incarnation} << 32 | i : 0;
    if (pages_[i].key.load(std::memory_order_relaxed) == key) continue;
    pages_[i].key.store(0, std::memory_order_seq_cst);
    pages_[i].at.store(static_cast<const ipc::PressurePage*>(page.map.get()), std::memory_order_seq_cst);
    pages_[i].key.store(key, std::memory_order_seq_cst);
  }
  area_.store(&now.area(), std::memory_order_release);
  daemon_gone_.store(!link_->attached(), std::memory_order_release);
}

PressureWord Tenancy::pressure_of(std::uint64_t lender_key) const {
  constexpr PressureWord kPressed{Pressure::pressed, Nanoseconds{0}};
  const auto index = static_cast<std::uint32_t>(lender_key);
  if (index >= pages_.size()) return kPressed;
  const Page& page = pages_[index];
  const ipc::PressurePage* const at = page.at.load(std::memory_order_acquire);
  if (at == nullptr || page.key.load(std::memory_order_acquire) != lender_key) return kPressed;
  return ipc::pressure_from_wire(ipc::load(&at->word.value));
}

bool Tenancy::is_behind(std::uint64_t launched, Nanoseconds now) const {
  return launched != finished_.load(std::memory_order_seq_cst) ||
         now.count() - last_finished_ns_.load(std::memory_order_relaxed) < config_.back_to_back.count();
}

std::uint64_t Tenancy::raise_pressure(Nanoseconds now) {
  const std::uint64_t launched = launched_.fetch_add(1, std::memory_order_seq_cst);
  const std::uint64_t number = launched + 1;
  ipc::PressurePage* const page = own_page_.load(std::memory_order_acquire);
  if (page == nullptr) return number;
  const Pressure level = is_behind(launched, now) ? Pressure::pressed : Pressure::active;
  if (level_.load(std::memory_order_relaxed) >= static_cast<std::uint32_t>(level)) return number;
  level_.store(static_cast<std::uint32_t>(level), std::memory_order_relaxed);
  ipc::store(&page->word.value, ipc::to_wire(PressureWord{level, now}), std::memory_order_seq_cst);
  return number;
}

// The service thread is told: nobody else takes back the pressure that was raised for the launch.
void Tenancy::never_flew() {
  finished_.fetch_add(1, std::memory_order_seq_cst);
  ipc::wake_if_asleep(&service_asleep_, wake_event_);
}

void Tenancy::report(ThreadState& thread, const LaunchReport& report) {
  borrowed_.add(report.borrowed, from_u64(report.predicted_ns), from_u64(report.submitted_ns));
  if (!thread.reports.push(report)) {
    thread.counters.add(Count::reports_dropped);
    borrowed_.remove(report.borrowed, from_u64(report.predicted_ns), Nanoseconds{0}, from_u64(report.submitted_ns));
    never_flew();  // nobody will see it finish
    return;
  }
  ipc::wake_if_asleep(&service_asleep_, wake_event_);
}

void Tenancy::report_only(ThreadState& thread, const LaunchReport& report) {
  if (!thread.reports.push(report)) return thread.counters.add(Count::reports_dropped);
  ipc::wake_if_asleep(&service_asleep_, wake_event_);
}

void Tenancy::start_service() { Service::start(*this); }

void Tenancy::add_kernel(const KernelInfo& kernel) {
  if (!has_daemon()) return;
  const std::lock_guard lock(mutex_);
  fresh_kernels_.push_back(&kernel);
}

std::uint32_t Tenancy::queue_of(std::uint64_t stream) {
  const std::lock_guard lock(mutex_);
  const auto known = std::find(streams_.begin(), streams_.end(), stream);
  if (known != streams_.end()) return static_cast<std::uint32_t>(known - streams_.begin()) + 1;
  streams_.push_back(stream);
  fresh_queues_.push_back(static_cast<std::uint32_t>(streams_.size()) - 1);
  return static_cast<std::uint32_t>(streams_.size());
}

// ---- InlineDecider ---------------------------------------------------------------------------------------

InlineDecider::InlineDecider(Tenancy& tenancy)
    : tenancy_(tenancy),
      admission_(tenancy.map(), tenancy.executor_config(), *this),
      queue_(QueueId{0}, LaunchPath::inline_path, 1),
      lease_(tenancy.fixed_lease()) {}

void InlineDecider::rebind(const ipc::Area* area) {
  area_ = area;
  ++attachments_;
  reader_ = std::make_unique<ipc::LeaseReader>(*area);
  operators_ = std::make_unique<ipc::OperatorTableReader>(*area);
}

const Lease& InlineDecider::lease() {
  const ipc::Area* const area = tenancy_.area();
  if (area == nullptr) return lease_;
  if (area != area_) [[unlikely]]
    rebind(area);
  if (reader_->changed()) [[unlikely]] {
    if (reader_->take(wire_)) {
      ipc::from_wire(wire_, lease_, lender_keys_);
      lease_.generation |= attachments_ << kAttachmentShift;
      for (std::uint32_t i = 0; i < lease_.lenders; ++i)
        if (value_of(lease_.lender[i].tenant) < key_of_slot_.size())
          key_of_slot_[value_of(lease_.lender[i].tenant)] = lender_keys_[i];
      lapsed_ = false;
    }
  }
  // The daemon has gone: nobody can tell its owners' wishes from now on, so what was borrowed lapses.
  if (tenancy_.daemon_gone() && !lapsed_) [[unlikely]] {
    lapsed_ = true;
    lease_.generation |= std::uint64_t{1} << 63;
    lease_.borrowed = {};
    lease_.lenders = 0;
    lease_.hold = false;
  }
  return lease_;
}

const OperatorDecision* InlineDecider::decision(OperatorId op) {
  return operators_ == nullptr ? nullptr : operators_->find(op);
}

PressureWord InlineDecider::pressure_of(TenantId lender) {
  const auto index = value_of(lender);
  return index < key_of_slot_.size() ? tenancy_.pressure_of(key_of_slot_[index])
                                     : PressureWord{Pressure::pressed, Nanoseconds{0}};
}

bool InlineDecider::try_once(Nanoseconds now, Decision& decision) {
  if (request_begins_) [[unlikely]] {
    request_begins_ = false;
    admission_.request_begins(tenancy_.is_behind(now));
  }
  decision.verdict = admission_.ask(queue_, head_, tenancy_.borrowed().outstanding(), now);
  if (!decision.verdict.go()) return false;
  last_queue_ = head_queue_;
  if (head_.next_block == 0) admission_.launched(now);
  decision.confine = decision.verdict.masked;
  decision.starved = decision.verdict.coverage == Coverage::starved;
  return true;
}

InlineDecider::Versions InlineDecider::versions_of(const Launch& launch) {
  if (operators_ == nullptr) return {};
  const OperatorId op = launch.kernel.id;
  Versions versions{operators_->version(op)};
  const OperatorDecision* const decided = decision(op);
  versions.mixed = decided != nullptr && decided->mixed;
  if (versions.mixed && launch.context != 0) versions.kind = operators_->version(kind_of(op, launch.context));
  return versions;
}

void InlineDecider::keep_if_steady(const Decision& decision, const Versions& versions) {
  const KernelInfo& kernel = *head_.kernel;
  const bool whole = head_.next_block == 0 && decision.verdict.blocks >= kernel.blocks;
  if (!whole || decision.starved) return;
  const OperatorDecision* decided = this->decision(kernel.id);
  if (versions.kind != 0) decided = this->decision(kind_of(kernel.id, head_.context));
  if (decided != nullptr && decided->rush_after != 0) return;  // depends on how far behind the tenant is
  Steady known{&kernel, lease_.generation, versions.op, versions.kind, 0, decision};
  if (versions.mixed) {
    if (head_.context == 0) return;  // what follows nothing is rare
    known.context = head_.context;
    steady_[steady_index(kernel, head_.context)] = known;
    known.context = kMixed;
  }
  steady_[steady_index(kernel, 0)] = known;
}

const InlineDecider::Decision* InlineDecider::steady_kind(const KernelInfo& kernel, LaunchContext context, std::uint64_t version) {
  const Steady& known = steady_[steady_index(kernel, context)];
  if (known.kernel != &kernel || known.context != context || known.generation != lease_.generation || known.version != version)
    return nullptr;
  return operators_->version(kind_of(kernel.id, context)) == known.kind_version ? &known.decision : nullptr;
}

Nanoseconds InlineDecider::nap_until(Nanoseconds retry_at, Nanoseconds now) const {
  constexpr Nanoseconds kNapMost{50'000};
  nap(now - queue_.stuck_since, std::clamp(retry_at - now, kNapLeast, kNapMost));
  return host_now();
}

bool InlineDecider::decide_now(const Launch& launch, Nanoseconds now, bool urgent, Nanoseconds& stuck_since,
                               Decision& decision) {
  decision = {};
  face(launch);
  head_.urgent = urgent;
  queue_.stuck_since = stuck_since;
  decision.waited = stuck_since != kNever;
  const bool goes = try_once(now, decision);
  queue_.stuck_since = kNever;
  if (goes) return true;
  if (stuck_since == kNever) stuck_since = now;
  if (!urgent && now - stuck_since <= 2 * admission_.starvation_limit()) return false;
  go_home(decision);
  return true;
}

// Its own TPCs, if it can finish there; else wherever the driver puts it: better unconfined than hung.
void InlineDecider::go_home(Decision& decision) {
  const KernelInfo& kernel = *head_.kernel;
  decision.starved = true;
  Verdict& verdict = decision.verdict;
  verdict = {};
  verdict.outcome = Verdict::Outcome::go;
  verdict.coverage = Coverage::starved;
  verdict.blocks = kernel.blocks - head_.next_block;
  decision.confine = home(verdict.tpcs) && tenancy_.map().holds(kernel, verdict.tpcs);
  if (!decision.confine) verdict.tpcs = tenancy_.gpu().all();
}

bool InlineDecider::home(TpcSet& tpcs) {
  const Lease& now = lease();
  if (now.generation == published_generation_) {
    tpcs = published_home_;
    return published_masked_;
  }
  published_generation_ = now.generation;
  tpcs = now.own | now.unowned;
  const bool masked = now.generation != 0 && now.masked && !tpcs.empty();
  if (masked != published_masked_ || !(tpcs == published_home_)) {
    // Many threads may see a new lease at once and publish the same; a reader that meets two writers tries again.
    static std::mutex one_at_a_time;
    const std::lock_guard lock(one_at_a_time);
    Process& process = Process::instance();
    process.home().publish(masked, process.geometry().bits_of(tpcs));
    published_masked_ = masked;
    published_home_ = tpcs;
  }
  return masked;
}

}  // namespace lithos::cuda::shim
