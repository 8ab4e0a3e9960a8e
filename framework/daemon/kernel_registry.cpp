// SPDX-License-Identifier: Apache-2.0
#include "daemon/kernel_registry.hpp"

#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

namespace lithos {
namespace {

using ipc::CurvePoint;
using ipc::GraphMessage;
using ipc::KernelMessage;

constexpr std::uint32_t kThreadsPerBlockMax = 1024;
constexpr std::uint32_t kClusterMax = 16;
constexpr std::uint64_t kBlocksMax = 0x7fffffff;
constexpr double kKernelNsMax = 1e12;

Dim3 dim_of(const std::uint32_t (&wire)[3]) { return {wire[0], wire[1], wire[2]}; }
bool is_dim(const Dim3& dim, std::uint64_t most) {
  const auto part = [most](std::uint32_t n) { return n >= 1 && n <= most; };
  return part(dim.x) && part(dim.y) && part(dim.z) && std::uint64_t{dim.x} * dim.y <= most && dim.total() <= most;
}

bool is_runnable(const KernelShape& shape) {
  return is_dim(shape.grid, kBlocksMax) && is_dim(shape.block, kThreadsPerBlockMax) &&
         is_dim(shape.cluster, kClusterMax) && shape.registers_per_thread <= 255 && shape.shared_bytes <= (1u << 20);
}

// The time curve's points, copied out of the message; empty if one of them is no time.
std::vector<TimeCurve::Point> read_points(const std::byte* from, std::size_t count, unsigned device_tpcs) {
  std::vector<TimeCurve::Point> points;
  for (std::size_t i = 0; i < count; ++i) {
    CurvePoint point;
    std::memcpy(&point, from + i * sizeof point, sizeof point);
    const bool sound = point.tpcs >= 1 && point.tpcs <= device_tpcs && point.ns > 0 && point.ns <= kKernelNsMax;
    if (!sound) return {};
    points.push_back({static_cast<unsigned>(point.tpcs), point.ns});
  }
  return points;
}

}  // namespace

KernelRegistry::KernelRegistry(const GpuShape& gpu, KernelRules rules, Fresh fresh)
    : gpu_(gpu), rules_(std::move(rules)), fresh_(std::move(fresh)) {}

Result<const KernelInfo*> KernelRegistry::add_kernel(const ipc::Received& message, TenantOperators& tenant) {
  const KernelMessage* wire = message.as<KernelMessage>();
  const bool sized =
      wire != nullptr && wire->points <= ipc::kCurvePointsMax && wire->name_bytes <= ipc::kKernelNameMax &&
      message.bytes.size() == sizeof(KernelMessage) + wire->points * sizeof(CurvePoint) + wire->name_bytes;
  if (!sized) return invalid_argument("a malformed kernel");
  if (tenant.kernels.size() >= kPerTenantMax && !tenant.kernels.contains(wire->op))
    return exhausted("more than " + std::to_string(kPerTenantMax) + " kernels of one tenant");
  const auto* tail = message.bytes.data() + sizeof(KernelMessage);
  std::string key(reinterpret_cast<const char*>(message.bytes.data()), message.bytes.size());

  auto known = kernels_.find(key);
  if (known == kernels_.end()) {
    KernelShape shape;
    shape.name.assign(reinterpret_cast<const char*>(tail + wire->points * sizeof(CurvePoint)), wire->name_bytes);
    shape.grid = dim_of(wire->grid);
    shape.block = dim_of(wire->block);
    shape.cluster = dim_of(wire->cluster);
    shape.registers_per_thread = wire->registers_per_thread;
    shape.shared_bytes = wire->shared_bytes;
    shape.launch_special = wire->launch_special != 0;
    if (!is_runnable(shape)) return invalid_argument("kernel \"" + shape.name + "\": no GPU runs this shape");
    auto info = std::make_unique<KernelInfo>(make_kernel_info(shape, gpu_, gpu_.tpcs, rules_));
    if (value_of(info->id) != wire->op)
      return invalid_argument("kernel \"" + shape.name + "\": its id is not that of its shape");
    if (kernels_.size() >= kInAllMax) return exhausted("more than " + std::to_string(kInAllMax) + " kernels in all");
    std::vector<TimeCurve::Point> points = read_points(tail, wire->points, gpu_.tpcs);
    if (points.empty()) points = points_from_shape(100'000, gpu_.tpcs, info->blocks, info->blocks_per_tpc);
    TimeCurve curve(std::move(points), gpu_.tpcs, info->blocks, info->blocks_per_tpc);
    known = kernels_.emplace(std::move(key), std::move(info)).first;
    fresh_(*known->second, std::move(curve));
  }
  tenant.kernels.emplace(wire->op, known->second.get());
  return known->second.get();
}

Result<const GraphInfo*> KernelRegistry::add_graph(const ipc::Received& message, TenantOperators& tenant) {
  const GraphMessage* wire = message.as<GraphMessage>();
  const bool sized =
      wire != nullptr && wire->nodes >= 1 && wire->nodes <= ipc::kGraphNodesMax &&
      wire->name_bytes <= ipc::kKernelNameMax &&
      message.bytes.size() == sizeof(GraphMessage) + wire->nodes * sizeof(std::uint64_t) + wire->name_bytes;
  if (!sized) return invalid_argument("a malformed graph");
  if (tenant.graphs.size() >= kPerTenantMax)
    return exhausted("more than " + std::to_string(kPerTenantMax) + " graphs of one tenant");
  const auto* tail = message.bytes.data() + sizeof(GraphMessage);
  std::vector<const KernelInfo*> nodes;
  std::string key;
  for (std::uint32_t i = 0; i < wire->nodes; ++i) {
    std::uint64_t op;
    std::memcpy(&op, tail + i * sizeof op, sizeof op);
    const auto node = tenant.kernels.find(op);
    if (node == tenant.kernels.end()) return invalid_argument("a graph names a kernel that was not described before");
    nodes.push_back(node->second);
    key.append(reinterpret_cast<const char*>(&nodes.back()), sizeof(const KernelInfo*));
  }
  std::string name(reinterpret_cast<const char*>(tail + wire->nodes * sizeof(std::uint64_t)), wire->name_bytes);
  key += name;
  auto known = graphs_.find(key);
  if (known == graphs_.end()) {
    auto info = std::make_unique<GraphInfo>(make_graph_info(std::move(name), std::move(nodes)));
    if (value_of(info->id) != wire->op) return invalid_argument("a graph's id is not that of its nodes");
    if (graphs_.size() >= kInAllMax) return exhausted("more than " + std::to_string(kInAllMax) + " graphs in all");
    known = graphs_.emplace(std::move(key), std::move(info)).first;
  }
  tenant.graphs.emplace(wire->op, known->second.get());
  return known->second.get();
}

}  // namespace lithos
