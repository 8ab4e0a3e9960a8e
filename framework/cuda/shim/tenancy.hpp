// SPDX-License-Identifier: Apache-2.0
// This process as a tenant: its lease, from lithosd or fixed for life, and what becomes of its launches.
//
//   launching threads   decide where a launch goes (InlineDecider, one for each thread: no lock, no system call), raise
//                       the tenant's pressure, and put a report into their own ring
//   service thread      everything else: the daemon's socket, records, completions, lowering pressure, naming kernels
//                       that hang. Asleep while nothing is in flight; the launch that finds it asleep wakes it
//
// The daemon may go and come back; the last lease stays in force without what was borrowed (ipc/tenant_link.hpp).
// After fork everything here is dead (Process stands aside). Never destroyed.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "cuda/shim/borrowed_work.hpp"
#include "cuda/shim/completion_memory.hpp"
#include "cuda/shim/cutter.hpp"
#include "cuda/shim/nap.hpp"
#include "cuda/shim/settings.hpp"
#include "engine/tpc_map.hpp"
#include "executor/admission.hpp"
#include "executor/executor.hpp"
#include "ipc/lease_buffer.hpp"
#include "ipc/operator_table.hpp"
#include "ipc/tenant_link.hpp"

namespace lithos::ipc {
class Attachment;
}

namespace lithos::cuda::shim {

struct ThreadState;
struct LaunchReport;
struct GraphExec;
class Service;

class Tenancy {
 public:
  // A lease for life. `tpcs` empty: all of them, nobody is confined.
  static Tenancy* fixed(const GpuShape& gpu, const Settings& settings);
  // Errors as TenantLink::connect().
  static Result<Tenancy*> attach(const Settings& settings);

  const GpuShape& gpu() const { return gpu_; }
  const TpcMap& map() const { return map_; }
  const KernelRules& rules() const { return rules_; }
  const ExecutorConfig& executor_config() const { return config_; }
  bool has_daemon() const { return link_ != nullptr; }
  const ipc::TenantTerms& terms() const { return terms_; }
  CompletionMemory& completions() { return completions_; }
  Cutter& cutter() { return cutter_; }

  void start_service();  // once, when the process is active

  // ---- any thread; locks, rare ----------------------------------------------------------------------------
  void add_kernel(const KernelInfo& kernel);
  // 1 + the number of the launch queue of this stream.
  std::uint32_t queue_of(std::uint64_t stream);

  // ---- launching threads ----------------------------------------------------------------------------------
  // The newest lease's memory; nullptr: a fixed lease.
  const ipc::Area* area() const { return area_.load(std::memory_order_acquire); }
  bool daemon_gone() const { return daemon_gone_.load(std::memory_order_acquire); }
  const Lease& fixed_lease() const { return fixed_lease_; }
  PressureWord pressure_of(std::uint64_t lender_key) const;
  // A launch is about to go: raises this tenant's pressure if need be. Returns the launch's number.
  std::uint64_t raise_pressure(Nanoseconds now);
  // A launch now comes before, or right after, the end of another of the tenant's.
  bool is_behind(Nanoseconds now) const { return is_behind(launched_.load(std::memory_order_acquire), now); }
  void never_flew();  // after raise_pressure(), no launch
  void report(ThreadState& thread, const LaunchReport& report);
  void report_only(ThreadState& thread, const LaunchReport& report);  // of something that is no launch
  BorrowedWork& borrowed() { return borrowed_; }
  std::uint64_t unfinished() const {
    return launched_.load(std::memory_order_acquire) - finished_.load(std::memory_order_acquire);
  }

 private:
  bool is_behind(std::uint64_t launched, Nanoseconds now) const;
  friend class Service;
  Tenancy(GpuShape gpu, const Settings& settings);
  void follow_link();  // publishes what the link has now to launching threads; service thread

  GpuShape gpu_;
  TpcMap map_;
  KernelRules rules_;
  ExecutorConfig config_;
  CompletionMemory completions_;
  Cutter cutter_;
  Lease fixed_lease_;
  ipc::TenantTerms terms_{};
  std::unique_ptr<ipc::TenantLink> link_;  // service thread's, once it runs

  std::atomic<const ipc::Area*> area_{nullptr};
  std::atomic<ipc::PressurePage*> own_page_{nullptr};
  std::atomic<bool> daemon_gone_{false};
  struct Page {
    std::atomic<const ipc::PressurePage*> at{nullptr};
    std::atomic<std::uint64_t> key{0};
  };
  std::array<Page, ipc::kTenantsMax> pages_;

  // What launching threads write at every launch, and what the service thread writes at every completion, in lines of
  // their own: neither side pays for the other's writes.
  alignas(ipc::kCacheLine) std::atomic<std::uint64_t> launched_{0};
  std::atomic<std::uint32_t> level_{0};  // of pressure, as published
  alignas(ipc::kCacheLine) std::atomic<std::uint64_t> finished_{0};
  std::atomic<std::int64_t> last_finished_ns_{0};
  alignas(ipc::kCacheLine) BorrowedWork borrowed_;  // both sides; borrowers only
  alignas(ipc::kCacheLine) std::uint32_t service_asleep_ = 0;  // wake.hpp
  int wake_event_ = -1;

  std::mutex mutex_;  // of what follows
  std::vector<const KernelInfo*> fresh_kernels_;
  std::vector<std::uint32_t> fresh_queues_;
  std::vector<std::uint64_t> streams_;  // by queue number
};

// Where a launch of this thread goes.
class InlineDecider final : private TenantPort {
 public:
  explicit InlineDecider(Tenancy& tenancy);

  struct Launch {
    const KernelInfo& kernel;
    LaunchContext context = 0;
    std::uint32_t first_block = 0;
    std::uint32_t queue = 0;
  };
  // For the blocks from `first_block` on. Waits where the lease cannot run the launch now and `may_wait()`, asked once, allows it: at most
  // twice the starvation limit. Each turn is a call of `waits(now, until)`, which says what time it is then. Then the launch goes where it
  // safely can.
  struct Decision {
    Verdict verdict;
    bool waited = false, starved = false;
    bool confine = true;  // false: nothing that is safe for it is the tenant's; leave the driver's mask
  };
  // What decide() said of a whole launch of this kernel and would say again: the lease and what is decided about the operator are as they
  // were, and neither time nor others' pressure comes into it. nullptr: ask.
  const Decision* steady(const KernelInfo& kernel, LaunchContext context) {
    const Lease& now = lease();
    const Steady& known = steady_[steady_index(kernel, 0)];
    if (known.kernel != &kernel || known.generation != now.generation || request_begins_) return nullptr;
    if (operators_ != nullptr && operators_->version(kernel.id) != known.version) return nullptr;
    if (known.context == 0) [[likely]] return &known.decision;
    return steady_kind(kernel, context, known.version);
  }
  template <class MayWait, class Waits>
  Decision decide(const Launch& launch, Nanoseconds now, MayWait&& may_wait, Waits&& waits) {
    Decision decision;
    face(launch);
    const Versions versions = lease_is_steady() ? versions_of(launch) : Versions{};
    if (try_once(now, decision)) {
      if (lease_is_steady()) keep_if_steady(decision, versions);
      return decision;
    }
    if (!may_wait()) return go_home(decision), decision;
    decision.waited = true;
    queue_.stuck_since = now;
    const FineSlack fine;
    do {
      // After the limit admission lets it run at its minimum, and the engine gathers rights for it; hence twice.
      if (now - queue_.stuck_since > 2 * admission_.starvation_limit()) {
        go_home(decision);
        break;
      }
      now = waits(now, decision.verdict.retry_at);
    } while (!try_once(now, decision));
    queue_.stuck_since = kNever;
    return decision;
  }
  // The same without waiting: false where it may not go now. `stuck_since`: since when; kNever: since now. After twice the starvation
  // limit it goes where it safely can. `urgent`: it goes at once, whatever hold and limits say.
  bool decide_now(const Launch& launch, Nanoseconds now, bool urgent, Nanoseconds& stuck_since, Decision& decision);
  // Own TPCs and those of nobody: for graphs' nodes and for what the driver launches of itself. False: not confined.
  bool home(TpcSet& tpcs);
  // The same, made known to the callback (Process::home()).
  void publish_home() {
    if (lease().generation == published_generation_) [[likely]] return;
    TpcSet ignored;
    home(ignored);
  }
  // The thread has waited for a queue of its: what it launches next is a new request.
  void waited() { request_begins_ = true; }
  // While a launch waits; what time it is then.
  Nanoseconds nap_until(Nanoseconds retry_at, Nanoseconds now) const;
  std::uint64_t lease_generation() { return lease().generation & ((std::uint64_t{1} << kAttachmentShift) - 1); }

 private:
  // Of what was decided about the operator, and about the launch's kind if it has kinds; 0: nothing.
  struct Versions {
    std::uint64_t op = 0, kind = 0;
    bool mixed = false;
  };
  // Of an operator that has kinds, each kind has an entry; its own place says so (kMixed) and has no decision.
  struct Steady {
    const KernelInfo* kernel = nullptr;
    std::uint64_t generation = 0, version = 0, kind_version = 0;
    std::uint32_t context = 0;
    Decision decision;
  };
  static constexpr std::uint32_t kMixed = ~std::uint32_t{0};
  static constexpr std::size_t kSteady = 256;
  static std::size_t steady_index(const KernelInfo& kernel, LaunchContext context) {
    const auto at = reinterpret_cast<std::uintptr_t>(&kernel);
    const std::size_t kind = context == 0 ? 0 : 1 + context % (kSteady - 1);  // never the operator's own place
    return (at >> 6 ^ at >> 14 ^ kind) % kSteady;
  }
  const Decision* steady_kind(const KernelInfo& kernel, LaunchContext context, std::uint64_t version);
  Versions versions_of(const Launch& launch);
  void face(const Launch& launch) {
    head_ = {};
    head_.kernel = &launch.kernel;
    head_.context = launch.context;
    head_.next_block = launch.first_block;
    head_.behind = launch.queue == last_queue_;
    head_queue_ = launch.queue;
  }
  // What may be used changes with the lease alone.
  bool lease_is_steady() const { return lease_.lenders == 0 && !lease_.hold && !(lease_.launches_per_s > 0); }
  // `versions`: from before it was asked for.
  void keep_if_steady(const Decision& decision, const Versions& versions);
  bool try_once(Nanoseconds now, Decision& decision);
  void go_home(Decision& decision);
  const Lease& lease() override;
  const OperatorDecision* decision(OperatorId op) override;
  PressureWord pressure_of(TenantId lender) override;
  void publish_pressure(const PressureWord&) override {}
  void push(const Record&) override {}
  void rebind(const ipc::Area* area);

  Tenancy& tenancy_;
  Admission admission_;
  LaunchQueue queue_;
  WaitingLaunch head_;  // of the launch being decided
  std::uint32_t head_queue_ = 0, last_queue_ = ~std::uint32_t{0};  // where it goes, and where the last one of this thread went
  // A daemon that comes back counts leases from 1 again, and the executor knows a lease by its generation: which
  // attachment it is from stands in the upper bits.
  static constexpr unsigned kAttachmentShift = 40;
  std::uint64_t attachments_ = 0;
  const ipc::Area* area_ = nullptr;
  std::unique_ptr<ipc::LeaseReader> reader_;
  std::unique_ptr<ipc::OperatorTableReader> operators_;
  ipc::WireLease wire_{};
  std::uint64_t lender_keys_[Lease::kMaxLenders] = {};
  std::array<std::uint64_t, Lease::kMaxLenders> key_of_slot_{};
  Lease lease_;
  bool lapsed_ = false;
  std::array<Steady, kSteady> steady_{};
  bool request_begins_ = true;
  std::uint64_t published_generation_ = ~std::uint64_t{0};
  TpcSet published_home_;
  bool published_masked_ = false;
};

Nanoseconds host_now();

}  // namespace lithos::cuda::shim
