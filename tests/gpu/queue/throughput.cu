// SPDX-License-Identifier: Apache-2.0
// Kernels back to back, and what the launch call costs the program: throughput KERNEL_US [LAUNCHES] [ROUNDS]. A round launches all of them and then
// waits; per_kernel_us is the round's time by kernel, which bare is the kernel's own and the driver's gap.
#include <chrono>

#include "../shim/kernels.cuh"

__global__ void busy(unsigned long long ns, unsigned* out, unsigned value) {
  unsigned long long begin, now;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(begin));
  do asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
  while (now - begin < ns);
  if (threadIdx.x == 0 && blockIdx.x == 0) *out = value;
}

static double now_us() {
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

int main(int argc, char** argv) {
  const double kernel_us = argc > 1 ? std::atof(argv[1]) : 100;
  const int launches = argc > 2 ? std::atoi(argv[2]) : 500, rounds = argc > 3 ? std::atoi(argv[3]) : 7;
  cudaStream_t stream;
  CHECK(cudaStreamCreate(&stream));
  unsigned* out;
  CHECK(cudaMalloc(reinterpret_cast<void**>(&out), 4));
  std::vector<double> per_kernel, calls;
  for (int round = 0; round <= rounds; ++round) {
    std::vector<double> took(static_cast<std::size_t>(launches));
    const double begin = now_us();
    for (int i = 0; i < launches; ++i) {
      const double from = now_us();
      busy<<<8, 64, 0, stream>>>(static_cast<unsigned long long>(kernel_us * 1000), out, static_cast<unsigned>(i));
      took[static_cast<std::size_t>(i)] = now_us() - from;
    }
    CHECK(cudaStreamSynchronize(stream));
    if (round == 0) continue;  // warm
    per_kernel.push_back((now_us() - begin) / launches);
    calls.insert(calls.end(), took.begin(), took.end());
  }
  CHECK(cudaGetLastError());
  std::printf("{\"check\": \"throughput\", \"kernel_us\": %.1f, \"launches\": %d, \"rounds\": %d, \"per_kernel_us_p50\": %.3f, "
              "\"launch_us_p50\": %.3f, \"launch_us_p90\": %.3f, \"launch_us_p99\": %.3f, \"launch_us_p999\": %.3f, \"shim\": %s}\n",
              kernel_us, launches, rounds, percentile(per_kernel, 0.5), percentile(calls, 0.5), percentile(calls, 0.9),
              percentile(calls, 0.99), percentile(calls, 0.999), shim_report().c_str());
  return 0;
}
