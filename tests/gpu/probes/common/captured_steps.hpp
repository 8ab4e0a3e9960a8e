// Library work as a list of steps: captured once, then launched kernel by kernel, whole or in two parts.
//
// Purpose: a library's call can only be cut where each kernel is a launch of its own. Kernels keep cluster and cooperative
// attributes and lose programmatic ordering, which only makes the order stricter.
// Lifetime: arguments live in the captured graph, which is never destroyed.
#pragma once

#include "prelude_atoms.hpp"

namespace lithos::probe {

struct Step {
  CUfunction function = nullptr;
  CUgraphExec other = nullptr;  // a memset or a copy
  std::string name;
  CUlaunchConfig config{};
  std::vector<CUlaunchAttribute> attributes;
  void** parameters = nullptr;
  // From its descriptor, at the first whole launch:
  std::uint64_t entry = 0;
  std::array<std::uint32_t, 3> grid{}, cluster{1, 1, 1}, gpu_cluster{1, 1, 1};
  int type = 0;
};

inline void read_kernel_node(CUgraphNode node, Step& step) {
  CUDA_KERNEL_NODE_PARAMS p{};
  PROBE_CUDA(cuGraphKernelNodeGetParams(node, &p));
  const char* name = nullptr;
  if (p.kern) cuKernelGetName(&name, p.kern);
  else if (p.func) cuFuncGetName(&name, p.func);
  step.name = name ? name : "";
  step.function = p.func;
  if (step.function == nullptr) cuKernelGetFunction(&step.function, p.kern);
  step.parameters = p.kernelParams;
  step.config.gridDimX = p.gridDimX, step.config.gridDimY = p.gridDimY, step.config.gridDimZ = p.gridDimZ;
  step.config.blockDimX = p.blockDimX, step.config.blockDimY = p.blockDimY, step.config.blockDimZ = p.blockDimZ;
  step.config.sharedMemBytes = p.sharedMemBytes;
  for (const auto id : {CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION, CU_LAUNCH_ATTRIBUTE_COOPERATIVE}) {
    CUlaunchAttribute a{};
    a.id = id;
    if (cuGraphKernelNodeGetAttribute(node, id, &a.value) != CUDA_SUCCESS) continue;
    if (id == CU_LAUNCH_ATTRIBUTE_COOPERATIVE ? a.value.cooperative != 0 : a.value.clusterDim.x > 0) step.attributes.push_back(a);
  }
}

inline CUgraphExec graph_of(CUgraphNode node, CUgraphNodeType type) {
  CUgraph graph;
  CUgraphNode copy;
  CUcontext context;
  CUgraphExec exec = nullptr;
  PROBE_CUDA(cuCtxGetCurrent(&context));
  PROBE_CUDA(cuGraphCreate(&graph, 0));
  if (type == CU_GRAPH_NODE_TYPE_MEMSET) {
    CUDA_MEMSET_NODE_PARAMS p;
    PROBE_CUDA(cuGraphMemsetNodeGetParams(node, &p));
    PROBE_CUDA(cuGraphAddMemsetNode(&copy, graph, nullptr, 0, &p, context));
  } else if (type == CU_GRAPH_NODE_TYPE_MEMCPY) {
    CUDA_MEMCPY3D p;
    PROBE_CUDA(cuGraphMemcpyNodeGetParams(node, &p));
    PROBE_CUDA(cuGraphAddMemcpyNode(&copy, graph, nullptr, 0, &p, context));
  } else {
    return nullptr;
  }
  PROBE_CUDA(cuGraphInstantiate(&exec, graph, 0));
  return exec;
}

// Empty where the work cannot be captured. `names_only` leaves the graph's other nodes out and destroys the graph.
template <class F>
std::vector<Step> captured_steps(cudaStream_t stream, F&& work, bool names_only = false) {
  cudaGraph_t graph = nullptr;
  PROBE_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
  const int rc = work();
  if (cudaStreamEndCapture(stream, &graph) != cudaSuccess || rc != 0 || graph == nullptr) {
    if (graph) cudaGraphDestroy(graph);
    cudaGetLastError();
    return {};
  }
  std::size_t count = 0;
  PROBE_CUDA(cuGraphGetNodes(graph, nullptr, &count));
  std::vector<CUgraphNode> nodes(count);
  PROBE_CUDA(cuGraphGetNodes(graph, nodes.data(), &count));
  std::vector<Step> steps;
  for (const CUgraphNode node : nodes) {
    CUgraphNodeType type;
    PROBE_CUDA(cuGraphNodeGetType(node, &type));
    Step step;
    if (type == CU_GRAPH_NODE_TYPE_KERNEL) read_kernel_node(node, step);
    else if (!names_only) step.other = graph_of(node, type);
    steps.push_back(std::move(step));
  }
  for (Step& step : steps) step.config.attrs = step.attributes.data(), step.config.numAttrs = static_cast<unsigned>(step.attributes.size());
  if (names_only) PROBE_CUDA(cudaGraphDestroy(graph));
  return steps;
}

// False when the stream is not idle within `patience_ns`, or has failed: nothing after it can be trusted.
inline bool idle_within(cudaStream_t stream, std::int64_t patience_ns) {
  const auto limit = now_ns() + patience_ns;
  while (now_ns() < limit) {
    const auto rc = cudaStreamQuery(stream);
    if (rc != cudaErrorNotReady) return rc == cudaSuccess;
  }
  return false;
}

// What the next descriptor of the launch in progress gets.
struct StepPatch {
  Step* learn = nullptr;
  const TpcSet* confine_to = nullptr;
  AtomPatch atom;
  int unconfined = 0, bank_taken = 0, applied = 0;
};
inline void visit_step(Descriptor& d, void* user) {
  auto& p = *static_cast<StepPatch*>(user);
  if (d.grid()[0] == 0) return;
  if (p.learn) p.learn->entry = d.program(), p.learn->grid = d.grid(), p.learn->cluster = d.cluster(), p.learn->gpu_cluster = d.gpu_cluster(), p.learn->type = d.type();
  if (p.confine_to && !confine(d, *p.confine_to)) ++p.unconfined;
  if (p.atom.end) apply_atom(d, p.atom, p.bank_taken), ++p.applied;
}

// Launches one step under `patch` and waits for it.
inline bool launch_step(const Step& step, StepPatch& patch, cudaStream_t stream, std::int64_t patience_ns) {
  if (step.function == nullptr) {
    if (step.other) PROBE_CUDA(cuGraphLaunch(step.other, stream));
    return idle_within(stream, patience_ns);
  }
  CUlaunchConfig config = step.config;
  config.hStream = stream;
  set_visitor(&visit_step, &patch);
  const int rc = cuLaunchKernelEx(&config, step.function, step.parameters, nullptr);
  set_visitor(nullptr, nullptr);
  return rc == 0 && idle_within(stream, patience_ns);
}

}  // namespace lithos::probe
