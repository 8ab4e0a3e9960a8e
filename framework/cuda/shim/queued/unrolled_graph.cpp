// SPDX-License-Identifier: Apache-2.0
#include "cuda/shim/queued/unrolled_graph.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <functional>
#include <optional>
#include <queue>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "cuda/shim/process.hpp"
#include "cuda/shim/queued/actions.hpp"
#include "cuda/shim/queued/gate.hpp"
#include "cuda/shim/queued/kernel_calls.hpp"
#include "cuda/shim/queued/queueing.hpp"
#include "cuda/shim/queued/submitter.hpp"
#include "cuda/shim/queued/trampolines.hpp"

namespace lithos::cuda::shim {
namespace {

constexpr unsigned kDepthMax = 16;  // of child graphs
constexpr std::size_t kArgumentAlign = 16;

constexpr const char* kReasons[kWhyWhole] = {
    "a node of another kind",     "a copy in two dimensions or of pageable memory", "a kernel of unknown parameters", "a kernel's attribute",
    "flags of the instantiation", "graphs own objects",                             "another context",                "too large",
    "the driver does not tell",   "changed since",
};
std::array<std::atomic<std::uint64_t>, kWhyWhole> went_whole{};
std::atomic<bool> objects_owned{false};

void count(WhyWhole why) { went_whole[static_cast<unsigned>(why)].fetch_add(1, std::memory_order_relaxed); }

// ---- the order of the nodes --------------------------------------------------------------------------------
struct Edges {
  std::vector<CUgraphNode> from, to;
};

// Programmatic edges let a kernel begin before another has ended; none of them makes it. So "after" is one of the orders that they allow.
bool ask_edges(CUgraph graph, Edges& edges) {
  const DriverTable& calls = driver();
  std::size_t count = 0;
  if (calls.cuGraphGetEdges_v2 == nullptr || calls.cuGraphGetEdges_v2(graph, nullptr, nullptr, nullptr, &count) != CUDA_SUCCESS) return false;
  std::vector<CUgraphEdgeData> data(count);
  edges.from.resize(count), edges.to.resize(count);
  return count == 0 || calls.cuGraphGetEdges_v2(graph, edges.from.data(), edges.to.data(), data.data(), &count) == CUDA_SUCCESS;
}

bool ask_nodes(CUgraph graph, std::vector<CUgraphNode>& nodes) {
  const DriverTable& calls = driver();
  std::size_t count = 0;
  if (calls.cuGraphGetNodes == nullptr || calls.cuGraphGetNodes(graph, nullptr, &count) != CUDA_SUCCESS) return false;
  nodes.resize(count);
  return count == 0 || calls.cuGraphGetNodes(graph, nodes.data(), &count) == CUDA_SUCCESS;
}

// Each node after those that it depends on; of several that could be next, the one the driver names first. Empty: not told.
std::optional<std::vector<CUgraphNode>> in_order(CUgraph graph) {
  std::vector<CUgraphNode> nodes;
  Edges edges;
  if (!ask_nodes(graph, nodes) || !ask_edges(graph, edges)) return std::nullopt;
  std::unordered_map<CUgraphNode, std::size_t> place;
  for (std::size_t i = 0; i < nodes.size(); ++i) place[nodes[i]] = i;
  std::vector<std::vector<std::size_t>> after(nodes.size());
  std::vector<std::size_t> before(nodes.size(), 0);
  for (std::size_t i = 0; i < edges.from.size(); ++i) {
    const auto from = place.find(edges.from[i]), to = place.find(edges.to[i]);
    if (from == place.end() || to == place.end()) return std::nullopt;
    after[from->second].push_back(to->second);
    ++before[to->second];
  }
  std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> next;
  for (std::size_t i = 0; i < nodes.size(); ++i)
    if (before[i] == 0) next.push(i);
  std::vector<CUgraphNode> ordered;
  for (; !next.empty();) {
    const std::size_t now = next.top();
    next.pop();
    ordered.push_back(nodes[now]);
    for (const std::size_t follower : after[now])
      if (--before[follower] == 0) next.push(follower);
  }
  return ordered.size() == nodes.size() ? std::optional(std::move(ordered)) : std::nullopt;
}

// ---- kernels -----------------------------------------------------------------------------------------------

bool no_other_cluster(const CUlaunchAttributeValue& preferred, const CUlaunchAttributeValue& cluster) {
  const auto& p = preferred.preferredClusterDim;
  const auto& c = cluster.clusterDim;
  return (p.x <= 1 && p.y <= 1 && p.z <= 1) || (p.x == c.x && p.y == c.y && p.z == c.z);
}

// Whether the value asks for nothing that a launch by itself, in these clusters, would not have.
bool is_usual(CUlaunchAttributeID id, const CUlaunchAttributeValue& value, const CUlaunchAttributeValue& cluster) {
  switch (id) {
    case CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW: return value.accessPolicyWindow.num_bytes == 0;
    case CU_LAUNCH_ATTRIBUTE_COOPERATIVE: return value.cooperative == 0;
    case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN: return value.memSyncDomain == CU_LAUNCH_MEM_SYNC_DOMAIN_DEFAULT;
    case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP: return value.memSyncDomainMap.default_ == 0;
    case CU_LAUNCH_ATTRIBUTE_PREFERRED_CLUSTER_DIMENSION: return no_other_cluster(value, cluster);
    case CU_LAUNCH_ATTRIBUTE_DEVICE_UPDATABLE_KERNEL_NODE: return value.deviceUpdatableKernelNode.deviceUpdatable == 0;
    default: return false;
  }
}

// Those that it must not have. The node's priority counts only with a flag of the instantiation, and hints change no result.
constexpr CUlaunchAttributeID kMustBeUsual[] = {
    CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW, CU_LAUNCH_ATTRIBUTE_COOPERATIVE,
    CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN,      CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP,
    CU_LAUNCH_ATTRIBUTE_PREFERRED_CLUSTER_DIMENSION, CU_LAUNCH_ATTRIBUTE_DEVICE_UPDATABLE_KERNEL_NODE,
};

// False: a driver that does not know it, whose nodes then do not have it.
bool ask_attribute(CUgraphNode node, CUlaunchAttributeID id, CUlaunchAttribute& attribute) {
  attribute = {};
  attribute.id = id;
  return driver().cuGraphKernelNodeGetAttribute(node, id, &attribute.value) == CUDA_SUCCESS;
}

// The attributes that its launch must have; empty: one that forbids it.
std::optional<std::vector<CUlaunchAttribute>> ask_attributes(CUgraphNode node) {
  if (driver().cuGraphKernelNodeGetAttribute == nullptr) return std::nullopt;
  CUlaunchAttribute asked{}, clusters{};
  const bool has_clusters = ask_attribute(node, CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION, clusters);
  for (const CUlaunchAttributeID id : kMustBeUsual)
    if (ask_attribute(node, id, asked) && !is_usual(id, asked.value, clusters.value)) return std::nullopt;
  std::vector<CUlaunchAttribute> kept;
  const auto& cluster = clusters.value.clusterDim;
  if (!has_clusters || (cluster.x <= 1 && cluster.y <= 1 && cluster.z <= 1)) return kept;
  kept.push_back(clusters);
  if (ask_attribute(node, CU_LAUNCH_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE, asked) &&
      asked.value.clusterSchedulingPolicyPreference != CU_CLUSTER_SCHEDULING_POLICY_DEFAULT)
    kept.push_back(asked);
  return kept;
}

LaunchKey key_of(const LaunchRequest& request) {
  LaunchKey key{reinterpret_cast<std::uint64_t>(request.function), request.grid, request.block, {}, request.shared};
  for (unsigned i = 0; i < request.attribute_count; ++i)
    if (request.attributes[i].id == CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION) {
      const auto& cluster = request.attributes[i].value.clusterDim;
      key.cluster = {cluster.x, cluster.y, cluster.z};
    }
  return key;
}

LaunchRequest request_of(const CUDA_KERNEL_NODE_PARAMS& p, const std::vector<CUlaunchAttribute>& attributes) {
  LaunchRequest request;
  request.function = p.func != nullptr ? p.func : reinterpret_cast<CUfunction>(p.kern);
  request.grid = {p.gridDimX, p.gridDimY, p.gridDimZ};
  request.block = {p.blockDimX, p.blockDimY, p.blockDimZ};
  request.shared = p.sharedMemBytes;
  request.parameters = p.kernelParams;
  request.extra = p.extra;
  request.attributes = attributes.data();
  request.attribute_count = static_cast<unsigned>(attributes.size());
  return request;
}

// ---- the rest ----------------------------------------------------------------------------------------------

QueuedCall plain_call(std::string_view function, std::array<std::uint64_t, 6> words) {
  QueuedCall call;
  call.kind = CallKind::copy;
  call.flags = number_of(function);
  std::copy(words.begin(), words.end(), call.words);
  return call;
}

QueuedCall set_of(const CUDA_MEMSET_NODE_PARAMS& p) {
  const unsigned size = p.elementSize == 4 ? 2 : p.elementSize == 2 ? 1 : 0;
  static constexpr const char* kOfLines[] = {"cuMemsetD8Async", "cuMemsetD16Async", "cuMemsetD32Async"};
  static constexpr const char* kOfRows[] = {"cuMemsetD2D8Async", "cuMemsetD2D16Async", "cuMemsetD2D32Async"};
  return p.height <= 1 ? plain_call(kOfLines[size], {p.dst, p.value, p.width})
                       : plain_call(kOfRows[size], {p.dst, p.pitch, p.value, p.width, p.height});
}

// Empty: not plain memory.
std::optional<std::uint64_t> address_of(CUmemorytype type, std::uint64_t device, const void* host) {
  if (type == CU_MEMORYTYPE_DEVICE || type == CU_MEMORYTYPE_UNIFIED) return device;
  return type == CU_MEMORYTYPE_HOST ? std::optional(reinterpret_cast<std::uint64_t>(host)) : std::nullopt;
}

std::optional<QueuedCall> copy_of(const CUDA_MEMCPY3D& p) {
  const bool line = p.Height <= 1 && p.Depth <= 1 && p.srcY == 0 && p.srcZ == 0 && p.dstY == 0 && p.dstZ == 0 && p.srcLOD == 0 && p.dstLOD == 0;
  const auto from = address_of(p.srcMemoryType, p.srcDevice, p.srcHost), to = address_of(p.dstMemoryType, p.dstDevice, p.dstHost);
  if (!line || !from || !to || !copy_may_wait(*to + p.dstXInBytes, *from + p.srcXInBytes)) return std::nullopt;
  return plain_call("cuMemcpyAsync", {*to + p.dstXInBytes, *from + p.srcXInBytes, p.WidthInBytes});
}

// ---- a graph -----------------------------------------------------------------------------------------------
using Refused = std::optional<WhyWhole>;

class Unroller {
 public:
  explicit Unroller(UnrolledGraph& made) : made_(made) {}

  Refused add(CUgraph graph, unsigned depth = 0) {
    const auto nodes = in_order(graph);
    if (!nodes) return WhyWhole::not_told;
    if (depth > kDepthMax) return WhyWhole::too_large;
    for (const CUgraphNode node : *nodes) {
      if (const Refused why = add_node(node, depth)) return why;
      if (made_.nodes.size() > UnrolledGraph::kNodesMost || bytes_ > UnrolledGraph::kArgumentBytesMost) return WhyWhole::too_large;
    }
    return std::nullopt;
  }

 private:
  Refused add_node(CUgraphNode node, unsigned depth) {
    const DriverTable& calls = driver();
    CUgraphNodeType type{};
    if (calls.cuGraphNodeGetType == nullptr || calls.cuGraphNodeGetType(node, &type) != CUDA_SUCCESS) return WhyWhole::not_told;
    switch (type) {
      case CU_GRAPH_NODE_TYPE_EMPTY: return std::nullopt;
      case CU_GRAPH_NODE_TYPE_KERNEL: return add_kernel(node);
      case CU_GRAPH_NODE_TYPE_MEMSET: return add_set(node);
      case CU_GRAPH_NODE_TYPE_MEMCPY: return add_copy(node);
      case CU_GRAPH_NODE_TYPE_HOST: return add_host(node);
      case CU_GRAPH_NODE_TYPE_GRAPH: {
        CUgraph child = nullptr;
        const bool told = calls.cuGraphChildGraphNodeGetGraph != nullptr && calls.cuGraphChildGraphNodeGetGraph(node, &child) == CUDA_SUCCESS;
        return told ? add(child, depth + 1) : WhyWhole::not_told;
      }
      default: return WhyWhole::node;
    }
  }

  Refused add_kernel(CUgraphNode node) {
    CUDA_KERNEL_NODE_PARAMS parameters{};
    const DriverTable& calls = driver();
    if (calls.cuGraphKernelNodeGetParams_v2 == nullptr || calls.cuGraphKernelNodeGetParams_v2(node, &parameters) != CUDA_SUCCESS)
      return WhyWhole::kernel;
    if (parameters.ctx != nullptr && reinterpret_cast<std::uint64_t>(parameters.ctx) != made_.context) return WhyWhole::context;
    const auto attributes = ask_attributes(node);
    if (!attributes) return WhyWhole::attribute;
    const LaunchRequest request = request_of(parameters, *attributes);
    const Operator* const op = describe_operator(key_of(request));
    const auto arguments = op == nullptr ? std::nullopt : arguments_of(*op, request);
    if (!arguments) return WhyWhole::kernel;
    QueuedCall call = call_of(*op, request, *arguments, 0, made_.context);
    keep_arguments(request, *arguments, call);
    made_.nodes.push_back(call);
    ++made_.kernels;
    return std::nullopt;
  }

  // As Submitter reads them: the attributes, then the packed arguments.
  void keep_arguments(const LaunchRequest& request, const CallArguments& arguments, QueuedCall& call) {
    const std::size_t before = request.attribute_count * sizeof(CUlaunchAttribute), bytes = before + arguments.bytes();
    auto copy = std::make_unique<std::byte[]>(std::max<std::size_t>(bytes, 1));
    if (before != 0) std::memcpy(copy.get(), request.attributes, before);
    if (arguments.layout != nullptr) arguments.layout->pack(arguments.values, copy.get() + before);
    else if (arguments.packed.bytes != 0) std::memcpy(copy.get() + before, arguments.packed.data, arguments.packed.bytes);
    call.arguments = copy.get();
    call.argument_bytes = static_cast<std::uint32_t>(bytes);
    bytes_ += bytes;
    made_.arguments.push_back(std::move(copy));
  }

  Refused add_set(CUgraphNode node) {
    CUDA_MEMSET_NODE_PARAMS p{};
    const auto ask = driver().cuGraphMemsetNodeGetParams;
    const bool told = ask != nullptr && ask(node, &p) == CUDA_SUCCESS && (p.elementSize == 1 || p.elementSize == 2 || p.elementSize == 4);
    return told ? add_call(set_of(p)) : WhyWhole::not_told;
  }
  Refused add_copy(CUgraphNode node) {
    CUDA_MEMCPY3D p{};
    const auto ask = driver().cuGraphMemcpyNodeGetParams;
    if (ask == nullptr || ask(node, &p) != CUDA_SUCCESS) return WhyWhole::not_told;
    const auto call = copy_of(p);
    return call ? add_call(*call) : WhyWhole::copy;
  }
  Refused add_host(CUgraphNode node) {
    CUDA_HOST_NODE_PARAMS p{};
    const auto ask = driver().cuGraphHostNodeGetParams;
    if (ask == nullptr || ask(node, &p) != CUDA_SUCCESS) return WhyWhole::not_told;
    return add_call(plain_call("cuLaunchHostFunc", {0, reinterpret_cast<std::uint64_t>(p.fn), reinterpret_cast<std::uint64_t>(p.userData)}));
  }
  Refused add_call(QueuedCall call) {
    call.context = made_.context;
    made_.nodes.push_back(call);
    return std::nullopt;
  }

  UnrolledGraph& made_;
  std::size_t bytes_ = 0;  // of arguments
};

Refused unroll_into(UnrolledGraph& made, CUgraph graph, unsigned long long flags) {
  made.context = current_context();
  made.contexts = Process::instance().ended_contexts();
  const std::uint64_t queued = Queueing::instance()->context();
  if (made.context == 0 || (queued != 0 && queued != made.context)) return WhyWhole::context;
  if ((flags & ~static_cast<unsigned long long>(CUDA_GRAPH_INSTANTIATE_FLAG_UPLOAD)) != 0) return WhyWhole::flags;
  if (objects_owned.load(std::memory_order_acquire)) return WhyWhole::objects;
  if (const Refused why = Unroller(made).add(graph)) return why;
  const DriverTable& calls = driver();
  const bool can_be_ordered = calls.cuEventCreate != nullptr && calls.cuEventRecord != nullptr && calls.cuStreamWaitEvent != nullptr &&
                              calls.cuEventCreate(&made.over, CU_EVENT_DISABLE_TIMING) == CUDA_SUCCESS;
  return can_be_ordered ? std::nullopt : Refused(WhyWhole::not_told);
}

}  // namespace

bool UnrolledGraph::is_alive() const { return contexts == Process::instance().ended_contexts(); }

QueuedCall UnrolledGraph::node(std::size_t index, const QueuedCall& graph) const {
  QueuedCall call = nodes[index];
  call.stream = graph.stream;
  call.sequence = graph.sequence;
  const std::uint64_t stream = graph.words[KernelWords::stream];
  call.words[call.kind == CallKind::kernel ? unsigned{KernelWords::stream} : action(static_cast<unsigned>(call.flags)).stream] = stream;
  return call;
}

// ---- gate --------------------------------------------------------------------------------------------------

UnrolledGraph* unroll_graph(CUgraph graph, unsigned long long flags) {
  if (Queueing::instance() == nullptr) return nullptr;
  auto made = std::make_unique<UnrolledGraph>();
  if (const Refused why = unroll_into(*made, graph, flags)) return count(*why), nullptr;
  return made->nodes.empty() ? nullptr : made.release();
}

void graph_changes(UnrolledGraph& graph) {
  if (graph.nodes.empty()) return;
  count(WhyWhole::changed);
  graph.nodes.clear();
  graph.arguments.clear();
}

void graph_ends(UnrolledGraph* graph) {
  if (Queueing* const queueing = Queueing::instance()) queueing->queues().submit_all(Haste::urgent);
  if (graph->is_alive() && driver().cuEventDestroy_v2 != nullptr) driver().cuEventDestroy_v2(graph->over);
  delete graph;
}

void graphs_own_objects() { objects_owned.store(true, std::memory_order_release); }

std::string graphs_left_whole() {
  std::string text = "{";
  for (unsigned i = 0; i < kWhyWhole; ++i)
    if (const std::uint64_t n = went_whole[i].load(); n != 0)
      text += std::string(text.size() == 1 ? "\"" : ", \"") + kReasons[i] + "\": " + std::to_string(n);
  return text + "}";
}

}  // namespace lithos::cuda::shim
