// SPDX-License-Identifier: Apache-2.0
// The reviewed table against the toolkit's own lists: what cuda.h declares and what libcuda exports.
#include "cuda/queue/driver_calls.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <memory>
#include <regex>
#include <set>
#include <string>

namespace lithos::cuda {
namespace {

TEST(DriverCalls, EveryLineHasAReason) {
  for (const DriverCall& call : driver_calls()) {
    EXPECT_GE(call.reason.size(), 10u) << call.name;
    EXPECT_EQ(find_driver_call(call.name), &call) << call.name;  // sorted, and named without suffixes
  }
}

TEST(DriverCalls, VersionsAndStreamVariantsShareTheirLine) {
  EXPECT_EQ(find_driver_call("cuMemcpyDtoDAsync_v2_ptsz"), find_driver_call("cuMemcpyDtoDAsync"));
  EXPECT_EQ(find_driver_call("cuStreamGetCaptureInfo_v3_ptsz"), find_driver_call("cuStreamGetCaptureInfo"));
  EXPECT_EQ(find_driver_call("cuLaunchKernelEx_ptsz")->call_class, CallClass::launch);
  EXPECT_NE(find_driver_call("cuMemsetD32Async"), find_driver_call("cuMemsetD32"));
}

TEST(DriverCalls, WhatIsNotKnownSubmitsFirst) {
  for (const char* name : {"cuFutureCall", "cuFutureCall_v2", "", "_v2", "_ptsz", "cu"})
    EXPECT_EQ(class_of_driver_call(name), CallClass::submits_all) << name;
}

TEST(DriverCalls, ClassesThatTheQueuesRelyOn) {
  EXPECT_EQ(class_of_driver_call("cuEventRecord"), CallClass::event);
  EXPECT_EQ(class_of_driver_call("cuStreamWaitEvent_ptsz"), CallClass::event);
  EXPECT_EQ(class_of_driver_call("cuMemcpyHtoDAsync_v2"), CallClass::submits_stream);
  EXPECT_EQ(class_of_driver_call("cuMemFree_v2"), CallClass::submits_all);
  EXPECT_EQ(class_of_driver_call("cuCtxSynchronize"), CallClass::submits_all);
  EXPECT_EQ(class_of_driver_call("cuCtxDestroy_v2"), CallClass::lifecycle);
  EXPECT_EQ(class_of_driver_call("cuPointerGetAttribute"), CallClass::harmless);
}

#ifdef LITHOS_CUDA_INCLUDE
std::set<std::string> declared() {
  std::set<std::string> names;
  for (const char* header : {"cuda.h", "cudaProfiler.h"}) {
    std::ifstream file(std::string(LITHOS_CUDA_INCLUDE) + "/" + header);
    static const std::regex kDeclaration(R"(^\s*CUresult\s+CUDAAPI\s+(cu\w+)\s*\()");
    std::string line;
    for (std::smatch match; std::getline(file, line);)
      if (std::regex_search(line, match, kDeclaration)) names.insert(match[1]);
  }
  return names;
}

std::set<std::string> exported() {
  const std::string command = std::string("nm -D --defined-only ") + LITHOS_CUDA_STUB + " 2>/dev/null";
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::set<std::string> names;
  char address[64], type[8], name[256];
  while (pipe && std::fscanf(pipe.get(), "%63s %7s %255s", address, type, name) == 3)
    if (std::string(name).rfind("cu", 0) == 0) names.insert(name);
  return names;
}

TEST(DriverCalls, EveryFunctionOfThisToolkitIsClassified) {
  const std::set<std::string> headers = declared(), symbols = exported();
  EXPECT_GE(headers.size(), 300u);
  EXPECT_GE(symbols.size(), 500u);
  for (const std::set<std::string>* list : {&headers, &symbols})
    for (const std::string& name : *list)
      EXPECT_NE(find_driver_call(name), nullptr) << name << ": add a line to framework/cuda/queue/driver_calls.inc";
}
#endif

}  // namespace
}  // namespace lithos::cuda
