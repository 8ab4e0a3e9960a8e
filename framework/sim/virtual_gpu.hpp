// SPDX-License-Identifier: Apache-2.0
// The virtual GPU: a Device that takes atoms and graphs and says when they complete, by a model of what a real GPU
// does.
//
// It is fluid: no block is simulated by itself. A launch in progress holds a set of TPCs and works at the rate that its
// measured time curve gives for so many; events are only: a stream's next launch may start, TPCs leave a launch in its
// last wave while somebody waits for them, a launch ends, a context's slice ends, the clock changes.
// docs/design/virtual-gpu.md explains the model.
//
// How blocks get TPCs. Per TPC the launch first in line (priority, then arrival) that still has undispatched blocks
// gets what becomes free; launches behind it run only where it may not (GPU.md §9: that is what makes the MPS row
// diverge). Launches that are wholly dispatched hold TPCs until their blocks leave; another may join them on an SM if
// registers, shared memory, threads and blocks allow. With time slicing each tenant is a context, and one context works
// at a time.
//
// Use: advance(now) first, then submit at that time; next_event() says when to come back. Completions go to the sink
// from inside advance(), in order of time; the sink must not call back. Steady state does not allocate. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/status.hpp"
#include "base/time.hpp"
#include "base/tpc_set.hpp"
#include "config/config.hpp"
#include "engine/gpu_shape.hpp"
#include "executor/device.hpp"
#include "sim/device_model.hpp"
#include "sim/power_model.hpp"
#include "sim/time_curve.hpp"

namespace lithos {

class CompletionSink {
 public:
  virtual ~CompletionSink() = default;
  virtual void on_device_completion(const Completion& completion) = 0;
};

// Sums since construction or the last reset_totals(). Energy and means over time.
struct DeviceTotals {
  Nanoseconds elapsed{0};
  double busy_tpc_ns = 0;  // TPCs with a block resident, times nanoseconds
  double energy_j = 0;
  double clock_mhz_ns = 0;
  std::vector<ClockUse> clock_use;   // by the device's clocks, the highest first; one entry where it has none
  double launch_ns = 0;              // of all launches in progress …
  double launch_at_highest_ns = 0;   // … and what their work would have taken at the highest clock
  Nanoseconds busy{0};  // time in which anything was resident
  std::uint64_t completions = 0;
  std::uint64_t context_switches = 0;
  std::vector<double> tenant_tpc_ns;           // by tenant slot
  std::vector<double> tenant_borrowed_tpc_ns;  // … of which outside set_own()
};

class VirtualGpu final : public Device {
 public:
  VirtualGpu(const GpuShape& shape, const DeviceModel& model, Sharing sharing, CompletionSink& sink);
  ~VirtualGpu() override;

  // Must precede the kernel's first submission; `kernel` and its address must stay valid.
  void add_kernel(const KernelInfo& kernel, TimeCurve curve);

  // Which TPCs are the tenant's own, for its share of work on others'. Default: none.
  void set_own(TenantId tenant, const TpcSet& own);

  // At the time of the last advance(). Errors: invalid_argument for a launch that would hang a real GPU for ever (no
  // TPC, or no room for a cluster, in its mask), for blocks outside the grid, and for kernels never added.
  Status submit(const AtomSubmission& atom) override;
  Status submit_graph(const GraphSubmission& graph) override;

  Nanoseconds now() const;
  Nanoseconds next_event() const;  // kNever: nothing is going on
  void advance(Nanoseconds now);   // processes every event up to and including `now`

  // Takes effect after the model's clock change latency; a later request replaces an earlier one that is under way.
  void request_clock(std::uint32_t mhz);
  std::uint32_t clock_mhz() const;
  double power_w() const;

  const DeviceTotals& totals() const;
  void reset_totals();

  bool idle() const;        // no launch submitted and not completed
  TpcSet occupied() const;  // TPCs with a block resident, of the context that is working
  TpcSet held_by(TenantId tenant) const;
  TpcSet working(TenantId tenant) const;  // of occupied(), those with a block of this tenant

  // For tests: the first broken invariant of the state as it is, or an empty string. Work conservation (no launch waits
  // for TPCs that are free and that nobody ahead of it may use), residency limits, masks, order.
  std::string check_invariants() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace lithos
