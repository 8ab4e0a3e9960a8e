// SPDX-License-Identifier: Apache-2.0
#include "engine/operator.hpp"

#include <algorithm>
#include <regex>
#include <string_view>

#include "engine/record.hpp"
#include "engine/tpc_map.hpp"
#include "lithos/service_abi.h"

namespace lithos {
namespace {

constexpr std::uint32_t kWarpThreads = 32;
constexpr std::uint32_t kRegisterUnit = 256;        // registers are given to warps in units of this
constexpr std::uint32_t kSubPartitions = 4;         // of an SM; each has its quarter of the register file
constexpr std::uint32_t kSharedUnit = 128;          // shared memory is given in units of this
constexpr std::uint32_t kSharedReserved = 1024;     // per block, by the driver

constexpr std::uint32_t round_up(std::uint32_t value, std::uint32_t unit) { return (value + unit - 1) / unit * unit; }

// CUDA programming guide, "Hardware Multithreading".
std::uint32_t blocks_per_sm(const KernelInfo& kernel, const GpuShape& gpu) {
  const auto threads = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(kernel.block.total(), 1, gpu.threads_per_sm));
  const std::uint32_t warps = (threads + kWarpThreads - 1) / kWarpThreads;
  std::uint32_t blocks = std::min(gpu.blocks_per_sm, gpu.threads_per_sm / (warps * kWarpThreads));
  const std::uint32_t warp_registers = round_up(std::max(kernel.registers_per_thread, 1u) * kWarpThreads, kRegisterUnit);
  const std::uint32_t warps_that_fit = gpu.registers_per_sm / kSubPartitions / warp_registers * kSubPartitions;
  blocks = std::min(blocks, warps_that_fit / warps);
  blocks = std::min(blocks, gpu.shared_bytes_per_sm / (round_up(kernel.shared_bytes, kSharedUnit) + kSharedReserved));
  return std::max(blocks, 1u);  // it was launched, so one fits
}

const KernelRule* rule_for(const std::string& name, const KernelRules& rules) {
  for (const KernelRule& rule : rules.rules)
    if (std::regex_search(name, std::regex(rule.pattern, std::regex::ECMAScript))) return &rule;
  return nullptr;
}

// FNV-1a. The id names code and shape: equal launches of one program hash alike in every run.
class Hash {
 public:
  void add(std::uint64_t value) {
    for (int i = 0; i < 8; ++i) add_byte(static_cast<unsigned char>(value >> (8 * i)));
  }
  void add(std::string_view text) {
    for (const char c : text) add_byte(static_cast<unsigned char>(c));
    add_byte(0);
  }
  void add(const Dim3& dim) { add(dim.x); add(dim.y); add(dim.z); }
  OperatorId id() const { return OperatorId{state_ == 0 ? 1 : state_}; }

 private:
  void add_byte(unsigned char byte) { state_ = (state_ ^ byte) * 0x100000001b3u; }
  std::uint64_t state_ = 0xcbf29ce484222325u;
};

OperatorId hash_of(const KernelShape& shape) {
  Hash hash;
  hash.add(shape.name);
  hash.add(shape.grid);
  hash.add(shape.block);
  hash.add(shape.cluster);
  hash.add(std::uint64_t{shape.registers_per_thread} << 32 | shape.shared_bytes);
  return hash.id();
}

std::uint32_t divide_up(std::uint64_t value, std::uint64_t unit) { return static_cast<std::uint32_t>((value + unit - 1) / unit); }

// DESIGN.md §5.1–5.3: what follows for co-residency and cutting from the shape and from what the rules say.
void derive_safety(KernelInfo& kernel, const GpuShape& gpu, unsigned advertised_tpcs) {
  const std::uint64_t advertised_room = std::uint64_t{std::min(advertised_tpcs, gpu.tpcs)} * kernel.blocks_per_tpc;
  const TpcMap map(gpu);  // knows that not every cluster can use every TPC
  const std::uint64_t device_room = map.capacity(kernel, gpu.all());
  const unsigned most = std::max(map.most_tpcs(kernel), 1u);
  const bool fits_at_once = kernel.blocks <= std::min(advertised_room, device_room);
  kernel.may_spin = kernel.nature == KernelNature::co_resident || (kernel.nature == KernelNature::unknown && fits_at_once);
  kernel.cuttable = kernel.blocks > std::uint64_t{gpu.tpcs} * kernel.blocks_per_tpc && !kernel.may_spin && !kernel.persistent &&
                    !kernel.launch_special && kernel.nature != KernelNature::never_touch;
  kernel.useful_tpcs = std::clamp(divide_up(kernel.blocks, kernel.blocks_per_tpc), 1u, most);
  kernel.min_tpcs = std::min(std::max(kernel.may_spin ? kernel.useful_tpcs : 1u, cluster_tpcs(kernel)), most);
  kernel.useful_tpcs = std::max(kernel.useful_tpcs, kernel.min_tpcs);
  kernel.reachable_tpcs = std::max(map.reachable(kernel).count(), 1u);
}

}  // namespace

KernelInfo make_kernel_info(const KernelShape& shape, const GpuShape& gpu, unsigned advertised_tpcs, const KernelRules& rules) {
  KernelInfo kernel;
  kernel.id = hash_of(shape);
  kernel.name = shape.name;
  kernel.grid = shape.grid;
  kernel.block = shape.block;
  kernel.cluster = shape.cluster;
  kernel.registers_per_thread = shape.registers_per_thread;
  kernel.shared_bytes = shape.shared_bytes;
  kernel.launch_special = shape.launch_special;
  kernel.blocks = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(shape.grid.total(), 1, 0xffffffffu));
  kernel.cluster_blocks = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(shape.cluster.total(), 1, kernel.blocks));
  kernel.blocks_per_tpc = blocks_per_sm(kernel, gpu) * gpu.sms_per_tpc;
  if (const KernelRule* rule = rule_for(shape.name, rules)) {
    kernel.nature = rule->nature;
    // A name alone is not enough: a persistent kernel starts one wave at most, and larger grids of the same family do not pull tiles.
    kernel.persistent = rule->persistent && kernel.blocks <= std::uint64_t{gpu.tpcs} * kernel.blocks_per_tpc;
  }
  derive_safety(kernel, gpu, advertised_tpcs);
  return kernel;
}

GraphInfo make_graph_info(std::string name, std::vector<const KernelInfo*> nodes) {
  GraphInfo graph;
  Hash hash;
  hash.add(name);
  for (const KernelInfo* node : nodes) {
    hash.add(value_of(node->id));
    graph.min_tpcs = std::max(graph.min_tpcs, node->min_tpcs);
    graph.may_spin |= node->may_spin;
  }
  graph.id = hash.id();
  graph.name = std::move(name);
  graph.nodes = std::move(nodes);
  return graph;
}

unsigned OperatorDecision::point_tpcs(unsigned span_tpcs, unsigned point) {
  return std::max(1u, (span_tpcs * (point + 1) + kPoints / 2) / kPoints);
}

Nanoseconds OperatorDecision::predicted(unsigned on_tpcs) const {
  const double tpcs_wanted = std::max(on_tpcs, 1u);
  const unsigned span = std::max(span_tpcs, 1u);
  double narrow = point_tpcs(span, 0);
  if (tpcs_wanted <= narrow) {
    return Nanoseconds{static_cast<std::int64_t>(static_cast<double>(predicted_at[0].count()) * narrow / tpcs_wanted)};
  }
  for (unsigned point = 1; point < kPoints; ++point) {
    const double wide = point_tpcs(span, point);
    if (tpcs_wanted <= wide) {
      // Linear in 1/tpcs, the shape of l = m/t + b: at `narrow` the share is 1, at `wide` 0.
      const double share = (1 / tpcs_wanted - 1 / wide) / (1 / narrow - 1 / wide);
      const auto from = static_cast<double>(predicted_at[point].count());
      const auto to = static_cast<double>(predicted_at[point - 1].count());
      return Nanoseconds{static_cast<std::int64_t>(from + (to - from) * share)};
    }
    narrow = wide;
  }
  return predicted_at[kPoints - 1];
}

const char* name_of(Coverage coverage) { return lithos_outcome_name(static_cast<std::uint32_t>(coverage)); }

}  // namespace lithos
