// SPDX-License-Identifier: Apache-2.0
// Kernels and small helpers of the shim's checks on a GPU.
#pragma once

#include <cuda.h>
#include <cuda_runtime.h>
#include <dlfcn.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#define CHECK(call)                                                                      \
  do {                                                                                   \
    const auto rc = (call);                                                              \
    if (rc != 0) {                                                                       \
      std::fprintf(stderr, "%s: error %d (line %d)\n", #call, static_cast<int>(rc), __LINE__); \
      std::exit(1);                                                                      \
    }                                                                                    \
  } while (0)

// Counters of the shim; "{}" without it.
inline std::string shim_report() {
  using Report = size_t (*)(char*, size_t);
  void* driver = dlopen("libcuda.so.1", RTLD_LAZY);
  auto report = reinterpret_cast<Report>(dlsym(driver, "lithos_shim_report"));
  if (report == nullptr) return "{}";
  std::vector<char> text(report(nullptr, 0) + 64);
  report(text.data(), text.size());
  return text.data();
}

inline double percentile(std::vector<double>& values, double share) {
  if (values.empty()) return 0;
  const size_t at = std::min(values.size() - 1, static_cast<size_t>(share * values.size()));
  std::nth_element(values.begin(), values.begin() + at, values.end());
  return values[at];
}
