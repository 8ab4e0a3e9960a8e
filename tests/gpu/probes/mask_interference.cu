// Question 4: do disjoint TPC sets disturb each other?
//
// One process, two streams. The victim's kernel runs alone on its set, then beside a neighbour that keeps the
// other set busy; victim times are event to event on its own stream. Sets are either whole GPCs ("by_gpc") or every
// other TPC ("interleaved").
#include <atomic>
#include <thread>

#include "common/descriptor_hook.hpp"
#include "common/kernels.cuh"
#include "common/report.hpp"

using namespace lithos::probe;

namespace {

thread_local TpcSet t_set;
constexpr int kRepeats = 25;
constexpr int kVictimTpcs = 32;
constexpr std::size_t kBigWords = 256ull << 16;    // 256 MiB in each direction
constexpr std::size_t kSmallWords = 8ull << 16;    // 8 MiB: stays in L2

struct Buffers {
  float4 *in, *out;
  float* sink;
};

Buffers allocate() {
  Buffers b;
  PROBE_CUDA(cudaMalloc(&b.in, kBigWords * sizeof(float4)));
  PROBE_CUDA(cudaMalloc(&b.out, kBigWords * sizeof(float4)));
  PROBE_CUDA(cudaMalloc(&b.sink, 4));
  PROBE_CUDA(cudaMemset(b.in, 1, kBigWords * sizeof(float4)));
  return b;
}

// About 300 us each on 32 TPCs.
void launch(const std::string& kind, const Buffers& b, int tpcs, cudaStream_t stream) {
  const int blocks = tpcs * 2 * 2;
  if (kind == "memory") copy_kernel<<<blocks, 1024, 0, stream>>>(b.in, b.out, kBigWords, 1);
  if (kind == "l2") copy_kernel<<<blocks, 1024, 0, stream>>>(b.in, b.out, kSmallWords, 40);
  if (kind == "compute") fma_kernel<<<blocks, 1024, 0, stream>>>(b.sink, 8000);
  if (kind == "small") copy_kernel<<<blocks, 1024, 0, stream>>>(b.in, b.out, 1 << 14, 1);
}

double time_us(const std::string& kind, const Buffers& b, int tpcs, cudaStream_t stream, cudaEvent_t e0, cudaEvent_t e1) {
  PROBE_CUDA(cudaEventRecord(e0, stream));
  launch(kind, b, tpcs, stream);
  PROBE_CUDA(cudaEventRecord(e1, stream));
  PROBE_CUDA(cudaEventSynchronize(e1));
  float ms;
  PROBE_CUDA(cudaEventElapsedTime(&ms, e0, e1));
  return ms * 1000;
}

}  // namespace

int main(int argc, char** argv) {
  need_gpu();
  const auto map = need_tpc_map();
  if (auto why = install_descriptor_hook(); !why.empty()) skip(why);
  set_visitor([](Descriptor& d, void*) { confine(d, t_set); }, nullptr);
  const int total = static_cast<int>(map.size());
  cudaStream_t mine, theirs;
  PROBE_CUDA(cudaStreamCreateWithFlags(&mine, cudaStreamNonBlocking));
  PROBE_CUDA(cudaStreamCreateWithFlags(&theirs, cudaStreamNonBlocking));
  cudaEvent_t e0, e1;
  PROBE_CUDA(cudaEventCreate(&e0));
  PROBE_CUDA(cudaEventCreate(&e1));
  for (auto& w : t_set.words) w = ~0u;
  const Buffers a = allocate(), b = allocate();
  PROBE_CUDA(cudaDeviceSynchronize());

  std::vector<Json> rows;
  for (std::string layout : {"by_gpc", "interleaved"}) {
    TpcSet left, right;
    for (int i = 0; i < total; ++i) {
      const bool victim = layout == "by_gpc" ? i < kVictimTpcs : i % 2 == 0 && left.count() < kVictimTpcs;
      (victim ? left : right).add(map[i].bit);
    }
    for (std::string victim : {"memory", "l2", "compute", "small"}) {
      t_set = left;
      for (std::string neighbour : {"none", "memory", "l2", "compute"}) {
        std::atomic<bool> stop{false};
        std::thread busy;
        if (neighbour != "none")
          busy = std::thread([&] {
            t_set = right;
            while (!stop) {
              for (int i = 0; i < 4; ++i) launch(neighbour, b, right.count(), theirs);
              PROBE_CUDA(cudaStreamSynchronize(theirs));
            }
          });
        std::this_thread::sleep_for(std::chrono::milliseconds(neighbour == "none" ? 1 : 10));
        std::vector<double> times;
        for (int i = 0; i < kRepeats + 5; ++i) {
          const double us = time_us(victim, a, left.count(), mine, e0, e1);
          if (i >= 5) times.push_back(us);
        }
        stop = true;
        if (busy.joinable()) busy.join();
        rows.push_back(Json().text("layout", layout).text("victim", victim).text("neighbour", neighbour)
                           .number("victim_tpcs", left.count()).number("neighbour_tpcs", right.count())
                           .object("victim_us", spread(times)));
      }
    }
  }
  std::printf("%s\n", report("mask_interference", "4", argc, argv).list("rows", rows).str().c_str());
  return 0;
}
