// SPDX-License-Identifier: Apache-2.0
// The ways to the driver that a program may take: routes [launches]. Linked statically to cudart; built a second time with
// --default-stream per-thread; and with `dlsym` as the second argument the driver is opened by hand. Prints a digest of the results: the
// same with and without the shim, which must count every launch.
#include <cstdint>
#include <cstring>

#include "kernels.cuh"

__global__ void mix(unsigned* values, unsigned round) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  values[i] = (values[i] ^ round) * 2654435761u + i;
}

int main(int argc, char** argv) {
  const unsigned launches = argc > 1 ? static_cast<unsigned>(std::atoi(argv[1])) : 1000;
  const bool by_hand = argc > 2 && std::strcmp(argv[2], "dlsym") == 0;
  constexpr unsigned kBlocks = 300, kThreads = 256, kValues = kBlocks * kThreads;
  unsigned* values;
  CHECK(cudaMalloc(&values, kValues * sizeof *values));
  CHECK(cudaMemset(values, 0, kValues * sizeof *values));
  using Launch = CUresult (*)(CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, CUstream, void**, void**);
  Launch launch = nullptr;
  cudaFunction_t function = nullptr;
  if (by_hand) {
    launch = reinterpret_cast<Launch>(dlsym(dlopen("libcuda.so.1", RTLD_NOW), "cuLaunchKernel"));
    CHECK(cudaGetFuncBySymbol(&function, reinterpret_cast<const void*>(&mix)));
  }
  for (unsigned round = 0; round < launches; ++round) {
    if (by_hand) {
      void* arguments[] = {&values, &round};
      CHECK(launch(reinterpret_cast<CUfunction>(function), kBlocks, 1, 1, kThreads, 1, 1, 0, nullptr, arguments, nullptr));
    } else {
      mix<<<kBlocks, kThreads>>>(values, round);
      CHECK(cudaGetLastError());
    }
  }
  std::vector<unsigned> host(kValues);
  CHECK(cudaMemcpy(host.data(), values, kValues * sizeof *values, cudaMemcpyDeviceToHost));
  std::uint64_t digest = 1469598103934665603u;
  for (const unsigned value : host) digest = (digest ^ value) * 1099511628211u;
  std::printf("{\"workload\": \"routes\", \"digest\": \"%016llx\", \"cupti_kernels\": %u}\n", static_cast<unsigned long long>(digest), launches);
  return 0;
}
