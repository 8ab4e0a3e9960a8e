// Question 5: launch attributes under masks and under a cut grid.
//
// Programmatic dependent launch: does the second kernel still start early when both are masked, when only one is,
// when the masks are disjoint, and what happens to the pair when the first one's grid is cut? Then the launch-completion
// event, priority, cluster scheduling preference, memory-sync domain and cooperative launches under a mask.
#include <cooperative_groups.h>

#include "common/descriptor_hook.hpp"
#include "common/kernels.cuh"
#include "common/report.hpp"

using namespace lithos::probe;

namespace {

TpcSet g_sets[2];
int g_use[2] = {-1, -1};
std::uint32_t g_cut = 0;
int g_launch = 0;
std::uint32_t g_flags[2];
int g_type = 0;
std::array<std::uint32_t, 3> g_gpu_cluster{};

void visit(Descriptor& d, void*) {
  if (d.grid()[0] == 0) return;
  const int i = g_launch++ & 1;
  if (g_use[i] >= 0) confine(d, g_sets[g_use[i]]);
  if (i == 0 && g_cut) d.set_grid(0, g_cut);
  g_flags[i] = d.u32(140);
  g_type = d.type(), g_gpu_cluster = d.gpu_cluster();
}

// Triggers its dependents at once, then works for `spin_ns`.
__global__ void primary(BlockMark* marks, std::uint64_t spin_ns) {
  const auto begin = global_ns();
  cudaTriggerProgrammaticLaunchCompletion();
  while (global_ns() - begin < spin_ns) {
  }
  if (threadIdx.x == 0) marks[blockIdx.x] = {begin, global_ns(), sm_id(), 1};
}
__global__ void secondary(BlockMark* marks) {
  const auto begin = global_ns();
  cudaGridDependencySynchronize();
  if (threadIdx.x == 0) marks[blockIdx.x] = {begin, global_ns(), sm_id(), 1};
}
__global__ void grid_sync_kernel(int* cell) {
  atomicAdd(cell, 1);
  cooperative_groups::this_grid().sync();
}

struct Pair {
  BlockMark *first, *second;
  cudaStream_t stream;
};

Json run_pair(const Pair& p, const std::string& name, int use0, int use1, std::uint32_t cut, int blocks) {
  g_use[0] = use0, g_use[1] = use1, g_cut = cut;
  std::vector<double> early, wait;
  int ran_first = 0, ran_second = 0;
  int state = 0;
  for (int r = 0; r < 20; ++r) {
    std::fill(p.first, p.first + blocks, BlockMark{});
    std::fill(p.second, p.second + blocks, BlockMark{});
    g_launch = 0;
    cudaLaunchConfig_t config{};
    config.gridDim = blocks, config.blockDim = 128, config.stream = p.stream;
    cudaLaunchAttribute attribute[1];
    attribute[0].id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attribute[0].val.programmaticStreamSerializationAllowed = 1;
    primary<<<blocks, 128, 0, p.stream>>>(p.first, 200'000);
    config.attrs = attribute, config.numAttrs = 1;
    state = cudaLaunchKernelEx(&config, secondary, p.second);
    const auto limit = now_ns() + 2'000'000'000ll;
    while (cudaStreamQuery(p.stream) == cudaErrorNotReady && now_ns() < limit) {
    }
    if (now_ns() >= limit) return Json().text("case", name).flag("hung", true);
    std::int64_t first_end = 0, second_begin = INT64_MAX, second_end = 0;
    ran_first = ran_second = 0;
    for (int b = 0; b < blocks; ++b) {
      ran_first += p.first[b].pad, ran_second += p.second[b].pad;
      first_end = std::max<std::int64_t>(first_end, p.first[b].end_ns);
      if (p.second[b].pad) second_begin = std::min<std::int64_t>(second_begin, p.second[b].begin_ns);
      second_end = std::max<std::int64_t>(second_end, p.second[b].end_ns);
    }
    early.push_back((first_end - second_begin) / 1000.0), wait.push_back((second_end - first_end) / 1000.0);
  }
  char flags[40];
  std::snprintf(flags, sizeof flags, "%08x %08x", g_flags[0], g_flags[1]);
  return Json().text("case", name).number("rc", state).number("first_blocks_run", ran_first).number("second_blocks_run", ran_second)
      .number("second_begins_before_first_ends_us", median(early)).number("first_end_to_second_end_us", median(wait))
      .text("descriptor_dword_at_140", flags);
}

template <class Set>
Json attribute_case(const Pair& p, const std::string& name, cudaLaunchAttributeID id, Set&& set) {
  g_use[0] = g_use[1] = 0, g_cut = 0, g_launch = 0;
  cudaLaunchConfig_t config{};
  config.gridDim = 64, config.blockDim = 128, config.stream = p.stream;
  cudaLaunchAttribute attribute[2];
  attribute[0].id = id;
  set(attribute[0].val);
  config.attrs = attribute, config.numAttrs = 1;
  std::fill(p.first, p.first + 64, BlockMark{});
  const int rc = cudaLaunchKernelEx(&config, marked_spin_kernel, p.first, std::uint64_t{2000});
  const auto limit = now_ns() + 2'000'000'000ll;
  while (cudaStreamQuery(p.stream) == cudaErrorNotReady && now_ns() < limit) {
  }
  int ran = 0;
  for (int b = 0; b < 64; ++b) ran += p.first[b].end_ns != 0;
  cudaGetLastError();
  return Json().text("case", name).number("rc", rc).number("descriptor_type", g_type).number("gpu_cluster_width", g_gpu_cluster[0])
      .number("blocks_run", ran).flag("hung", now_ns() >= limit);
}

// A cooperative launch that fills the whole chip, confined to half of it: expect that it never ends.
int whole_chip_cooperative(const Pair& p, int argc, char** argv) {
  int per_sm = 0, sms = 0, *cell;
  PROBE_CUDA(cudaMalloc(&cell, 4));
  PROBE_CUDA(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&per_sm, grid_sync_kernel, 256, 0));
  PROBE_CUDA(cudaDeviceGetAttribute(&sms, cudaDevAttrMultiProcessorCount, 0));
  void* arguments[] = {&cell};
  auto j = report("launch_attributes", "5", argc, argv).text("case", "cooperative grid of the whole chip");
  for (bool masked : {false, true}) {
    g_use[0] = g_use[1] = masked ? 0 : -1;
    const int rc = cudaLaunchCooperativeKernel(grid_sync_kernel, per_sm * sms, 256, arguments, 0, p.stream);
    const auto limit = now_ns() + 3'000'000'000ll;
    while (cudaStreamQuery(p.stream) == cudaErrorNotReady && now_ns() < limit) {
    }
    if (!masked) j.number("grid", per_sm * sms).number("descriptor_type", g_type).number("gpu_cluster_width", g_gpu_cluster[0]);
    j.number(masked ? "rc_on_32_tpcs" : "rc", rc).flag(masked ? "hung_on_32_tpcs" : "hung", now_ns() >= limit);
  }
  std::printf("%s\n", j.str().c_str());
  std::fflush(stdout);
  std::_Exit(0);
}

}  // namespace

int main(int argc, char** argv) {
  need_gpu();
  const auto map = need_tpc_map();
  if (auto why = install_descriptor_hook(); !why.empty()) skip(why);
  g_sets[0] = tpc_range(map, 0, 32), g_sets[1] = tpc_range(map, 32, 34);
  Pair p;
  PROBE_CUDA(cudaMallocHost(&p.first, sizeof(BlockMark) * 1024));
  PROBE_CUDA(cudaMallocHost(&p.second, sizeof(BlockMark) * 1024));
  PROBE_CUDA(cudaStreamCreateWithFlags(&p.stream, cudaStreamNonBlocking));
  primary<<<1, 32, 0, p.stream>>>(p.first, 1000);
  secondary<<<1, 32, 0, p.stream>>>(p.second);
  PROBE_CUDA(cudaDeviceSynchronize());
  set_visitor(&visit, nullptr);
  if (argc > 1) return whole_chip_cooperative(p, argc, argv);
  std::vector<Json> rows;
  rows.push_back(run_pair(p, "no masks", -1, -1, 0, 64));
  rows.push_back(run_pair(p, "both on set A", 0, 0, 0, 64));
  rows.push_back(run_pair(p, "first on A, second on B", 0, 1, 0, 64));
  rows.push_back(run_pair(p, "first on A, second free", 0, -1, 0, 64));
  rows.push_back(run_pair(p, "first cut to half", -1, -1, 32, 64));
  rows.push_back(run_pair(p, "first cut to half, both on A", 0, 0, 32, 64));
  cudaEvent_t event;
  PROBE_CUDA(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
  rows.push_back(attribute_case(p, "launch-completion event", cudaLaunchAttributeLaunchCompletionEvent,
                                [&](auto& v) { v.launchCompletionEvent.event = event; v.launchCompletionEvent.flags = 0; }));
  rows.push_back(attribute_case(p, "programmatic event", cudaLaunchAttributeProgrammaticEvent,
                                [&](auto& v) { v.programmaticEvent.event = event; v.programmaticEvent.flags = 0; v.programmaticEvent.triggerAtBlockStart = 1; }));
  rows.push_back(attribute_case(p, "priority", cudaLaunchAttributePriority, [](auto& v) { v.priority = -5; }));
  rows.push_back(attribute_case(p, "memory-sync domain", cudaLaunchAttributeMemSyncDomain, [](auto& v) { v.memSyncDomain = cudaLaunchMemSyncDomainRemote; }));
  rows.push_back(attribute_case(p, "cluster of 2", cudaLaunchAttributeClusterDimension, [](auto& v) { v.clusterDim = {2, 1, 1}; }));
  rows.push_back(attribute_case(p, "cluster scheduling: spread", cudaLaunchAttributeClusterSchedulingPolicyPreference,
                                [](auto& v) { v.clusterSchedulingPolicyPreference = cudaClusterSchedulingPolicySpread; }));
  rows.push_back(attribute_case(p, "cluster scheduling: load balancing", cudaLaunchAttributeClusterSchedulingPolicyPreference,
                                [](auto& v) { v.clusterSchedulingPolicyPreference = cudaClusterSchedulingPolicyLoadBalancing; }));
  rows.push_back(attribute_case(p, "cooperative", cudaLaunchAttributeCooperative, [](auto& v) { v.cooperative = 1; }));
  std::printf("%s\n", report("launch_attributes", "5", argc, argv).list("rows", rows).str().c_str());
  std::fflush(stdout);
  std::_Exit(0);
}
