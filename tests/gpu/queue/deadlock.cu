// SPDX-License-Identifier: Apache-2.0
// Locks of the program that its launches and the GPU's work both need: deadlock [TURNS]. One thread launches, copies and asks with the lock in
// its hands; host functions of another thread's stream want the same lock; a third one waits for both. Nothing here can stop without LithOS.
// It says how long the longest call took that was made with the lock. The script ends it if it hangs.
#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>

#include "../shim/kernels.cuh"

__global__ void busy(unsigned turns) {
  for (unsigned i = 0; i < turns; ++i) __nanosleep(1000);
}

static double now_ms() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

int main(int argc, char** argv) {
  const int turns = argc > 1 ? std::atoi(argv[1]) : 100;
  std::mutex lock;
  std::atomic<int> ran{0}, reached{0};
  struct Both {
    std::mutex* lock;
    std::atomic<int>* ran;
  } both{&lock, &ran};
  cudaStream_t first, second, third;
  CHECK(cudaStreamCreateWithFlags(&first, cudaStreamNonBlocking));
  CHECK(cudaStreamCreate(&second));
  CHECK(cudaStreamCreate(&third));
  int *pinned, *device;
  CHECK(cudaMallocHost(reinterpret_cast<void**>(&pinned), 4096));
  CHECK(cudaMalloc(reinterpret_cast<void**>(&device), 4096));
  cudaEvent_t done, asked;
  CHECK(cudaEventCreateWithFlags(&done, cudaEventDisableTiming));
  CHECK(cudaEventCreateWithFlags(&asked, cudaEventDisableTiming));
  busy<<<1, 1>>>(1);
  CHECK(cudaDeviceSynchronize());
  const double begin = now_ms();
  double longest = 0;
  std::thread holder([&] {
    for (int turn = 0; turn < turns; ++turn) {
      const std::lock_guard held(lock);
      const auto timed = [&](auto&& call) {
        const double from = now_ms();
        call();
        longest = std::max(longest, now_ms() - from);
      };
      timed([&] { busy<<<4, 32, 0, first>>>(20); });
      timed([&] { CHECK(cudaMemcpyAsync(device, pinned, 4096, cudaMemcpyHostToDevice, first)); });
      timed([&] { CHECK(cudaEventRecord(asked, first)); });
      timed([&] { CHECK(cudaStreamWaitEvent(third, asked, 0)); });
      timed([&] { busy<<<4, 32, 0, third>>>(5); });
      timed([&] { cudaEventQuery(asked); });
      timed([&] { cudaStreamQuery(third); });
      timed([&] { CHECK(cudaMemsetAsync(device, 0, 4096, third)); });
      timed([&] {
        void* made = nullptr;
        CHECK(cudaMallocAsync(&made, 1 << 16, first));
        CHECK(cudaFreeAsync(made, first));
      });
    }
  });
  std::thread wanter([&] {
    for (int turn = 0; turn < turns; ++turn) {
      busy<<<4, 32, 0, second>>>(10);
      CHECK(cudaLaunchHostFunc(second, [](void* p) {
        auto* const all = static_cast<Both*>(p);
        const std::lock_guard held(*all->lock);
        ++*all->ran;
      }, &both));
      busy<<<4, 32, 0, second>>>(10);
      CHECK(cudaEventRecord(done, second));
      if (turn % 8 == 7) CHECK(cudaStreamSynchronize(second));
    }
    CHECK(cudaStreamSynchronize(second));
  });
  std::thread waiter([&] {
    for (int turn = 0; turn < turns / 10; ++turn) {
      CHECK(cudaStreamSynchronize(third));
      ++reached;
    }
  });
  holder.join();
  wanter.join();
  waiter.join();
  CHECK(cudaDeviceSynchronize());
  std::printf("{\"check\": \"deadlock\", \"turns\": %d, \"host_functions\": %d, \"ms\": %.1f, \"longest_call_with_lock_ms\": %.2f, \"shim\": %s}\n",
              turns, ran.load(), now_ms() - begin, longest, shim_report().c_str());
  return ran == turns ? 0 : 1;
}
