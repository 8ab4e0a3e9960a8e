// Questions 8 and 9, rest: two latency-critical clients of MPS and two service levels.
//
// How long does a kernel of one wave (132 blocks of 5 us, one to an SM; 66 where it has half the chip) wait for SMs beside another client that runs short
// blocks all the time, when it is above that client (the other below normal MPS priority), beside it (both normal, which is
// the highest there is), and below it? Each with shared TPCs, with disjoint masks, and with its own 66 TPCs over the other's
// 33; with the measured stream normal and high, and the neighbour's stream normal and high.
// The neighbour's blocks take the SM's shared memory, so that nothing fits beside them.
// "service_levels measure|neighbour" are the two clients; each is one process for a pair of priorities.
#include <atomic>

#include "common/child.hpp"
#include "common/clock.cuh"
#include "common/descriptor_hook.hpp"

using namespace lithos::probe;

namespace {

constexpr int kBlocks = 132, kMeasures = 120, kRowsMax = 96, kHalfTpcs = 33;
constexpr std::uint64_t kOwnSpin = 5'000;
constexpr int kOwnShared = 120 << 10, kNeighbourShared = 200 << 10;
constexpr std::int64_t kRowNs = 150'000'000, kAnswerNs = 5'000'000'000;

struct Kind {
  const char* name;
  int blocks;
  std::uint64_t block_ns;
};
constexpr Kind kKinds[] = {{"idle", 0, 0}, {"one wave of 10 us", 132, 10'000}, {"40 waves of 10 us", 132 * 40, 10'000}, {"4 waves of 100 us", 132 * 4, 100'000}};
enum Place { kSharedTpcs, kDisjoint, kOwnOverHalf, kPlaces };
const char* const kPlaceNames[] = {"shared", "disjoint 33/33", "own 66 over the neighbour's 33"};

struct Row {
  int kind, place, own_stream_high, neighbour_stream_high;
  double begin_p50, begin_p99, last_p50, last_p99, end_p50, end_p99, neighbour_per_s;
  int measures;
};
struct Shared {
  std::atomic<int> kind, place, high, epoch, seen, quit, rows;
  std::atomic<std::uint64_t> kernels;
  Row row[kRowsMax];
};

TpcSet g_set;
bool g_masked = false;
void visit(Descriptor& d, void*) {
  if (g_masked) confine(d, g_set);
}

void make_streams(cudaStream_t (&streams)[2]) {
  PROBE_CUDA(cudaStreamCreateWithPriority(&streams[0], cudaStreamNonBlocking, 0));
  PROBE_CUDA(cudaStreamCreateWithPriority(&streams[1], cudaStreamNonBlocking, -5));
}

// Two kernels submitted at any time, so that there is always one to follow.
int neighbour() {
  auto* shared = open_shared<Shared>();
  need_gpu();
  const auto map = need_tpc_map();
  if (!install_descriptor_hook().empty()) return 3;
  set_visitor(&visit, nullptr);
  g_set = tpc_range(map, 0, kHalfTpcs);
  PROBE_CUDA(cudaFuncSetAttribute(spin_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, kNeighbourShared));
  cudaStream_t streams[2];
  make_streams(streams);
  cudaEvent_t done[2];
  for (auto& e : done) PROBE_CUDA(cudaEventCreateWithFlags(&e, cudaEventDisableTiming));
  for (std::uint64_t n = 0; !shared->quit; ++n) {
    if (shared->seen != shared->epoch) {
      PROBE_CUDA(cudaDeviceSynchronize());
      g_masked = shared->place != kSharedTpcs;
      shared->seen = shared->epoch.load();
    }
    const Kind& kind = kKinds[shared->kind];
    if (kind.blocks == 0) {
      usleep(200);
      continue;
    }
    const auto s = streams[shared->high];
    PROBE_CUDA(cudaEventSynchronize(done[n % 2]));
    spin_kernel<<<kind.blocks, 1024, kNeighbourShared, s>>>(kind.block_ns);
    PROBE_CUDA(cudaEventRecord(done[n % 2], s));
    ++shared->kernels;
  }
  PROBE_CUDA(cudaDeviceSynchronize());
  return 0;
}

// First block, last block and end of one-wave kernels, from just before the launch, in microseconds.
Row measured(Shared* shared, BlockMark* marks, int blocks, cudaStream_t stream, std::int64_t gpu_minus_host) {
  std::vector<double> begin, last, end;
  const auto kernels = shared->kernels.load();
  const auto from = now_ns();
  while (static_cast<int>(begin.size()) < kMeasures && now_ns() - from < kRowNs) {
    const auto launched = now_ns() + gpu_minus_host;
    marked_spin_kernel<<<blocks, 256, kOwnShared, stream>>>(marks, kOwnSpin);
    PROBE_CUDA(cudaStreamSynchronize(stream));
    std::int64_t first = INT64_MAX, latest = 0, ended = 0;
    for (int b = 0; b < blocks; ++b) {
      first = std::min<std::int64_t>(first, marks[b].begin_ns), latest = std::max<std::int64_t>(latest, marks[b].begin_ns);
      ended = std::max<std::int64_t>(ended, marks[b].end_ns);
    }
    begin.push_back((first - launched) / 1000.0), last.push_back((latest - launched) / 1000.0), end.push_back((ended - launched) / 1000.0);
    usleep(300 + 37 * (begin.size() % 16));  // not in step with the neighbour
  }
  Row r{};
  r.begin_p50 = median(begin), r.begin_p99 = quantile(begin, .99), r.last_p50 = median(last), r.last_p99 = quantile(last, .99);
  r.end_p50 = median(end), r.end_p99 = quantile(end, .99), r.measures = static_cast<int>(begin.size());
  r.neighbour_per_s = (shared->kernels - kernels) / ((now_ns() - from) * 1e-9);
  return r;
}

bool set_neighbour(Shared* shared, int kind, int place, int high) {
  shared->kind = kind, shared->place = place, shared->high = high;
  const int epoch = ++shared->epoch;
  const auto limit = now_ns() + kAnswerNs;
  while (shared->seen != epoch)
    if (usleep(200), now_ns() > limit) return false;
  usleep(5'000);
  return true;
}

int measure() {
  auto* shared = open_shared<Shared>();
  need_gpu();
  const auto map = need_tpc_map();
  if (!install_descriptor_hook().empty()) return 3;
  set_visitor(&visit, nullptr);
  PROBE_CUDA(cudaFuncSetAttribute(marked_spin_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, kOwnShared));
  BlockMark* marks;
  PROBE_CUDA(cudaMallocHost(&marks, sizeof(BlockMark) * kBlocks));
  cudaStream_t streams[2];
  make_streams(streams);
  g_set = tpc_range(map, kHalfTpcs, map.size() - kHalfTpcs);
  for (int kind = 0; kind < 4; ++kind)
    for (int place = 0; place < kPlaces; ++place)
      for (int own = 0; own < 2; ++own)
        for (int other = 0; other < (kind ? 2 : 1); ++other) {
          if (kind == 0 && place == kOwnOverHalf) continue;
          g_masked = place == kDisjoint;
          if (!set_neighbour(shared, 0, place, other)) return 4;
          const auto clock = measure_clock_offset(300);  // while the neighbour is idle, and again for each row: it drifts
          if (!set_neighbour(shared, kind, place, other)) return 4;
          Row r = measured(shared, marks, place == kDisjoint ? kBlocks / 2 : kBlocks, streams[own], clock.gpu_minus_host_ns);
          r.kind = kind, r.place = place, r.own_stream_high = own, r.neighbour_stream_high = other;
          const int at = shared->rows;
          if (at < kRowsMax) shared->row[at] = r, shared->rows = at + 1;
        }
  return 0;
}

Json row_json(const Row& r) {
  return Json().text("neighbour", kKinds[r.kind].name).text("tpcs", kPlaceNames[r.place]).text("own_stream", r.own_stream_high ? "high" : "normal")
      .text("neighbour_stream", r.neighbour_stream_high ? "high" : "normal").number("n", r.measures)
      .number("launch_to_first_block_us_p50", r.begin_p50).number("launch_to_first_block_us_p99", r.begin_p99)
      .number("launch_to_last_block_us_p50", r.last_p50).number("launch_to_last_block_us_p99", r.last_p99)
      .number("launch_to_end_us_p50", r.end_p50).number("launch_to_end_us_p99", r.end_p99).number("neighbour_kernels_per_s", r.neighbour_per_s);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) return std::string(argv[1]) == "neighbour" ? neighbour() : measure();
  need_gpu();
  need_tpc_map();
  const struct { const char* name; int own, other; } levels[] = {
      {"above: own normal, neighbour below normal", 0, 1}, {"equal: both normal", 0, 0}, {"below: own below normal, neighbour normal", 1, 0}};
  std::vector<Json> out;
  for (const auto& level : levels) {
    auto* shared = create_shared<Shared>();
    const auto priority = [](int p) { return std::vector<std::string>{"CUDA_MPS_CLIENT_PRIORITY=" + std::to_string(p)}; };
    const pid_t other = start_child({"neighbour"}, priority(level.other)), own = start_child({"measure"}, priority(level.own));
    const int rc = end_child(own, 25);
    shared->quit = 1;
    const int neighbour_rc = end_child(other, 5);
    std::vector<Json> rows;
    for (int i = 0; i < shared->rows; ++i) rows.push_back(row_json(shared->row[i]));
    out.push_back(Json().text("level", level.name).number("exit", rc).number("neighbour_exit", neighbour_rc).list("rows", rows));
  }
  auto j = report("service_levels", "8, 9", argc, argv).flag("mps", std::getenv("CUDA_MPS_PIPE_DIRECTORY") != nullptr);
  std::printf("%s\n", j.list("levels", out).str().c_str());
  return 0;
}
