// Questions 8 and 9: how soon a latency-critical client gets SMs beside a best-effort client of MPS.
//
// The HP process runs chains of 20 small kernels; a BE process keeps the chip full with blocks that leave no room
// beside them. Each HP block writes when and where it began, so the wait for SMs is seen block by block. Repeated
// with HP stream priority, with the BE client below normal MPS priority, and with disjoint masks.
// "displacement be" is the BE process.
#include <atomic>

#include "common/child.hpp"
#include "common/clock.cuh"
#include "common/descriptor_hook.hpp"

using namespace lithos::probe;

namespace {

constexpr int kChain = 20, kBlocks = 132, kRequests = 150, kRequestsMin = 10;
constexpr std::int64_t kRowNs = 1'000'000'000;
constexpr std::uint64_t kHpSpin = 5000;
constexpr int kHpShared = 64 << 10, kBeShared = 200 << 10;

struct BeKind {
  const char* name;
  int blocks;
  std::uint64_t block_ns;
};
constexpr BeKind kKinds[] = {{"idle", 0, 0},
                             {"one_wave_of_2000us", 132, 2'000'000},
                             {"40_waves_of_100us", 132 * 40, 100'000},
                             {"200_waves_of_10us", 132 * 200, 10'000},
                             {"half_the_chip_2000us", 66, 2'000'000}};

struct Shared {
  std::atomic<int> kind, seen, masked, quit;
  std::atomic<std::uint64_t> kernels;
};

TpcSet g_set;
bool g_masked = false;

void visit(Descriptor& d, void*) {
  if (g_masked) confine(d, g_set);
}

int best_effort() {
  auto* shared = open_shared<Shared>();
  need_gpu();
  const auto map = need_tpc_map();
  if (!install_descriptor_hook().empty()) return 3;
  set_visitor(&visit, nullptr);
  g_set = tpc_range(map, 0, 33);
  PROBE_CUDA(cudaFuncSetAttribute(spin_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, kBeShared));
  cudaStream_t s;
  PROBE_CUDA(cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking));
  cudaEvent_t done[4];
  for (auto& e : done) PROBE_CUDA(cudaEventCreateWithFlags(&e, cudaEventDisableTiming));
  for (std::uint64_t n = 0; !shared->quit; ++n) {
    const auto& kind = kKinds[shared->kind];
    if (shared->seen != shared->kind) {
      PROBE_CUDA(cudaStreamSynchronize(s));
      g_masked = shared->masked;
      shared->seen = shared->kind.load();
    }
    if (kind.blocks == 0) {
      usleep(100);
      continue;
    }
    PROBE_CUDA(cudaEventSynchronize(done[n % 4]));  // at most four kernels submitted
    spin_kernel<<<kind.blocks, 1024, kBeShared, s>>>(kind.block_ns);
    PROBE_CUDA(cudaEventRecord(done[n % 4], s));
    ++shared->kernels;
  }
  PROBE_CUDA(cudaDeviceSynchronize());
  return 0;
}

struct Chain {
  BlockMark* marks;
  cudaStream_t stream;
  ClockOffset clock;
};

Json requests(const Chain& c) {
  std::vector<double> chain_us, first_wait, last_wait, launch_to_first;
  const auto until = now_ns() + kRowNs;
  for (int r = 0; r < kRequests && (r < kRequestsMin || now_ns() < until); ++r) {
    const auto begin = now_ns();
    for (int k = 0; k < kChain; ++k) marked_spin_kernel<<<kBlocks, 256, kHpShared, c.stream>>>(c.marks + k * kBlocks, kHpSpin);
    PROBE_CUDA(cudaStreamSynchronize(c.stream));
    chain_us.push_back((now_ns() - begin) / 1000.0);
    // Integers until the difference: a double holds an epoch in nanoseconds to 256 ns only.
    std::int64_t previous_end = begin + c.clock.gpu_minus_host_ns;
    for (int k = 0; k < kChain; ++k) {
      std::int64_t first = INT64_MAX, last = 0, end = 0;
      for (int b = 0; b < kBlocks; ++b) {
        const auto& m = c.marks[k * kBlocks + b];
        first = std::min<std::int64_t>(first, m.begin_ns), last = std::max<std::int64_t>(last, m.begin_ns);
        end = std::max<std::int64_t>(end, m.end_ns);
      }
      (k ? first_wait : launch_to_first).push_back((first - previous_end) / 1000.0);
      if (k) last_wait.push_back((last - previous_end) / 1000.0);
      previous_end = end;
    }
    usleep(200);
  }
  return Json().object("chain_of_20_us", spread(chain_us)).object("kernel_end_to_next_first_block_us", spread(first_wait))
      .object("kernel_end_to_next_last_block_us", spread(last_wait)).object("launch_to_first_block_us", spread(launch_to_first));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == "be") return best_effort();
  auto* shared = create_shared<Shared>();
  need_gpu();
  const auto map = need_tpc_map();
  if (auto why = install_descriptor_hook(); !why.empty()) skip(why);
  set_visitor(&visit, nullptr);
  g_set = tpc_range(map, 33, map.size() - 33);
  PROBE_CUDA(cudaFuncSetAttribute(marked_spin_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, kHpShared));
  Chain chain;
  PROBE_CUDA(cudaMallocHost(&chain.marks, sizeof(BlockMark) * kChain * kBlocks));
  cudaStream_t normal, high;
  PROBE_CUDA(cudaStreamCreateWithPriority(&normal, cudaStreamNonBlocking, 0));
  PROBE_CUDA(cudaStreamCreateWithPriority(&high, cudaStreamNonBlocking, -5));
  chain.clock = measure_clock_offset();
  std::vector<Json> rows;
  for (int be_priority : {0, 1}) {
    const pid_t child = start_child({"be"}, {"CUDA_MPS_CLIENT_PRIORITY=" + std::to_string(be_priority)});
    for (int kind = 0; kind < 5; ++kind)
      for (std::string hp : {"normal", "high_stream_priority", "disjoint_masks", "disjoint_masks_and_priority"}) {
        if (kind == 0 && be_priority) continue;
        g_masked = hp.starts_with("disjoint_masks");
        shared->masked = g_masked, shared->seen = -1, shared->kind = kind;
        const auto limit = now_ns() + 20'000'000'000ll;
        while (shared->seen != kind && now_ns() < limit) usleep(200);
        usleep(20'000);
        chain.stream = hp.ends_with("priority") ? high : normal;
        const auto before = shared->kernels.load();
        const auto begin = now_ns();
        Json row = requests(chain);
        row.number("be_kernels_per_s", (shared->kernels - before) / ((now_ns() - begin) * 1e-9));
        rows.push_back(Json().text("be", kKinds[kind].name).text("hp", hp).text("be_mps_priority", be_priority ? "below normal" : "normal").object("figures", row));
      }
    shared->quit = 1;
    end_child(child, 5);
    shared->quit = 0, shared->kind = 0;
  }
  auto j = report("displacement", "8, 9", argc, argv);
  j.flag("mps", std::getenv("CUDA_MPS_PIPE_DIRECTORY") != nullptr);
  std::printf("%s\n", j.list("rows", rows).str().c_str());
  return 0;
}
