// Library work as a list of steps, captured once, to be launched kernel by kernel: a library's call can only be cut where each
// kernel is a launch of its own. Kernels keep cluster and cooperative attributes and lose programmatic ordering, which only
// makes the order stricter. For the probes and for tests/gpu/atoms.
// Lifetime: arguments live in the captured graph, which is never destroyed.
#pragma once

#include <cuda.h>
#include <cuda_runtime.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "report.hpp"

namespace lithos::probe {

struct Step {
  CUfunction function = nullptr;
  CUgraphExec other = nullptr;  // a memset or a copy
  std::string name;
  CUlaunchConfig config{};
  std::vector<CUlaunchAttribute> attributes;
  void** parameters = nullptr;
  // From its descriptor, at the first whole launch (step_launch.hpp):
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
  if (step.function == nullptr) PROBE_CUDA(cuKernelGetFunction(&step.function, p.kern));
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

}  // namespace lithos::probe
