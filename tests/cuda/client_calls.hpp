// SPDX-License-Identifier: Apache-2.0
// What the small CUDA programs of these tests have in common.
#pragma once

#include <dlfcn.h>

#include <cstdio>
#include <vector>

#include "cuda/stand_in.h"

// What the shim counted; "" without it.
inline void say_report() {
  using Report = std::size_t (*)(char*, std::size_t);
  const auto report = reinterpret_cast<Report>(::dlsym(::dlopen("libcuda.so.1", RTLD_LAZY), "lithos_shim_report"));
  std::vector<char> text(report == nullptr ? 1 : report(nullptr, 0) + 64);
  if (report != nullptr) report(text.data(), text.size());
  std::printf("report %s\n", text.data());
}

// For those that are linked against the driver.
#ifndef CLIENT_ALONE
inline CUfunction kernel(const char* name) {
  static CUmodule module = nullptr;
  if (module == nullptr) cuModuleLoadData(&module, "");
  CUfunction function = nullptr;
  cuModuleGetFunction(&function, module, name);
  return function;
}

inline CUresult start_driver() {
  const CUresult result = cuInit(0);
  CUcontext context = nullptr;
  cuDevicePrimaryCtxRetain(&context, 0);
  cuCtxSetCurrent(context);
  return result;
}
#endif
