// SPDX-License-Identifier: Apache-2.0
// Kernels and graphs as tenants describe them: checked, derived by the daemon's own rules, and kept once for all
// tenants that run the same. They are never forgotten, because device and engine keep pointers to them; so their
// number is limited, per tenant and in all. Not for more than one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/status.hpp"
#include "engine/gpu_shape.hpp"
#include "engine/operator.hpp"
#include "ipc/channel.hpp"
#include "sim/time_curve.hpp"

namespace lithos {

// What one tenant's records and submissions may name.
struct TenantOperators {
  std::unordered_map<std::uint64_t, const KernelInfo*> kernels;
  std::unordered_map<std::uint64_t, const GraphInfo*> graphs;
};

class KernelRegistry {
 public:
  static constexpr std::size_t kPerTenantMax = 4096;
  static constexpr std::size_t kInAllMax = 65536;

  // `fresh(kernel, curve)` is called for each kernel that nobody had described before.
  using Fresh = std::function<void(const KernelInfo&, TimeCurve)>;
  KernelRegistry(const GpuShape& gpu, KernelRules rules, Fresh fresh);

  // Errors: invalid_argument (not a kernel message, a shape that no GPU runs, an id that is not what the shape hashes
  // to), exhausted (a limit).
  Result<const KernelInfo*> add_kernel(const ipc::Received& message, TenantOperators& tenant);
  Result<const GraphInfo*> add_graph(const ipc::Received& message, TenantOperators& tenant);

 private:
  const GpuShape& gpu_;
  const KernelRules rules_;
  const Fresh fresh_;
  std::unordered_map<std::string, std::unique_ptr<KernelInfo>> kernels_;  // by the bytes that describe them
  std::unordered_map<std::string, std::unique_ptr<GraphInfo>> graphs_;
};

}  // namespace lithos
