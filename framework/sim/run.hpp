// SPDX-License-Identifier: Apache-2.0
// One run in progress: wires device, engine, executors, transport and workloads together and steps through time.
//
// Time jumps from event to event. At one nanosecond the order is fixed: device, tenants in the order of the
// configuration, engine timer; so a run is a function of its inputs. Private to the simulator's sources. One thread per
// run.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "engine/engine.hpp"
#include "executor/executor.hpp"
#include "observe/engine_metrics.hpp"
#include "observe/lossless_feed.hpp"
#include "policy_host/policy_set.hpp"
#include "sim/inputs.hpp"
#include "sim/report.hpp"
#include "sim/simulation.hpp"
#include "sim/slip_window.hpp"
#include "sim/transport.hpp"
#include "sim/virtual_gpu.hpp"
#include "sim/workload.hpp"

namespace lithos {

class Run final : private CompletionSink {
 public:
  Run(const Config& config, const PolicySetConfig& set, std::shared_ptr<const SimInputs> inputs, PolicySet& policies,
      std::uint64_t seed, Nanoseconds duration);
  ~Run();

  Status start();
  Status run(const std::function<void(double)>& progress);
  SetReport report();
  // To be called before start(): the report will tell what ran of each operator.
  void keep_operators() { keep_operators_ = true; }
  // Likewise: what it looked like over time.
  void keep_timelines() { keep_timelines_ = true; }
  // Likewise. Exporters see the whole run, warm-up included, and lose nothing.
  void export_to(std::unique_ptr<ExporterService> exporter);
  void control_power(std::unique_ptr<PowerService> power) { power_ = std::move(power); }

 private:
  struct Tenant;

  Status add_tenant(const TenantConfig& config, std::shared_ptr<const TenantProgram> program);
  Status step_tenant(Tenant& tenant, Nanoseconds now);
  void wake_borrowers(const Tenant& lender, Nanoseconds now);
  void refresh_poke(Tenant& tenant, Nanoseconds now);
  Nanoseconds next_event() const;
  void engine_called() { engine_next_ = engine_->next_timer(); }
  void sample_clock(Nanoseconds now);
  void start_measuring(Nanoseconds now);
  void start_timelines(Nanoseconds now);
  void look_until(Nanoseconds at);
  bool enough_requests() const;
  void on_device_completion(const Completion& completion) override;
  TenantReport tenant_report(Tenant& tenant, double seconds) const;
  void add_warnings(SetReport& report) const;
  void request_clock(std::uint32_t mhz);
  void finish_exports();
  void sample_metrics(Nanoseconds now);

  const Config& config_;
  const PolicySetConfig& set_;
  const std::shared_ptr<const SimInputs> inputs_;
  PolicySet& policies_;
  const std::uint64_t seed_;
  const Nanoseconds duration_;

  VirtualGpu gpu_;
  Transport transport_;
  std::unique_ptr<Engine> engine_;
  Nanoseconds engine_next_ = kNever;  // the engine's next timer; changes only when the engine is called
  std::vector<std::unique_ptr<Tenant>> tenants_;
  Nanoseconds now_{0};
  Nanoseconds measuring_since_{0};
  bool measuring_ = false;
  bool keep_operators_ = false, keep_timelines_ = false;
  std::vector<TimelineSampler> samplers_;
  Nanoseconds next_look_ = kNever;     // of any of them
  std::vector<TenantSample> samples_;  // kept for its capacity
  std::uint64_t atoms_before_ = 0;  // the device's completions up to the end of warm-up
  Nanoseconds next_sample_{0};
  double sampled_energy_j_ = 0;
  SlipWindow slip_;
  Nanoseconds next_slip_{0};
  std::vector<std::unique_ptr<LosslessFeed>> feeds_;
  std::unique_ptr<PowerService> power_;
  EngineMetrics metrics_;
  double energy_before_j_ = 0;  // up to the end of warm-up
  EngineSnapshot snapshot_;
  Nanoseconds next_metrics_ = kNever;
  std::uint64_t events_ = 0;
};

}  // namespace lithos
