// SPDX-License-Identifier: Apache-2.0
// What a launch costs through the shim, against the driver's own function in the same process, turn by turn: paired
// medians of an empty kernel. launch_overhead [launches] [batch]. Limits: issue 7 ("forwarding <= 0.05 us, everything on
// <= 0.3 us"). Under the shim the driver's own function is found behind it (liblithos_real_cuda.so.1); without the shim both are the same,
// which shows the noise.
#include <chrono>

#include "kernels.cuh"

__global__ void empty() {}

using Launch = CUresult (*)(CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, CUstream, void**, void**);

static double now_us() {
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

int main(int argc, char** argv) {
  const int launches = argc > 1 ? std::atoi(argv[1]) : 1'000'000;
  const int batch = argc > 2 ? std::atoi(argv[2]) : 100;
  CHECK(cudaFree(nullptr));
  cudaFunction_t handle;
  CHECK(cudaGetFuncBySymbol(&handle, reinterpret_cast<const void*>(&empty)));
  auto function = reinterpret_cast<CUfunction>(handle);
  void* shown = dlopen("libcuda.so.1", RTLD_LAZY);
  void* behind = dlopen("liblithos_real_cuda.so.1", RTLD_LAZY | RTLD_NOLOAD);
  auto ours = reinterpret_cast<Launch>(dlsym(shown, "cuLaunchKernel"));
  auto bare = reinterpret_cast<Launch>(dlsym(behind != nullptr ? behind : shown, "cuLaunchKernel"));
  cudaStream_t stream;
  CHECK(cudaStreamCreate(&stream));
  std::vector<double> cost[2], difference;
  const auto round = [&](Launch launch) {
    const double begin = now_us();
    for (int i = 0; i < batch; ++i) CHECK(launch(function, 1, 1, 1, 32, 1, 1, 0, stream, nullptr, nullptr));
    const double each = (now_us() - begin) / batch;
    CHECK(cudaStreamSynchronize(stream));
    return each;
  };
  for (int i = 0; i < 20; ++i) round(ours), round(bare);  // warm
  for (int done = 0; done < launches; done += 2 * batch) {
    const bool ours_first = done / batch / 2 % 2 == 0;
    const double first = round(ours_first ? ours : bare), second = round(ours_first ? bare : ours);
    cost[0].push_back(ours_first ? second : first);
    cost[1].push_back(ours_first ? first : second);
    difference.push_back(cost[1].back() - cost[0].back());
  }
  std::printf("{\"check\": \"launch_overhead\", \"launches\": %d, \"behind_shim\": %s, \"bare_us_p50\": %.4f, \"shim_us_p50\": %.4f, "
              "\"difference_us_p50\": %.4f, \"difference_us_p10\": %.4f, \"difference_us_p90\": %.4f, \"shim\": %s}\n",
              launches, behind != nullptr ? "true" : "false", percentile(cost[0], 0.5), percentile(cost[1], 0.5),
              percentile(difference, 0.5), percentile(difference, 0.1), percentile(difference, 0.9), shim_report().c_str());
  return 0;
}
