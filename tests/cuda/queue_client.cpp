// SPDX-License-Identifier: Apache-2.0
// CUDA programs whose results depend on the order of their calls: `queue_client MODE [N]`; or one that is told what to do line by line
// (`talk FILE`: its memory is the file). On the stand-in, whose kernels, copies and host functions do something at once.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cuda/client_calls.hpp"
#include "cuda/stand_in.h"

#undef cuGetProcAddress

namespace {

void say(const char* key, unsigned long long value) { std::printf("%s %llu\n", key, value); }

bool start() { return start_driver() == CUDA_SUCCESS; }

std::uint64_t* memory(std::size_t words, bool device) {
  void* at = nullptr;
  cuMemHostAlloc(&at, words * 8, device ? CU_MEMHOSTALLOC_DEVICEMAP : 0);
  return static_cast<std::uint64_t*>(at);
}
CUdeviceptr address(const void* at) { return reinterpret_cast<CUdeviceptr>(at); }

// By array or by packed buffer; both are overwritten as soon as the launch has returned.
CUresult fold(std::uint64_t* where, std::uint64_t value, std::uint32_t step, CUstream stream, bool packed = false) {
  struct { std::uint64_t where, value; std::uint32_t step; } all{reinterpret_cast<std::uint64_t>(where), value, step};
  void* values[] = {&all.where, &all.value, &all.step};
  std::size_t bytes = 20;
  void* extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, &all, CU_LAUNCH_PARAM_BUFFER_SIZE, &bytes, CU_LAUNCH_PARAM_END};
  const CUresult result = cuLaunchKernel(kernel("fold"), 5000, 1, 1, 256, 1, 1, 0, stream, packed ? nullptr : values,
                                         packed ? extra : nullptr);
  std::memset(&all, 0xee, sizeof all);
  return result;
}

// A graph of what `body` does to a stream of its own.
template <class Body>
CUgraphExec graph_of(Body&& body) {
  static CUstream maker = nullptr;
  if (maker == nullptr) cuStreamCreate(&maker, CU_STREAM_NON_BLOCKING);
  cuStreamBeginCapture_v2(maker, CU_STREAM_CAPTURE_MODE_GLOBAL);
  body(maker);
  CUgraph graph = nullptr;
  CUgraphExec exec = nullptr;
  cuStreamEndCapture(maker, &graph);
  cuGraphInstantiateWithFlags(&exec, graph, 0);
  cuGraphDestroy(graph);
  return exec;
}

// ---- random programs: what is done to a buffer is ordered by its stream, and by an event where the stream changes -------------------
struct Random {
  static constexpr unsigned kBuffers = 6, kStreams = 4, kWords = 4;
  explicit Random(unsigned seed) : dice(seed) {
    for (auto& stream : streams) cuStreamCreate(&stream, below(2) == 0 ? CU_STREAM_NON_BLOCKING : 0);
    if (below(2) == 0) streams[0] = nullptr;
    for (auto& buffer : buffers) buffer = memory(kWords, true);
    for (auto& event : events) cuEventCreate(&event, 0);
  }
  unsigned below(unsigned n) { return static_cast<unsigned>(dice() % n); }

  void step() {
    const unsigned b = below(kBuffers), other = below(kBuffers);
    std::uint64_t* const at = buffers[b];
    const CUstream stream = streams[owner[b]];
    switch (below(12)) {
      case 0: move(b, below(kStreams)); break;
      case 1: cuMemsetD32Async(address(at), below(1000), 2 * below(kWords), stream); break;
      case 2: bring(other, owner[b]), cuMemcpyDtoDAsync_v2(address(at), address(buffers[other]), 8 * kWords, stream); break;
      case 3: {  // pageable: read before the call returns
        std::uint64_t value = below(1000);
        cuMemcpyHtoDAsync_v2(address(at), &value, 8, stream);
        value = ~value;
        break;
      }
      case 4: cuLaunchHostFunc(stream, triple, at); break;
      case 5: {
        std::uint64_t seen = 0;
        cuMemcpyDtoHAsync_v2(&seen, address(at), 8, stream);
        cuStreamSynchronize(stream);
        sum = sum * 31 + seen;
        break;
      }
      case 6: if (below(8) == 0) renew_event(below(kBuffers)); break;
      case 7: if (below(8) == 0) cuCtxSynchronize(), sum = sum * 31 + *at; break;
      case 8: launch_graph(b); break;
      default: fold(at + below(kWords), dice(), below(100), stream, below(3) == 0); break;
    }
  }
  static void CUDA_CB triple(void* p) {
    auto* const words = static_cast<std::uint64_t*>(p);
    words[0] = words[0] * 3 + words[1];
  }
  // Some calls of every kind that a graph can hold, all on one buffer.
  CUgraphExec make_graph(std::uint64_t* at, std::uint64_t* pinned) {
    return graph_of([&](CUstream maker) {
      for (unsigned i = 2 + below(5); i > 0; --i) switch (below(6)) {
          case 0: cuMemsetD32Async(address(at), below(1000), 2 * (1 + below(kWords)), maker); break;
          case 1: cuMemcpyDtoDAsync_v2(address(at + 2), address(at), 16, maker); break;
          case 2: cuLaunchHostFunc(maker, triple, at); break;
          case 3: cuMemcpyDtoHAsync_v2(pinned, address(at), 8, maker), cuMemcpyHtoDAsync_v2(address(at + 1), pinned, 8, maker); break;
          default: fold(at + below(kWords), dice(), below(100), maker, below(3) == 0); break;
        }
    });
  }
  // Of two launches on two streams the second comes after the first, without an event of the program's.
  void launch_graph(unsigned b) {
    if (below(6) == 0 && graphs[b] != nullptr) cuGraphExecDestroy(std::exchange(graphs[b], nullptr));
    if (graphs[b] == nullptr) graphs[b] = make_graph(buffers[b], host + b);
    for (unsigned i = 1 + below(2); i > 0; --i) cuGraphLaunch(graphs[b], streams[owner[b]]);
    if (below(3) != 0) return;
    owner[b] = below(kStreams);
    cuGraphLaunch(graphs[b], streams[owner[b]]);
  }
  // The buffer is the other stream's from here on.
  void move(unsigned b, unsigned to) {
    cuEventRecord(events[b], streams[owner[b]]);
    cuStreamWaitEvent(streams[to], events[b], 0);
    owner[b] = to;
  }
  void bring(unsigned b, unsigned to) {
    if (owner[b] != to) move(b, to);
  }
  void renew_event(unsigned b) {
    cuEventDestroy_v2(events[b]);
    cuEventCreate(&events[b], 0);
  }
  std::uint64_t checksum() {
    for (unsigned b = 0; b < kBuffers; ++b) {
      cuEventRecord(events[b], streams[owner[b]]);
      cuEventSynchronize(events[b]);
      for (unsigned i = 0; i < kWords; ++i) sum = sum * 31 + buffers[b][i];
    }
    return sum;
  }

  std::mt19937_64 dice;
  CUstream streams[kStreams] = {};
  std::uint64_t* buffers[kBuffers] = {};
  CUevent events[kBuffers] = {};
  unsigned owner[kBuffers] = {};
  CUgraphExec graphs[kBuffers] = {};
  std::uint64_t* host = memory(kBuffers, false);  // pinned
  std::uint64_t sum = 0;
};

void order(unsigned seeds) {
  for (unsigned seed = 1; seed <= seeds; ++seed) {
    Random program(seed);
    for (unsigned i = 0; i < 120; ++i) program.step();
    say("sum", program.checksum());
  }
}

// ---- told line by line -----------------------------------------------------------------------------------
struct Told {
  std::uint64_t* words = nullptr;
  CUstream stream = nullptr;
  CUevent event = nullptr;
  CUgraph graph = nullptr;
  CUgraphExec exec = nullptr;
  std::vector<CUgraphNode> nodes;

  static CUDA_KERNEL_NODE_PARAMS node_of(void** values, void** extra) {
    CUDA_KERNEL_NODE_PARAMS node{};
    node.func = kernel("fold");
    node.gridDimX = 5000, node.gridDimY = node.gridDimZ = 1;
    node.blockDimX = 256, node.blockDimY = node.blockDimZ = 1;
    node.kernelParams = values, node.extra = extra;
    return node;
  }
  // n folds, made last first, with a child graph for the second; "whole": and a node that only graphs have.
  void make_graph(unsigned n, bool with_event) {
    CUgraph child = nullptr;
    cuGraphCreate(&graph, 0), cuGraphCreate(&child, 0);
    nodes.assign(n, nullptr);
    for (unsigned i = n; i-- > 0;) {
      std::uint64_t value = i;
      std::uint32_t step = 1;
      void* values[] = {&words, &value, &step};
      const CUDA_KERNEL_NODE_PARAMS node = node_of(values, nullptr);
      CUgraphNode inner = nullptr;
      if (i == 1) cuGraphAddKernelNode_v2(&inner, child, nullptr, 0, &node), cuGraphAddChildGraphNode(&nodes[i], graph, nullptr, 0, child);
      else cuGraphAddKernelNode_v2(&nodes[i], graph, nullptr, 0, &node);
    }
    for (unsigned i = 1; i < n; ++i) cuGraphAddDependencies_v2(graph, &nodes[i - 1], &nodes[i], nullptr, 1);
    CUgraphNode last = nullptr;
    cuGraphAddEmptyNode(&last, graph, &nodes[n - 1], 1);
    if (with_event) cuGraphAddEventRecordNode(&last, graph, &nodes[n - 1], 1, event);
    say("result", cuGraphInstantiateWithFlags(&exec, graph, 0));
  }
  // Its first node folds `value` from now on.
  void change_graph(std::uint64_t value) {
    std::uint32_t step = 1;
    void* values[] = {&words, &value, &step};
    const CUDA_KERNEL_NODE_PARAMS node = node_of(values, nullptr);
    say("result", cuGraphExecKernelNodeSetParams_v2(exec, nodes[0], &node));
  }
  void make_cluster_graph() {
    exec = graph_of([&](CUstream maker) {
      std::uint64_t value = 0;
      std::uint32_t step = 1;
      void* values[] = {&words, &value, &step};
      CUlaunchAttribute attribute{};
      attribute.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
      attribute.value.clusterDim = {2, 1, 1};
      const CUlaunchConfig config{5000, 1, 1, 256, 1, 1, 0, maker, &attribute, 1};
      cuLaunchKernelEx(&config, kernel("fold"), values, nullptr);
    });
  }
  // fold, a function that says that it runs and waits for words[1], fold
  void make_waiting_graph() {
    exec = graph_of([&](CUstream maker) {
      fold(words, 0, 1, maker);
      cuLaunchHostFunc(maker, [](void* p) {
        auto* const all = static_cast<std::uint64_t*>(p);
        std::atomic_ref(all[2]).store(1);
        while (std::atomic_ref(all[1]).load() == 0) std::this_thread::yield();
      }, words);
      fold(words, 1, 1, maker, true);
    });
  }

  void capture(CUstream on, unsigned n) {
    cuStreamBeginCapture_v2(on, CU_STREAM_CAPTURE_MODE_GLOBAL);
    for (unsigned i = 0; i < n; ++i) say("result", fold(words, i, 1, on));
    cuMemsetD32Async(address(words + 3), 0, 2, on);
    CUgraph made = nullptr;
    say("result", cuStreamEndCapture(on, &made));
    if (made == nullptr) return;
    std::size_t count = 0;
    cuGraphGetNodes(made, nullptr, &count);
    say("nodes", count);
    cuGraphDestroy(made);
  }

  void run(const std::string& what, unsigned n) {
    if (what == "launch")
      for (unsigned i = 0; i < n; ++i) say("result", fold(words, i, 1, stream));
    if (what == "fail") say("result", cuLaunchKernel(kernel("failing"), 5000, 1, 1, 256, 1, 1, 0, stream, nullptr, nullptr));
    if (what == "record") say("result", cuEventRecord(event, stream));
    if (what == "query_event") say("result", cuEventQuery(event));
    if (what == "query_stream") say("result", cuStreamQuery(stream));
    if (what == "end_event") say("result", cuEventDestroy_v2(event)), cuEventCreate(&event, 0);
    if (what == "wait_event") say("result", cuEventSynchronize(event));
    if (what == "wait_stream") say("result", cuStreamSynchronize(stream));
    if (what == "capture") capture(stream, n);
    if (what == "capture_elsewhere") {
      CUstream fresh = nullptr;
      cuStreamCreate(&fresh, CU_STREAM_NON_BLOCKING);
      capture(fresh, n);
    }
    if (what == "begin_capture") say("result", cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
    if (what == "end_capture") say("result", cuStreamEndCapture(stream, &graph)), cuGraphDestroy(graph);
    if (what == "make_graph") make_graph(n, false);
    if (what == "make_whole_graph") make_graph(n, true);
    if (what == "make_cluster_graph") make_cluster_graph();
    if (what == "make_waiting_graph") make_waiting_graph();
    if (what == "make_owning_graph") cuGraphRetainUserObject(nullptr, nullptr, 1, 0), make_graph(n, false);
    if (what == "make_together_graph")
      exec = graph_of([](CUstream maker) { cuLaunchCooperativeKernel(kernel("together"), 8, 1, 1, 256, 1, 1, 0, maker, nullptr); });
    if (what == "change_graph") change_graph(n);
    if (what == "launch_graph") say("result", cuGraphLaunch(exec, stream));
    if (what == "launch_graph_elsewhere") say("result", cuGraphLaunch(exec, nullptr));
    if (what == "end_graph") say("result", cuGraphExecDestroy(exec));
    if (what == "in_host_function") while (std::atomic_ref(words[2]).load() == 0) std::this_thread::yield();
    if (what == "end_context") say("result", cuCtxDestroy_v2(nullptr));  // another one
    if (what == "free") say("result", cuMemFree_v2(1));
    if (what == "end_stream") say("result", cuStreamDestroy_v2(stream)), cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING);
    say("launched", cuStandInCalls("cuLaunchKernel"));
    say("graphs", cuStandInCalls("cuGraphLaunch"));
    say("in_pairs", cuStandInCalls("in pairs"));
    say("waits", cuStandInCalls("cuStreamWaitEvent"));
    say("value", std::atomic_ref(*words).load(std::memory_order_relaxed));  // kernels may run
    if (what == "report") say_report();
    say("done", 1);
    std::fflush(stdout);
  }
};

void talk(const char* file) {
  Told told;
  const int fd = ::open(file, O_RDWR);
  told.words = static_cast<std::uint64_t*>(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
  cuStreamCreate(&told.stream, CU_STREAM_NON_BLOCKING);
  cuEventCreate(&told.event, 0);
  for (char line[64]; std::fgets(line, sizeof line, stdin) != nullptr;) {
    char what[32] = "";
    unsigned n = 1;
    std::sscanf(line, "%31s %u", what, &n);
    told.run(what, n);
  }
}

// Grids of one, two and three dimensions in a graph; once each with n launches, so that all of them count as often without us.
void shapes(unsigned n) {
  const unsigned grids[][3] = {{4001, 1, 1}, {61, 67, 1}, {11, 13, 17}, {5, 1, 701}};
  CUstream stream = nullptr;
  cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING);
  const CUgraphExec exec = graph_of([&](CUstream maker) {
    for (unsigned i = 0; i < n; ++i)
      for (const auto& grid : grids) cuLaunchKernel(kernel("shaped"), grid[0], grid[1], grid[2], 256, 1, 1, 0, maker, nullptr, nullptr);
  });
  cuStandInForget();
  cuGraphLaunch(exec, stream);
  cuStreamSynchronize(stream);
  std::vector<CUstandInDescriptor> seen(cuStandInDescriptors(nullptr, 0));
  cuStandInDescriptors(seen.data(), static_cast<unsigned>(seen.size()));
  unsigned long long blocks = 0, sum = 0;
  for (const CUstandInDescriptor& one : seen)
    if (one.internal == 0) blocks += one.blocks, sum += one.block_sum;
  say("blocks", blocks);
  say("block_sum", sum);
}

// A function that nobody has reviewed is asked for between launches.
void stranger() {
  std::uint64_t* const at = memory(1, true);
  fold(at, 1, 1, nullptr);
  void* found = nullptr;
  cuGetProcAddress_v2("cuStandInCalls", &found, 13000, 0, nullptr);
  fold(at, 2, 1, nullptr);
  fold(at, 3, 1, nullptr);
  cuStreamSynchronize(nullptr);
}

// This driver has no arrays: its absence must be told.
void lacking() {
  void* found = &found;
  say("asked", cuGetProcAddress_v2("cuMemcpyAtoHAsync", &found, 13000, 0, nullptr));
  say("found", found != nullptr);
  const auto linked = reinterpret_cast<CUresult (*)(void*, CUarray, std::size_t, std::size_t, CUstream)>(
      ::dlsym(RTLD_DEFAULT, "cuMemcpyAtoHAsync_v2"));
  say("linked", linked == nullptr ? CUDA_SUCCESS : linked(nullptr, nullptr, 0, 0, nullptr));
  cuGetProcAddress_v2("cuEventQuery", &found, 13000, 0, nullptr);
  say("same_either_way", found == ::dlsym(RTLD_DEFAULT, "cuEventQuery"));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "order";
  if (!start()) return 1;
  if (mode == "order") order(argc > 2 ? static_cast<unsigned>(std::atoi(argv[2])) : 10);
  if (mode == "talk") talk(argv[2]);
  if (mode == "shapes") shapes(argc > 2 ? static_cast<unsigned>(std::atoi(argv[2])) : 4);
  if (mode == "stranger") stranger();
  if (mode == "lacking") lacking();
  if (mode != "talk") say_report();
  std::fflush(stdout);
  return 0;
}
