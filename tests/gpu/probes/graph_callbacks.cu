// Question 6: when the descriptor callback fires in the life of a graph, and what a new mask costs.
//
// Counts callbacks in each step (capture, instantiate, upload, first and second launch, parameter update, whole-graph
// update, clone, conditional node, device-side launch) and times instantiate, upload and first launch by graph size.
#include "common/descriptor_hook.hpp"
#include "common/kernels.cuh"
#include "common/report.hpp"

using namespace lithos::probe;

namespace {

int g_null = 0, g_real = 0;

void visit(Descriptor& d, void*) { ++(d.grid()[0] == 0 ? g_null : g_real); }

__global__ void decrement(cudaGraphConditionalHandle handle, int* count) {
  cudaGraphSetConditional(handle, --*count > 0);
}
__global__ void add_one(int* cell, int by) { atomicAdd(cell, by); }

cudaGraphExec_t g_device_exec;
__global__ void launch_from_device(cudaGraphExec_t exec) { cudaGraphLaunch(exec, cudaStreamGraphFireAndForget); }

struct Steps {
  std::vector<Json> rows;
  template <class F>
  double operator()(const std::string& name, F&& f) {
    g_null = g_real = 0;
    const auto begin = now_ns();
    const int rc = f();
    const double us = (now_ns() - begin) / 1000.0;
    PROBE_CUDA(cudaDeviceSynchronize());
    rows.push_back(Json().text("step", name).number("kernel_descriptors", g_real).number("null_descriptors", g_null)
                       .number("call_us", us).number("rc", rc));
    cudaGetLastError();
    return us;
  }
};

cudaGraph_t chain(int nodes, cudaStream_t s, int* cell) {
  cudaGraph_t graph;
  PROBE_CUDA(cudaStreamBeginCapture(s, cudaStreamCaptureModeThreadLocal));
  for (int i = 0; i < nodes; ++i) add_one<<<4, 32, 0, s>>>(cell, 1);
  PROBE_CUDA(cudaStreamEndCapture(s, &graph));
  return graph;
}

void life(Steps& step, cudaStream_t s, int* cell) {
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t exec = nullptr, copy = nullptr;
  step("capture 20 kernels", [&] { graph = chain(20, s, cell); return 0; });
  step("instantiate", [&] { return cudaGraphInstantiate(&exec, graph, 0); });
  step("upload", [&] { return cudaGraphUpload(exec, s); });
  step("first launch after upload", [&] { return cudaGraphLaunch(exec, s); });
  step("second launch", [&] { return cudaGraphLaunch(exec, s); });
  std::vector<cudaGraphNode_t> nodes(20);
  std::size_t n = 20;
  PROBE_CUDA(cudaGraphGetNodes(graph, nodes.data(), &n));
  cudaKernelNodeParams p{};
  PROBE_CUDA(cudaGraphKernelNodeGetParams(nodes[3], &p));
  p.gridDim.x = 8;
  step("change one node's parameters in the exec", [&] { return cudaGraphExecKernelNodeSetParams(exec, nodes[3], &p); });
  step("launch after it", [&] { return cudaGraphLaunch(exec, s); });
  step("set the same parameters again", [&] { return cudaGraphExecKernelNodeSetParams(exec, nodes[3], &p); });
  step("launch after it", [&] { return cudaGraphLaunch(exec, s); });
  int* other_cell = cell + 3;
  void* arguments[] = {&other_cell, p.kernelParams[1]};
  p.kernelParams = arguments;
  step("change an argument only", [&] { return cudaGraphExecKernelNodeSetParams(exec, nodes[3], &p); });
  step("launch after it", [&] { return cudaGraphLaunch(exec, s); });
  step("disable and enable one node", [&] { return cudaGraphNodeSetEnabled(exec, nodes[6], 0) + cudaGraphNodeSetEnabled(exec, nodes[6], 1); });
  step("launch after it", [&] { return cudaGraphLaunch(exec, s); });
  step("change the grid and change it back", [&] {
    auto q = p;
    q.gridDim.x = 16;
    return cudaGraphExecKernelNodeSetParams(exec, nodes[3], &q) + cudaGraphExecKernelNodeSetParams(exec, nodes[3], &p);
  });
  step("launch after it", [&] { return cudaGraphLaunch(exec, s); });
  step("change all grids, launch, change them back", [&] {
    auto q = p;
    q.gridDim.x = 2;
    int rc = 0;
    for (auto n : nodes) rc += cudaGraphExecKernelNodeSetParams(exec, n, &q);
    rc += cudaGraphLaunch(exec, s);
    for (auto n : nodes) rc += cudaGraphExecKernelNodeSetParams(exec, n, &p);
    return rc;
  });
  step("launch after it", [&] { return cudaGraphLaunch(exec, s); });
  step("upload again", [&] { return cudaGraphUpload(exec, s); });
  step("disable one node", [&] { return cudaGraphNodeSetEnabled(exec, nodes[5], 0); });
  step("launch after it", [&] { return cudaGraphLaunch(exec, s); });
  cudaGraph_t other = chain(20, s, cell + 1);
  cudaGraphExecUpdateResultInfo info{};
  step("update the whole exec from another graph", [&] { return cudaGraphExecUpdate(exec, other, &info); });
  step("launch after it", [&] { return cudaGraphLaunch(exec, s); });
  step("instantiate again", [&] { return cudaGraphInstantiate(&copy, graph, 0); });
  step("first launch without upload", [&] { return cudaGraphLaunch(copy, s); });
  step("instantiate with upload flag", [&] {
    cudaGraphInstantiateParams params{};
    params.flags = cudaGraphInstantiateFlagUpload, params.uploadStream = s;
    return cudaGraphInstantiateWithParams(&copy, graph, &params);
  });
  step("first launch after it", [&] { return cudaGraphLaunch(copy, s); });
}

void conditional(Steps& step, cudaStream_t s, int* cell) {
  cudaGraph_t graph;
  PROBE_CUDA(cudaGraphCreate(&graph, 0));
  cudaGraphConditionalHandle handle;
  PROBE_CUDA(cudaGraphConditionalHandleCreate(&handle, graph, 1, cudaGraphCondAssignDefault));
  cudaGraphNodeParams p{};
  p.type = cudaGraphNodeTypeConditional;
  p.conditional.handle = handle, p.conditional.type = cudaGraphCondTypeWhile, p.conditional.size = 1;
  cudaGraphNode_t node;
  PROBE_CUDA(cudaGraphAddNode(&node, graph, nullptr, nullptr, 0, &p));
  PROBE_CUDA(cudaStreamBeginCaptureToGraph(s, p.conditional.phGraph_out[0], nullptr, nullptr, 0, cudaStreamCaptureModeThreadLocal));
  add_one<<<4, 32, 0, s>>>(cell, 1);
  decrement<<<1, 1, 0, s>>>(handle, cell + 2);
  PROBE_CUDA(cudaStreamEndCapture(s, nullptr));
  cudaGraphExec_t exec;
  const int five = 5;
  PROBE_CUDA(cudaMemcpy(cell + 2, &five, 4, cudaMemcpyHostToDevice));
  step("while node of two kernels: instantiate", [&] { return cudaGraphInstantiate(&exec, graph, 0); });
  step("first launch, five turns", [&] { return cudaGraphLaunch(exec, s); });
  step("second launch", [&] { return cudaGraphLaunch(exec, s); });
}

void from_device(Steps& step, cudaStream_t s, int* cell) {
  cudaGraph_t inner = chain(3, s, cell);
  cudaGraphExec_t exec;
  step("device-launchable graph of three: instantiate", [&] { return cudaGraphInstantiate(&exec, inner, cudaGraphInstantiateFlagDeviceLaunch); });
  step("upload", [&] { return cudaGraphUpload(exec, s); });
  cudaGraph_t outer;
  PROBE_CUDA(cudaStreamBeginCapture(s, cudaStreamCaptureModeThreadLocal));
  launch_from_device<<<1, 1, 0, s>>>(exec);
  PROBE_CUDA(cudaStreamEndCapture(s, &outer));
  cudaGraphExec_t outer_exec;
  step("outer graph: instantiate", [&] { return cudaGraphInstantiate(&outer_exec, outer, cudaGraphInstantiateFlagDeviceLaunch); });
  step("outer: upload", [&] { return cudaGraphUpload(outer_exec, s); });
  step("outer: first launch", [&] { return cudaGraphLaunch(outer_exec, s); });
  step("outer: second launch", [&] { return cudaGraphLaunch(outer_exec, s); });
}

}  // namespace

int main(int argc, char** argv) {
  need_gpu();
  if (auto why = install_descriptor_hook(); !why.empty()) skip(why);
  cudaStream_t s;
  PROBE_CUDA(cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking));
  int* cell;
  PROBE_CUDA(cudaMalloc(&cell, 64));
  PROBE_CUDA(cudaMemset(cell, 0, 64));
  add_one<<<1, 1, 0, s>>>(cell, 1);
  PROBE_CUDA(cudaDeviceSynchronize());
  set_visitor(&visit, nullptr);
  Steps steps;
  life(steps, s, cell);
  conditional(steps, s, cell);
  from_device(steps, s, cell);

  std::vector<Json> costs;
  for (int nodes : {1, 10, 50, 100, 300}) {
    cudaGraph_t graph = chain(nodes, s, cell);
    std::vector<double> make, first, replay, destroy;
    for (int r = 0; r < 30; ++r) {
      cudaGraphExec_t exec;
      const auto t0 = now_ns();
      PROBE_CUDA(cudaGraphInstantiate(&exec, graph, 0));
      const auto t1 = now_ns();
      PROBE_CUDA(cudaGraphLaunch(exec, s));
      const auto t2 = now_ns();
      PROBE_CUDA(cudaStreamSynchronize(s));
      const auto t3 = now_ns();
      PROBE_CUDA(cudaGraphLaunch(exec, s));
      const auto t4 = now_ns();
      PROBE_CUDA(cudaStreamSynchronize(s));
      const auto t5 = now_ns();
      PROBE_CUDA(cudaGraphExecDestroy(exec));
      make.push_back((t1 - t0) / 1e3), first.push_back((t2 - t1) / 1e3), replay.push_back((t4 - t3) / 1e3);
      destroy.push_back((now_ns() - t5) / 1e3);
    }
    costs.push_back(Json().number("nodes", nodes).number("instantiate_us", median(make)).number("first_launch_us", median(first))
                        .number("replay_launch_us", median(replay)).number("destroy_us", median(destroy)));
  }
  auto j = report("graph_callbacks", "6", argc, argv);
  std::printf("%s\n", j.list("steps", steps.rows).list("cost", costs).str().c_str());
  return 0;
}
