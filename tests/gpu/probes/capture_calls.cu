// Question 6, rest: which calls of ours end a capture that is none of our business?
//
// While a stream captures (thread-local or global), one call is made: by the capturing thread or another one, in the thread's own mode or in relaxed mode,
// as a layer below the program would. What did it return, and what became of the capture?
#include <functional>
#include <thread>

#include "common/report.hpp"

using namespace lithos::probe;

namespace {

__global__ void touch(int* cell) {
  if (cell != nullptr) *cell = 1;
}

struct Things {
  cudaStream_t other, blocking;
  int *device, *pinned;
  cudaEvent_t event;
  CUcontext context;
  CUfunction function;
  cudaGraph_t graph;
  cudaGraphExec_t exec;

  Things() {
    PROBE_CUDA(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking));
    PROBE_CUDA(cudaStreamCreate(&blocking));
    PROBE_CUDA(cudaMalloc(&device, 4096));
    PROBE_CUDA(cudaMallocHost(&pinned, 4096));
    PROBE_CUDA(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    PROBE_CUDA(cuCtxGetCurrent(&context));
    PROBE_CUDA(cudaGetFuncBySymbol(&function, reinterpret_cast<const void*>(touch)));
    touch<<<1, 1>>>(device);
    PROBE_CUDA(cudaEventRecord(event, other));
    PROBE_CUDA(cudaStreamBeginCapture(other, cudaStreamCaptureModeThreadLocal));
    touch<<<1, 1, 0, other>>>(device);
    PROBE_CUDA(cudaStreamEndCapture(other, &graph));
    PROBE_CUDA(cudaGraphInstantiate(&exec, graph, 0));
  }
};

struct Call {
  const char* name;
  std::function<int(cudaStream_t)> make;  // given the capturing stream
};

std::vector<Call> calls(Things& t) {
  const auto launched = [](cudaStream_t on, int* cell) { return touch<<<1, 1, 0, on>>>(cell), static_cast<int>(cudaGetLastError()); };
  return {
      {"cuStreamGetFlags of it", [](cudaStream_t s) { unsigned x; return int(cuStreamGetFlags(s, &x)); }},
      {"cuStreamGetId of it", [](cudaStream_t s) { unsigned long long x; return int(cuStreamGetId(s, &x)); }},
      {"cuStreamGetCtx of it", [](cudaStream_t s) { CUcontext x; return int(cuStreamGetCtx(s, &x)); }},
      {"cuStreamGetPriority of it", [](cudaStream_t s) { int x; return int(cuStreamGetPriority(s, &x)); }},
      {"cuStreamIsCapturing of it", [](cudaStream_t s) { CUstreamCaptureStatus x; return int(cuStreamIsCapturing(s, &x)); }},
      {"cuStreamGetFlags of another", [&t](cudaStream_t) { unsigned x; return int(cuStreamGetFlags(t.other, &x)); }},
      {"cuPointerGetAttribute", [&t](cudaStream_t) { unsigned x; return int(cuPointerGetAttribute(&x, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, CUdeviceptr(t.device))); }},
      {"cuFuncGetAttribute", [&t](cudaStream_t) { int x; return int(cuFuncGetAttribute(&x, CU_FUNC_ATTRIBUTE_NUM_REGS, t.function)); }},
      {"cuFuncGetParamInfo", [&t](cudaStream_t) { size_t a, b; return int(cuFuncGetParamInfo(t.function, 0, &a, &b)); }},
      {"cuFuncGetModule", [&t](cudaStream_t) { CUmodule x; return int(cuFuncGetModule(&x, t.function)); }},
      {"cuCtxSetCurrent", [&t](cudaStream_t) { return int(cuCtxSetCurrent(t.context)); }},
      {"launch on another", [&t, launched](cudaStream_t) { return launched(t.other, t.device); }},
      {"launch on a blocking one", [&t, launched](cudaStream_t) { return launched(t.blocking, t.device); }},
      {"launch on the legacy one", [&t, launched](cudaStream_t) { return launched(cudaStreamLegacy, t.device); }},
      {"copy of pinned memory", [&t](cudaStream_t) { return int(cudaMemcpyAsync(t.pinned, t.device, 64, cudaMemcpyDeviceToHost, t.other)); }},
      {"copy of pageable memory", [&t](cudaStream_t) { int x; return int(cudaMemcpyAsync(&x, t.device, 4, cudaMemcpyDeviceToHost, t.other)); }},
      {"copy, synchronous", [&t](cudaStream_t) { int x; return int(cudaMemcpy(&x, t.device, 4, cudaMemcpyDeviceToHost)); }},
      {"host function on another", [&t](cudaStream_t) { return int(cudaLaunchHostFunc(t.other, [](void*) {}, nullptr)); }},
      {"graph launch on another", [&t](cudaStream_t) { return int(cudaGraphLaunch(t.exec, t.other)); }},
      {"event record on another", [&t](cudaStream_t) { return int(cudaEventRecord(t.event, t.other)); }},
      {"wait for an event on another", [&t](cudaStream_t) { return int(cudaStreamWaitEvent(t.other, t.event, 0)); }},
      {"event query", [&t](cudaStream_t) { return int(cudaEventQuery(t.event)); }},
      {"event synchronise", [&t](cudaStream_t) { return int(cudaEventSynchronize(t.event)); }},
      {"query of another stream", [&t](cudaStream_t) { return int(cudaStreamQuery(t.other)); }},
      {"synchronise another stream", [&t](cudaStream_t) { return int(cudaStreamSynchronize(t.other)); }},
      {"synchronise the device", [](cudaStream_t) { return int(cudaDeviceSynchronize()); }},
      {"allocate in order", [&t](cudaStream_t) { void* p; const int rc = int(cudaMallocAsync(&p, 64, t.other)); return rc != 0 ? rc : int(cudaFreeAsync(p, t.other)); }},
      {"allocate", [](cudaStream_t) { void* p; const int rc = int(cudaMalloc(&p, 64)); return rc != 0 ? rc : int(cudaFree(p)); }},
      {"allocate pinned memory", [](cudaStream_t) { void* p; const int rc = int(cudaMallocHost(&p, 64)); return rc != 0 ? rc : int(cudaFreeHost(p)); }},
      {"make and end a stream", [](cudaStream_t) { cudaStream_t s; const int rc = int(cudaStreamCreate(&s)); return rc != 0 ? rc : int(cudaStreamDestroy(s)); }},
      {"make and end an event", [](cudaStream_t) { cudaEvent_t e; const int rc = int(cudaEventCreate(&e)); return rc != 0 ? rc : int(cudaEventDestroy(e)); }},
      {"end a graph", [&t](cudaStream_t) { cudaGraphExec_t e; const int rc = int(cudaGraphInstantiate(&e, t.graph, 0)); return rc != 0 ? rc : int(cudaGraphExecDestroy(e)); }},
  };
}

// {"rc": 900, "ends": true}
Json during_a_capture(const Call& call, cudaStreamCaptureMode mode, bool another_thread, bool relaxed, CUcontext context) {
  PROBE_CUDA(cudaDeviceSynchronize());
  cudaStream_t s;
  PROBE_CUDA(cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking));
  PROBE_CUDA(cudaStreamBeginCapture(s, mode));
  touch<<<1, 1, 0, s>>>(nullptr);
  int rc = 0;
  const auto make = [&] {
    CUstreamCaptureMode own = CU_STREAM_CAPTURE_MODE_RELAXED;
    if (relaxed) cuThreadExchangeStreamCaptureMode(&own);
    rc = call.make(s);
    if (relaxed) cuThreadExchangeStreamCaptureMode(&own);
  };
  if (another_thread) std::thread([&] { cuCtxSetCurrent(context), make(); }).join();
  else make();
  cudaGetLastError();
  cudaGraph_t graph = nullptr;
  const bool ends = cudaStreamEndCapture(s, &graph) != cudaSuccess;
  cudaGetLastError();
  if (graph != nullptr) cudaGraphDestroy(graph);
  PROBE_CUDA(cudaStreamDestroy(s));
  return Json().number("rc", rc).flag("ends", ends);
}

}  // namespace

int main(int argc, char** argv) {
  need_gpu();
  Things things;
  std::vector<Json> rows;
  for (const Call& call : calls(things)) {
    Json row;
    row.text("call", call.name);
    for (const bool global : {false, true})
      for (const bool another : {false, true})
        for (const bool relaxed : {false, true})
          row.object(std::string(global ? "global" : "thread_local") + (another ? ", another thread" : "") + (relaxed ? ", relaxed" : ""),
                     during_a_capture(call, global ? cudaStreamCaptureModeGlobal : cudaStreamCaptureModeThreadLocal, another, relaxed, things.context));
    rows.push_back(row);
  }
  std::printf("%s\n", report("capture_calls", "6", argc, argv).list("calls", rows).str().c_str());
  return 0;
}
