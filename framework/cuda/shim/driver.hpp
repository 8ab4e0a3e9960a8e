// SPDX-License-Identifier: Apache-2.0
// The real driver, as the shim calls it.
//
// The shim is called libcuda.so.1 and needs the real driver under another name (kPrivateLink), which `lithos run` puts
// beside it as a symbolic link. So the loader has both, everything that the shim does not define is found in the real
// one, and the shim finds the functions that it does define by asking that library alone (docs/design/shim.md).
// The table is filled by a constructor of the library, before anybody can call it, and constant afterwards. Any thread.
#pragma once

#include <cuda.h>

// cuda.h gives the old name the new meaning; both exist in the driver, and both are ours.
#undef cuGetProcAddress
#undef cuGraphNodeGetDependentNodes

// The shim's own functions, by the names under which they are exported. cuda.h renames some of them by macros, none
// of those that intercepts.def lists; per-thread variants it does not declare at all.
#define INTERCEPT(name, base, since, per_thread, parameters) extern "C" CUresult CUDAAPI name parameters;
#include "cuda/shim/intercepts.def"
#undef INTERCEPT

namespace lithos::cuda::shim {

// NEEDED name of the real driver. Never libcuda.so.1: the loader would take us for it.
inline constexpr const char* kPrivateLink = "liblithos_real_cuda.so.1";

struct DriverTable {
  // nullptr: this driver has no such function.
#define INTERCEPT(name, base, since, per_thread, parameters) CUresult(CUDAAPI* name) parameters = nullptr;
#include "cuda/shim/intercepts.def"
#undef INTERCEPT

  // What the shim itself uses of the driver; also found by name, so that an older driver without one of them loads.
  CUresult(CUDAAPI* cuGetExportTable)(const void**, const CUuuid*) = nullptr;
  CUresult(CUDAAPI* cuDriverGetVersion)(int*) = nullptr;
  CUresult(CUDAAPI* cuDeviceGetCount)(int*) = nullptr;
  CUresult(CUDAAPI* cuDevicePrimaryCtxGetState)(CUdevice, unsigned*, int*) = nullptr;
  CUresult(CUDAAPI* cuDeviceGetUuid_v2)(CUuuid*, CUdevice) = nullptr;
  CUresult(CUDAAPI* cuCtxGetCurrent)(CUcontext*) = nullptr;
  CUresult(CUDAAPI* cuCtxGetDevice)(CUdevice*) = nullptr;
  CUresult(CUDAAPI* cuFuncGetName)(const char**, CUfunction) = nullptr;
  CUresult(CUDAAPI* cuFuncGetAttribute)(int*, CUfunction_attribute, CUfunction) = nullptr;
  CUresult(CUDAAPI* cuModuleLoadData)(CUmodule*, const void*) = nullptr;
  CUresult(CUDAAPI* cuModuleGetFunction)(CUfunction*, CUmodule, const char*) = nullptr;
  CUresult(CUDAAPI* cuStreamCreate)(CUstream*, unsigned) = nullptr;
  CUresult(CUDAAPI* cuStreamDestroy_v2)(CUstream) = nullptr;
  CUresult(CUDAAPI* cuKernelGetFunction)(CUfunction*, CUkernel) = nullptr;
  CUresult(CUDAAPI* cuStreamIsCapturing)(CUstream, CUstreamCaptureStatus*) = nullptr;
  CUresult(CUDAAPI* cuThreadExchangeStreamCaptureMode)(CUstreamCaptureMode*) = nullptr;
  CUresult(CUDAAPI* cuGraphGetNodes)(CUgraph, CUgraphNode*, size_t*) = nullptr;
  CUresult(CUDAAPI* cuGraphNodeGetType)(CUgraphNode, CUgraphNodeType*) = nullptr;
  CUresult(CUDAAPI* cuGraphNodeGetDependentNodes)(CUgraphNode, CUgraphNode*, size_t*) = nullptr;
  CUresult(CUDAAPI* cuGraphNodeGetDependentNodes_v2)(CUgraphNode, CUgraphNode*, CUgraphEdgeData*, size_t*) = nullptr;
  CUresult(CUDAAPI* cuGraphKernelNodeGetParams_v2)(CUgraphNode, CUDA_KERNEL_NODE_PARAMS*) = nullptr;
  CUresult(CUDAAPI* cuGraphChildGraphNodeGetGraph)(CUgraphNode, CUgraph*) = nullptr;
  CUresult(CUDAAPI* cuMemHostRegister_v2)(void*, size_t, unsigned) = nullptr;
  CUresult(CUDAAPI* cuMemHostGetDevicePointer_v2)(CUdeviceptr*, void*, unsigned) = nullptr;
  // The queued path.
  CUresult(CUDAAPI* cuCtxSetCurrent)(CUcontext) = nullptr;
  CUresult(CUDAAPI* cuFuncGetParamInfo)(CUfunction, size_t, size_t*, size_t*) = nullptr;
  CUresult(CUDAAPI* cuKernelGetAttribute)(int*, CUfunction_attribute, CUkernel, CUdevice) = nullptr;
  CUresult(CUDAAPI* cuPointerGetAttribute)(void*, CUpointer_attribute, CUdeviceptr) = nullptr;
  CUresult(CUDAAPI* cuStreamGetCtx)(CUstream, CUcontext*) = nullptr;
  CUresult(CUDAAPI* cuStreamGetFlags)(CUstream, unsigned*) = nullptr;
  // … of graphs.
  CUresult(CUDAAPI* cuGraphGetEdges_v2)(CUgraph, CUgraphNode*, CUgraphNode*, CUgraphEdgeData*, size_t*) = nullptr;
  CUresult(CUDAAPI* cuGraphKernelNodeGetAttribute)(CUgraphNode, CUlaunchAttributeID, CUlaunchAttributeValue*) = nullptr;
  CUresult(CUDAAPI* cuGraphMemsetNodeGetParams)(CUgraphNode, CUDA_MEMSET_NODE_PARAMS*) = nullptr;
  CUresult(CUDAAPI* cuGraphMemcpyNodeGetParams)(CUgraphNode, CUDA_MEMCPY3D*) = nullptr;
  CUresult(CUDAAPI* cuGraphHostNodeGetParams)(CUgraphNode, CUDA_HOST_NODE_PARAMS*) = nullptr;
  CUresult(CUDAAPI* cuEventCreate)(CUevent*, unsigned) = nullptr;
  CUresult(CUDAAPI* cuEventDestroy_v2)(CUevent) = nullptr;
  CUresult(CUDAAPI* cuEventRecord)(CUevent, CUstream) = nullptr;
  CUresult(CUDAAPI* cuStreamWaitEvent)(CUstream, CUevent, unsigned) = nullptr;
};

const DriverTable& driver();

// ours ↔ the real one, for cuGetProcAddress.
struct InterceptEntry {
  const char* exported;
  const char* base;
  int since;
  bool per_thread;
  void* ours;
  void* real;  // nullptr: this driver has no such function
};
struct InterceptList {
  const InterceptEntry* entries;
  unsigned count;
};
InterceptList intercepts();

}  // namespace lithos::cuda::shim
