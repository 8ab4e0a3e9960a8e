// The offset between the GPU's nanosecond clock and CLOCK_REALTIME, by ping-pong through mapped host memory.
#pragma once

#include "kernels.cuh"
#include "report.hpp"

namespace lithos::probe {

static __global__ void clock_pong(volatile std::uint64_t* ping, volatile std::uint64_t* pong, int rounds) {
  for (int i = 1; i <= rounds; ++i) {
    while (*ping != static_cast<std::uint64_t>(i)) {
    }
    *pong = global_ns();
    __threadfence_system();
  }
}

struct ClockOffset {
  std::int64_t gpu_minus_host_ns = 0;
  double round_trip_min_ns = 0;
};

// Best of `rounds` exchanges: half the shortest round trip bounds the error.
inline ClockOffset measure_clock_offset(int rounds = 3000) {
  std::uint64_t* cells;
  PROBE_CUDA(cudaMallocHost(&cells, 4096));
  volatile std::uint64_t *ping = cells, *pong = cells + 64;
  *ping = 0;
  *pong = 0;
  cudaStream_t stream;
  PROBE_CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  clock_pong<<<1, 1, 0, stream>>>(ping, pong, rounds);
  ClockOffset best{0, 1e18};
  std::uint64_t last = 0;
  for (int i = 1; i <= rounds; ++i) {
    const auto t0 = now_ns();
    *ping = i;
    while (*pong == last) {
    }
    const auto t1 = now_ns();
    last = *pong;
    if (t1 - t0 < best.round_trip_min_ns)
      best = {static_cast<std::int64_t>(last) - (t0 + t1) / 2, static_cast<double>(t1 - t0)};
  }
  PROBE_CUDA(cudaStreamSynchronize(stream));
  PROBE_CUDA(cudaStreamDestroy(stream));
  return best;
}

}  // namespace lithos::probe
