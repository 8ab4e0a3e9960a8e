// Question 4: where clusters run, natively and under masks: do those of one TPC's width use the TPCs without a GPC, and what does the
// driver itself switch off for a cluster launch?
//
// Each case is a process of its own, since a mask without room for a cluster hangs. One block fills an SM ("wide") or many share one. Blocks stay
// for 20 ms, so whoever begins later than that found no room in the first wave.
#include "common/child.hpp"
#include "common/descriptor_hook.hpp"
#include "common/kernels.cuh"
#include "common/report.hpp"

using namespace lithos::probe;

namespace {

constexpr std::uint64_t kStayNs = 20'000'000;
constexpr unsigned kBlocksMost = 2048;
constexpr int kWideBytes = 200 << 10;

struct Finding {
  int done, type, driver_valid, driver_off, driver_off_singles, blocks, first_wave, sms, on_singles;
};
Finding* g_found;
TpcSet g_all, g_singles, g_mask;
bool g_masked = false;

void visit(Descriptor& d, void*) {
  g_found->type = d.type();
  g_found->driver_valid = d.mask_valid();
  const auto off = d.disabled();
  for (int bit = 0; d.mask_valid() && bit < kMaskBits; ++bit) {
    if ((off[bit / 32] >> (bit % 32) & 1u) == 0) continue;
    g_found->driver_off += g_all.has(bit);
    g_found->driver_off_singles += g_singles.has(bit);
  }
  if (g_masked) confine_unchecked(d, g_mask);
}

void launch(unsigned blocks, unsigned cluster, bool wide, BlockMark* marks) {
  cudaLaunchConfig_t config{};
  config.gridDim = blocks;
  config.blockDim = 128;
  config.dynamicSmemBytes = wide ? kWideBytes : 0;
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeClusterDimension;
  attribute.val.clusterDim = {cluster, 1, 1};
  config.attrs = &attribute;
  config.numAttrs = cluster > 1;
  PROBE_CUDA(cudaLaunchKernelEx(&config, marked_spin_kernel, marks, kStayNs));
}

int child(const std::vector<Tpc>& map, unsigned cluster, bool wide, const std::string& mask) {
  g_found = open_shared<Finding>();
  g_masked = mask != "none";
  g_mask = mask == "all" ? g_all : g_singles;
  if (mask == "one") {
    g_mask = {};
    g_mask.add(map.back().bit);
  }
  const unsigned tpcs = mask == "none" || mask == "all" ? static_cast<unsigned>(map.size()) : static_cast<unsigned>(g_mask.count());
  BlockMark* marks;
  PROBE_CUDA(cudaMallocHost(&marks, sizeof(BlockMark) * kBlocksMost));
  PROBE_CUDA(cudaFuncSetAttribute(marked_spin_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, kWideBytes));
  PROBE_CUDA(cudaFuncSetAttribute(marked_spin_kernel, cudaFuncAttributeNonPortableClusterSizeAllowed, 1));
  const unsigned blocks = std::max(2 * tpcs / cluster, 1u) * cluster;
  if (auto why = install_descriptor_hook(); !why.empty()) skip(why);
  set_visitor(&visit, nullptr);
  launch(blocks, cluster, wide, marks);
  PROBE_CUDA(cudaDeviceSynchronize());
  std::uint64_t begin = marks[0].begin_ns;
  for (unsigned i = 0; i < blocks; ++i) begin = std::min(begin, marks[i].begin_ns);
  std::vector<bool> used(256);
  for (unsigned i = 0; i < blocks; ++i) {
    used[marks[i].sm] = true;
    g_found->first_wave += marks[i].begin_ns < begin + kStayNs / 2;
    for (const Tpc& tpc : map)
      if (g_singles.has(tpc.bit)) g_found->on_singles += marks[i].sm == static_cast<unsigned>(tpc.sm0) || marks[i].sm == static_cast<unsigned>(tpc.sm1);
  }
  g_found->blocks = static_cast<int>(blocks);
  g_found->sms = static_cast<int>(std::count(used.begin(), used.end(), true));
  g_found->done = 1;
  return 0;
}

Json finding(unsigned cluster, bool wide, const char* mask) {
  *g_found = {};
  const pid_t pid = start_child({"case", std::to_string(cluster), wide ? "wide" : "narrow", mask});
  const int rc = end_child(pid, 6);
  const Finding& f = *g_found;
  Json j;
  j.number("cluster", cluster).text("blocks_are", wide ? "wide" : "narrow").text("mask", mask).number("rc", rc).flag("done", f.done != 0);
  j.number("type", f.type).number("driver_mask", f.driver_valid).number("driver_off", f.driver_off).number("driver_off_singles", f.driver_off_singles);
  return j.number("blocks", f.blocks).number("first_wave", f.first_wave).number("sms", f.sms).number("on_singles", f.on_singles);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {  // children must not inherit a context
    g_found = create_shared<Finding>();
    std::vector<Json> rows;
    for (const unsigned cluster : {1u, 2u, 4u, 8u})
      for (const bool wide : {true, false})
        for (const char* mask : {"none", "all", "singles", "one"}) rows.push_back(finding(cluster, wide, mask));
    need_gpu();
    std::printf("%s\n", report("cluster_places", "4", argc, argv).list("cases", rows).str().c_str());
    return 0;
  }
  need_gpu();
  const auto map = need_tpc_map();
  for (const Tpc& tpc : map) {
    g_all.add(tpc.bit);
    if (tpc.bit >= kClusterBits) g_singles.add(tpc.bit);
  }
  return child(map, static_cast<unsigned>(std::atoi(argv[2])), std::string(argv[3]) == "wide", argv[4]);
}
