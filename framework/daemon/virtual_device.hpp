// SPDX-License-Identifier: Apache-2.0
// The virtual GPU in real time, as the tenants' device: takes their submissions, writes their completions.
//
// It plays the hardware's part, so it goes on with what a tenant submitted before it died, knows nothing of leases,
// and checks only what the hardware would: that the kernel exists, the blocks lie in its grid and the mask can run
// it. A submission that fails the check completes at once as failed, so that no tenant waits for ever. One thread
// (the engine's).
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <vector>

#include "daemon/kernel_registry.hpp"
#include "engine/record.hpp"
#include "ipc/tenant_peer.hpp"
#include "sim/device_model.hpp"
#include "sim/virtual_gpu.hpp"

namespace lithos {

class VirtualDevice final : private CompletionSink {
 public:
  // `orphaned(record, incarnation)`: a completion of a tenancy that has ended, as the record that its executor would have made.
  using Orphaned = std::function<void(const Record&, std::uint32_t)>;
  VirtualDevice(const GpuShape& gpu, Sharing sharing, Orphaned orphaned);

  void add_kernel(const KernelInfo& kernel, TimeCurve curve) { gpu_.add_kernel(kernel, std::move(curve)); }

  // `queue`: the submission's, as a small number below kQueuesMax: the device keeps something for each for ever.
  static constexpr std::uint32_t kQueuesMax = 64;
  void submit(ipc::TenantPeer& peer, const TenantOperators& operators, const ipc::WireSubmission& wire,
              std::uint32_t queue);
  // Completes it as failed.
  void refuse(ipc::TenantPeer& peer, const ipc::WireSubmission& wire);
  // From here on nothing of the peer is touched; what it has in flight ends as orphaned records.
  void forget(ipc::TenantPeer& peer);

  void advance(Nanoseconds now);
  Nanoseconds next_event() const { return gpu_.next_event(); }
  bool idle() const { return gpu_.idle(); }
  std::uint32_t in_flight(TenantId slot) const { return in_flight_[value_of(slot)]; }
  TpcSet working(TenantId slot) const { return gpu_.working(slot); }  // TPCs with a block of it

  // Calls visit(peer) for each tenant that a completion was written for since the last time.
  template <class Visit>
  void for_each_touched(Visit&& visit) {
    for (ipc::TenantPeer* peer : touched_)
      if (peer != nullptr) visit(*peer);
    touched_.clear();
  }

  void request_clock(std::uint32_t mhz) { gpu_.request_clock(mhz); }
  std::uint32_t clock_mhz() const { return gpu_.clock_mhz(); }
  const DeviceTotals& totals() const { return gpu_.totals(); }
  std::uint64_t refused() const { return refused_; }

 private:
  struct Piece {
    ipc::TenantPeer* peer = nullptr;  // nullptr: its tenant has died
    std::uint32_t incarnation = 0;    // of that tenant
    std::uint64_t op = 0, generation = 0;
    QueueId queue{};  // as the tenant calls it
    std::uint32_t first_slot = 0, slots = 1;
    std::uint32_t blocks = 0;  // of the whole grid; 0: a graph
    TpcSet tpcs;
    std::vector<TpcSet> node_tpcs;  // graph
  };
  using Key = std::pair<std::uint32_t, std::uint32_t>;  // slot, queue

  Status submit_atom(const KernelInfo* kernel, const Key& key, const ipc::WireSubmission& wire);
  Status submit_graph(const GraphInfo* graph, const Key& key, const ipc::WireSubmission& wire,
                      const std::vector<TpcSet>& masks);
  void touch(ipc::TenantPeer* peer);
  void on_device_completion(const Completion& completion) override;
  void report_orphan(const Piece& piece, const Completion& completion);

  VirtualGpu gpu_;
  const Orphaned orphaned_;
  std::map<Key, std::deque<Piece>> pieces_;  // per queue, in submission order: the device keeps that order
  std::vector<std::uint32_t> in_flight_;     // per slot
  std::vector<ipc::TenantPeer*> touched_;
  std::uint64_t refused_ = 0;
};

}  // namespace lithos
