// SPDX-License-Identifier: Apache-2.0
// A virtual GPU with a notebook: kernels of any shape on a line, completions as they came, invariants checked at every
// event.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "sim/h200.hpp"
#include "sim/virtual_gpu.hpp"

namespace lithos::testing {

struct KernelSpec {
  std::uint32_t blocks = 1;
  std::uint32_t threads = 128;
  std::uint32_t registers = 32;
  std::uint32_t shared_bytes = 0;
  std::uint32_t cluster = 1;
  bool persistent = false;
  std::vector<TimeCurve::Point> points = {};  // empty: perfect scaling from 66 us of TPC time, i.e. 1 us on 66 TPCs
};

// No latencies and gaps: what is left is dispatch and rates.
inline DeviceModel bare_model() {
  DeviceModel model;
  model.launch_latency = model.graph_launch_latency = model.stream_gap = model.graph_node_gap = model.mps_gap =
      model.contended_gap = Nanoseconds{0};
  model.context_switch = Nanoseconds{0};
  model.interference = 0;
  return model;
}

class GpuHarness : public CompletionSink {
 public:
  explicit GpuHarness(const DeviceModel& model = bare_model(), Sharing sharing = Sharing::mps)
      : shape(h200_shape()), gpu(shape, model, sharing, *this) {}

  const KernelInfo& kernel(const KernelSpec& spec) {
    KernelShape described;
    described.name = "kernel " + std::to_string(kernels_.size());
    described.grid = {spec.blocks, 1, 1};
    described.block = {spec.threads, 1, 1};
    described.cluster = {spec.cluster, 1, 1};
    described.registers_per_thread = spec.registers;
    described.shared_bytes = spec.shared_bytes;
    kernels_.push_back(std::make_unique<KernelInfo>(make_kernel_info(described, shape, shape.tpcs, {})));
    KernelInfo& info = *kernels_.back();
    info.persistent = spec.persistent;
    std::vector<TimeCurve::Point> points = spec.points;
    if (points.empty())
      for (unsigned n = 1; n <= shape.tpcs; ++n) points.push_back({n, 66e3 / n});
    gpu.add_kernel(info, TimeCurve(points, shape.tpcs, info.blocks, info.blocks_per_tpc));
    return info;
  }

  Status launch(unsigned tenant, const KernelInfo& info, const TpcSet& tpcs, unsigned queue = 1) {
    AtomSubmission atom;
    atom.kernel = &info;
    atom.block_count = info.blocks;
    atom.tpcs = tpcs;
    return submit(tenant, queue, atom);
  }
  Status launch_unmasked(unsigned tenant, const KernelInfo& info, unsigned queue = 1) {
    AtomSubmission atom;
    atom.kernel = &info;
    atom.block_count = info.blocks;
    atom.masked = false;
    return submit(tenant, queue, atom);
  }
  Status launch_atom(unsigned tenant, const KernelInfo& info, const TpcSet& tpcs, std::uint32_t first,
                     std::uint32_t count) {
    AtomSubmission atom;
    atom.kernel = &info;
    atom.first_block = first;
    atom.block_count = count;
    atom.cut = true;
    atom.tpcs = tpcs;
    return submit(tenant, 1, atom);
  }
  Status submit(unsigned tenant, unsigned queue, AtomSubmission atom) {
    atom.tenant = TenantId{tenant};
    atom.queue = QueueId{queue};
    atom.launch = LaunchId{++launches_};
    return gpu.submit(atom);
  }

  // Up to and including `until`; stops when nothing goes on.
  void run(Nanoseconds until = kNever) {
    for (std::uint64_t events = 0; gpu.next_event() <= until && gpu.next_event() != kNever; ++events) {
      ASSERT_LT(events, 100'000'000u) << "the device does not come to rest";
      gpu.advance(gpu.next_event());
      ASSERT_EQ(gpu.check_invariants(), "") << "at " << gpu.now().count() << " ns";
    }
    if (until != kNever) gpu.advance(until);
  }

  void on_device_completion(const Completion& completion) override { done.push_back(completion); }

  const Completion* of(unsigned tenant, std::size_t nth = 0) const {
    for (const Completion& completion : done)
      if (completion.tenant == TenantId{tenant} && nth-- == 0) return &completion;
    return nullptr;
  }
  std::int64_t started(unsigned tenant, std::size_t nth = 0) const {
    const auto* c = of(tenant, nth);
    return c ? c->started.count() : -1;
  }
  std::int64_t ended(unsigned tenant, std::size_t nth = 0) const {
    const auto* c = of(tenant, nth);
    return c ? c->completed.count() : -1;
  }

  GpuShape shape;
  VirtualGpu gpu;
  std::vector<Completion> done;

 private:
  std::vector<std::unique_ptr<KernelInfo>> kernels_;
  std::uint64_t launches_ = 0;
};

// Fills every SM: 1024 threads with 64 registers, one block per SM.
inline KernelSpec full_sm(std::uint32_t blocks) {
  KernelSpec spec;
  spec.blocks = blocks;
  spec.threads = 1024;
  spec.registers = 64;
  return spec;
}

inline KernelSpec persistent_gemm() {
  KernelSpec spec;
  spec.blocks = 132;
  spec.threads = 384;
  spec.registers = 168;
  spec.persistent = true;
  return spec;
}

}  // namespace lithos::testing
