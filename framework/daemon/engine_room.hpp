// SPDX-License-Identifier: Apache-2.0
// What happens on the daemon's engine thread: tenants come and go, their rings are emptied into engine and device,
// time passes, leases and completions go back. Everything here is called from that one thread; whoever else wants
// something posts it there (mailbox.hpp).
//
// Tenants are hostile (ipc/tenant_peer.hpp). Who they are and what they own is decided by the configuration and not
// by them: a name the configuration does not know is a best-effort tenant without a quota, and a name in use is
// refused.
//
// A tenant that dies: its rings are emptied once more, its work on the device ends as records that the daemon makes
// in its place, and its slot and TPCs are free once nothing of it runs.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "daemon/kernel_registry.hpp"
#include "daemon/shared_engine_port.hpp"
#include "daemon/virtual_device.hpp"
#include "engine/engine.hpp"
#include "engine/engine_snapshot.hpp"
#include "ipc/channel.hpp"
#include "ipc/tenant_peer.hpp"
#include "policy_host/policy_set.hpp"

namespace lithos {

struct EngineRoomConfig {
  GpuShape gpu;
  KernelRules rules;
  Sharing sharing = Sharing::mps;
  EngineConfig engine;
  std::vector<TenantConfig> tenants;                     // by name: class, quota, SLO
  PolicySetConfig set;                                   // quotas and tolerances that replace theirs
  std::function<void(TenantId, const Lease&)> on_lease;  // every lease that the engine publishes; may be empty
  // Power control beside the device, called on the engine thread; may be empty. reading(): clock 0 and power NaN where
  // not known, and then the device's own count.
  std::function<void(std::uint32_t mhz)> set_clock;
  std::function<std::pair<std::uint32_t, double>()> power_reading;
};

struct SessionReport {
  std::string name;
  TenantClass tenant_class{};
  std::uint32_t slot = 0, incarnation = 0;
  int pid = 0;
  unsigned quota_tpcs = 0;
  TpcSet own, leased, working;  // working: a block of it is resident there, as the device says
  Nanoseconds slo{0};
  double slo_attainment = 1;                     // of its last requests
  Nanoseconds latency_p50{0}, latency_p99{0};    // of the requests of the last 10 to 20 s; 0: there was none
  std::uint64_t queued = 0;                      // launches that wait
  Pressure pressure{};
  std::uint32_t device_in_flight = 0;
  TenantCounters counters;
  std::vector<OperatorReport> operators;  // those that ran, the costliest first, as many as were asked for
  ipc::PeerCounters link;
  std::uint64_t records_dropped = 0;
};

class EngineRoom {
 public:
  EngineRoom(const EngineRoomConfig& config, std::shared_ptr<PolicySet> policies, int wake_event);
  ~EngineRoom();

  // ---- tenants -------------------------------------------------------------------------------------------
  // A visitor at the door, who has not said hello yet. The key names the connection from here on; `pid` 0: not known.
  std::uint64_t add_visitor(ipc::Channel channel, int pid);
  // Something came in on its socket. False: the connection has ended (and the tenant, if it was one, has left).
  bool read(std::uint64_t key);
  void hang_up(std::uint64_t key);  // the process has died
  int fd_of(std::uint64_t key) const;

  // ---- time ----------------------------------------------------------------------------------------------
  // Does what is due. True: there was something to do, so look again soon.
  bool step(Nanoseconds now);
  // When to step next if nothing comes in before.
  Nanoseconds next(Nanoseconds now) const;
  // Before sleeping: raises the flags. False: something came in meanwhile, do not sleep.
  bool about_to_sleep();
  void awake();

  // ---- policies ------------------------------------------------------------------------------------------
  // At a decision boundary by nature: nothing else runs on this thread. Returns the set that decided until now.
  std::shared_ptr<PolicySet> exchange_policies(std::shared_ptr<PolicySet> next, Nanoseconds now);
  // Tenants that join from now on are those of this list; who is there keeps what it has.
  void set_tenants(std::vector<TenantConfig> tenants, PolicySetConfig set);
  PolicySet& policies() { return *policies_; }
  std::uint64_t generation() const { return generation_; }  // counts exchanges
  // Of the steps since the last exchange in which the engine asked the new policies about operators, the longest.
  Nanoseconds longest_refresh() const { return longest_refresh_; }
  bool refreshing() const { return engine_.has_stale_operators(); }

  // ---- what has been observed (engine.hpp) ------------------------------------------------------------------
  std::size_t recall(std::span<const lithos_observation> learned) { return engine_.recall(learned); }
  void learned_part(std::size_t part, std::vector<lithos_observation>& out) const { engine_.learned_part(part, out); }

  // ---- exporters -----------------------------------------------------------------------------------------
  void attach(EventRing& ring, Nanoseconds now) { engine_.attach(ring, now); }
  void detach(EventRing& ring) { engine_.detach(ring); }
  void snapshot(Nanoseconds now, EngineSnapshot& out) const { engine_.snapshot(now, out); }
  double energy_j() const { return device_.totals().energy_j; }

  // ---- reports -------------------------------------------------------------------------------------------
  std::vector<SessionReport> sessions(std::size_t operators = 0) const;  // with so many of each tenant's
  const EngineCounters& engine_counters() const { return engine_.counters(); }
  std::uint64_t joined() const { return next_incarnation_ - 1; }
  std::uint64_t device_completions() const { return device_.totals().completions; }
  std::uint64_t device_refused() const { return device_.refused(); }

 private:
  struct Session;

  Session* find(std::uint64_t key) const;
  bool hear(Session& session, Nanoseconds now);
  bool obey(Session& session, ipc::Received& message, Nanoseconds now);
  bool register_something(Session& session, ipc::Received& message, Nanoseconds now);
  Status admit(Session& session, const std::string& name, Nanoseconds now);
  ipc::TenantTerms terms_of(const std::string& name) const;
  TenantSpec spec_of(const std::string& name, bool& known) const;
  void share_pages(Session& fresh);
  void send_page(Session& to, const Session& of);
  void part(Session& session, Nanoseconds now);
  bool drain(Session& session, Nanoseconds now);
  bool names_unread(const Record& record) const;
  void on_orphan(const Record& orphan, std::uint32_t incarnation);
  void end_if_over(TenantId tenant, Nanoseconds now);
  bool watch_pressure(Nanoseconds now);
  bool is_quiet(Nanoseconds now) const;
  void sample_clock(Nanoseconds now);
  void engine_timer(Nanoseconds now);
  void forget_parted();

  EngineRoomConfig config_;
  std::shared_ptr<PolicySet> policies_;
  const int wake_event_;
  SharedEnginePort port_;
  Engine engine_;
  VirtualDevice device_;
  KernelRegistry registry_;
  std::vector<std::unique_ptr<Session>> sessions_;  // visitors and tenants
  std::array<std::uint64_t, ipc::kTenantsMax> last_sequence_{};
  std::array<std::uint32_t, ipc::kTenantsMax> tenancy_{};  // the slot's newest incarnation
  std::uint64_t next_key_ = 1;
  std::uint32_t next_incarnation_ = 1;
  std::uint64_t generation_ = 1;
  bool someone_parted_ = false;
  Nanoseconds last_input_{0}, next_sample_{0}, longest_refresh_{0};
  double sampled_energy_j_ = 0;
};

}  // namespace lithos
