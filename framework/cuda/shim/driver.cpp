// SPDX-License-Identifier: Apache-2.0
#include "cuda/shim/driver.hpp"

#include <dlfcn.h>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // old programs call them all the same

namespace lithos::cuda::shim {
namespace {

constinit DriverTable table;

#define INTERCEPT(name, base, since, per_thread, parameters) {#name, base, since, per_thread, nullptr, nullptr},
InterceptEntry entries[] = {
#include "cuda/shim/intercepts.def"
};
#undef INTERCEPT

template <class Function>
void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
}

void find_own_calls(void* library) {
  find(library, "cuGetExportTable", table.cuGetExportTable);
  find(library, "cuDriverGetVersion", table.cuDriverGetVersion);
  find(library, "cuDeviceGetCount", table.cuDeviceGetCount);
  find(library, "cuDevicePrimaryCtxGetState", table.cuDevicePrimaryCtxGetState);
  find(library, "cuDeviceGetUuid_v2", table.cuDeviceGetUuid_v2);
  find(library, "cuCtxGetCurrent", table.cuCtxGetCurrent);
  find(library, "cuCtxGetDevice", table.cuCtxGetDevice);
  find(library, "cuFuncGetName", table.cuFuncGetName);
  find(library, "cuModuleLoadData", table.cuModuleLoadData);
  find(library, "cuModuleGetFunction", table.cuModuleGetFunction);
  find(library, "cuStreamCreate", table.cuStreamCreate);
  find(library, "cuStreamDestroy_v2", table.cuStreamDestroy_v2);
  find(library, "cuKernelGetFunction", table.cuKernelGetFunction);
  find(library, "cuFuncGetAttribute", table.cuFuncGetAttribute);
  find(library, "cuStreamIsCapturing", table.cuStreamIsCapturing);
  find(library, "cuThreadExchangeStreamCaptureMode", table.cuThreadExchangeStreamCaptureMode);
  find(library, "cuGraphGetNodes", table.cuGraphGetNodes);
  find(library, "cuGraphNodeGetType", table.cuGraphNodeGetType);
  find(library, "cuGraphNodeGetDependentNodes", table.cuGraphNodeGetDependentNodes);
  find(library, "cuGraphNodeGetDependentNodes_v2", table.cuGraphNodeGetDependentNodes_v2);
  find(library, "cuGraphKernelNodeGetParams_v2", table.cuGraphKernelNodeGetParams_v2);
  find(library, "cuGraphChildGraphNodeGetGraph", table.cuGraphChildGraphNodeGetGraph);
  find(library, "cuMemHostRegister_v2", table.cuMemHostRegister_v2);
  find(library, "cuMemHostGetDevicePointer_v2", table.cuMemHostGetDevicePointer_v2);
  find(library, "cuCtxSetCurrent", table.cuCtxSetCurrent);
  find(library, "cuFuncGetParamInfo", table.cuFuncGetParamInfo);
  find(library, "cuKernelGetAttribute", table.cuKernelGetAttribute);
  find(library, "cuPointerGetAttribute", table.cuPointerGetAttribute);
  find(library, "cuStreamGetCtx", table.cuStreamGetCtx);
  find(library, "cuStreamGetFlags", table.cuStreamGetFlags);
  find(library, "cuGraphGetEdges_v2", table.cuGraphGetEdges_v2);
  find(library, "cuGraphKernelNodeGetAttribute", table.cuGraphKernelNodeGetAttribute);
  find(library, "cuGraphMemsetNodeGetParams", table.cuGraphMemsetNodeGetParams);
  find(library, "cuGraphMemcpyNodeGetParams", table.cuGraphMemcpyNodeGetParams);
  find(library, "cuGraphHostNodeGetParams", table.cuGraphHostNodeGetParams);
  find(library, "cuEventCreate", table.cuEventCreate);
  find(library, "cuEventDestroy_v2", table.cuEventDestroy_v2);
  find(library, "cuEventRecord", table.cuEventRecord);
  find(library, "cuStreamWaitEvent", table.cuStreamWaitEvent);
}

// Before any other constructor of ours, and before whoever links us: the loader runs a library's constructors before
// those of the libraries that need it.
__attribute__((constructor(101))) void fill_table() {
  void* const library = ::dlopen(kPrivateLink, RTLD_LAZY | RTLD_NOLOAD);
  if (library == nullptr) return;  // cannot be: the loader would not have loaded us without it
  unsigned index = 0;
#define INTERCEPT(name, base, since, per_thread, parameters) \
  find(library, #name, table.name);                          \
  entries[index].ours = reinterpret_cast<void*>(&::name);    \
  entries[index++].real = reinterpret_cast<void*>(table.name);
#include "cuda/shim/intercepts.def"
#undef INTERCEPT
  find_own_calls(library);
}

}  // namespace

const DriverTable& driver() { return table; }
InterceptList intercepts() { return {entries, sizeof entries / sizeof entries[0]}; }

}  // namespace lithos::cuda::shim
