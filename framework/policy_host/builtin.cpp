// SPDX-License-Identifier: Apache-2.0
// Written with the SDK's C++ face, like any policy: what holds for others is tried here first.
#include "policy_host/builtin.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "lithos/policy.hpp"

namespace lithos {
namespace {

// TPCs that the blocks of one wave fill: more of them would stand idle.
std::uint32_t useful_tpcs(const lithos_op& op) {
  if (op.blocks == 0 || op.blocks_per_tpc == 0) return LITHOS_TPCS_MAX;
  return std::max(1u, (op.blocks - 1) / op.blocks_per_tpc + 1);
}

class BuiltinScheduler {
 public:
  static constexpr const char* id = "builtin.scheduler";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "Every tenant its own TPCs; unowned ones for those without quota.";

  void decide(const SchedView&, SchedAnswer&) {}  // the host's preset is the decision
};

class BuiltinPredictor {
 public:
  static constexpr const char* id = "builtin.predictor";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "The last duration seen, scaled linearly with TPCs and clock.";

  Prediction predict(const PredictQuery& query) {
    const Seen& seen = slot(query.tenant_id, query.op.op_id);
    if (!seen.is(query.tenant_id, query.op.op_id)) return {kUnseenNs, kUnseenNs, 0};
    const double tpcs = std::min(query.tpcs, useful_tpcs(query.op));
    double ns = seen.tpc_ns / std::max(1.0, tpcs);
    if (seen.clock_mhz != 0 && query.clock_mhz != 0) ns *= static_cast<double>(seen.clock_mhz) / query.clock_mhz;
    const auto p50 = static_cast<std::uint64_t>(std::clamp(ns, 1.0, kLongestNs));
    return {p50, p50, 0.5};
  }

  void observe(const Observation& seen) {
    if (seen.block_count == 0 || seen.duration_ns == 0) return;
    const double whole = static_cast<double>(std::max(seen.op.blocks, seen.block_count)) / seen.block_count;
    const double tpcs = std::max(1u, std::min(seen.tpcs, useful_tpcs(seen.op)));
    slot(seen.tenant_id, seen.op.op_id) = {seen.tenant_id, seen.op.op_id,
                                           static_cast<double>(seen.duration_ns) * whole * tpcs, seen.clock_mhz};
  }

 private:
  // A direct-mapped table: constant cost and memory however many operators there are; collisions forget.
  static constexpr std::size_t kSlots = 4096;
  static constexpr std::uint64_t kUnseenNs = 100'000;
  static constexpr double kLongestNs = 3.6e12;  // one hour

  struct Seen {
    std::uint64_t tenant_id = 0, op_id = 0;
    double tpc_ns = 0;  // duration of the whole launch times the TPCs it used
    std::uint32_t clock_mhz = 0;
    bool is(std::uint64_t tenant, std::uint64_t op) const { return op_id == op && tenant_id == tenant && op != 0; }
  };
  Seen& slot(std::uint64_t tenant, std::uint64_t op) {
    const std::uint64_t mixed = (op ^ tenant * 0x9e3779b97f4a7c15u) * 0xff51afd7ed558ccdu;
    return seen_[mixed >> 52];
  }
  static_assert(kSlots == std::size_t{1} << (64 - 52));
  std::array<Seen, kSlots> seen_{};
};

class BuiltinRightSizer {
 public:
  static constexpr const char* id = "builtin.right_sizer";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "As many TPCs as the blocks of one wave fill.";

  Size choose(const SizeQuery& query) { return {std::min(query.tpcs, useful_tpcs(query.op)), 0, 1.0}; }
};

class BuiltinDvfs {
 public:
  static constexpr const char* id = "builtin.dvfs";
  static constexpr const char* version = "1.0.0";
  static constexpr const char* summary = "The highest clock.";

  ClockRequest plan(const PowerSample&) { return {sizeof(ClockRequest), 0, 0}; }
};

constexpr std::array<const lithos_policy*, kPolicyKinds> kBuiltins{
    &policy_table<BuiltinScheduler>(), &policy_table<BuiltinPredictor>(), &policy_table<BuiltinRightSizer>(),
    &policy_table<BuiltinDvfs>()};

}  // namespace

const lithos_policy& builtin_policy(PolicyKind kind) { return *kBuiltins[index_of(kind)]; }

const lithos_policy* find_builtin_policy(const std::string& id) {
  for (const lithos_policy* policy : kBuiltins)
    if (std::string_view(policy->id) == id) return policy;
  return nullptr;
}

}  // namespace lithos
