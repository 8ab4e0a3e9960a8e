// SPDX-License-Identifier: Apache-2.0
// Completion times against CUDA events: kernels of 2 to 200 us, an event after each, all of a batch queued behind a long
// kernel: else an event that is queued late tells the host's time and not the kernel's. Writes the events' times since the
// first one; times.py joins them with what the shim wrote to LITHOS_TIMES.
#include "kernels.cuh"

__global__ void spin(long long ns) {
  unsigned long long start, now;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(start));
  do { asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now)); } while (now - start < ns);
}

int main(int argc, char** argv) {
  const int kernels = argc > 1 ? std::atoi(argv[1]) : 10'000;
  constexpr int kBatch = 100;
  cudaStream_t stream;
  CHECK(cudaStreamCreate(&stream));
  std::vector<cudaEvent_t> events(kBatch + 1);
  for (auto& event : events) CHECK(cudaEventCreate(&event));
  spin<<<1, 32, 0, stream>>>(1000);
  CHECK(cudaStreamSynchronize(stream));
  std::printf("{\"check\": \"times\", \"batches\": [");
  unsigned seed = 1;
  for (int done = 0; done < kernels; done += kBatch) {
    spin<<<1, 32, 0, stream>>>(3'000'000);
    for (int i = 0; i < kBatch; ++i) {
      seed = seed * 1664525u + 1013904223u;
      spin<<<1, 32, 0, stream>>>(2'000 + seed % 198'000);
      CHECK(cudaEventRecord(events[i], stream));
    }
    CHECK(cudaStreamSynchronize(stream));
    std::printf("%s[", done == 0 ? "" : ", ");
    for (int i = 0; i < kBatch; ++i) {
      float ms = 0;
      CHECK(cudaEventElapsedTime(&ms, events[0], events[i]));
      std::printf("%s%.3f", i == 0 ? "" : ", ", ms * 1000);
    }
    std::printf("]");
  }
  std::printf("]}\n");
  return 0;
}
