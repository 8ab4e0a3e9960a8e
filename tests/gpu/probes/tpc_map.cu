// Which mask position is which TPC (questions 4 and 11 stand on it).
//
// Switches off one mask position at a time on a grid that fills the chip and sees which SMs vanish. Safe: it
// never enables an absent position alone. With a path as argument it writes "bit sm sm" lines there, the file
// that LITHOS_TPC_MAP names for the other probes. Run it outside MPS, which renumbers %smid.
#include "common/descriptor_hook.hpp"
#include "common/report.hpp"

using namespace lithos::probe;

__global__ void mark_sm(unsigned* counts, long long spin_ns) {
  unsigned sm;
  unsigned long long start, now;
  asm volatile("mov.u32 %0, %%smid;" : "=r"(sm));
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(start));
  do {
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
  } while (now - start < spin_ns);
  if (threadIdx.x == 0) atomicAdd(&counts[sm], 1u);
}

static TpcSet g_enabled;

int main(int argc, char** argv) {
  need_gpu();
  auto why = install_descriptor_hook();
  if (!why.empty()) skip(why);
  int sms = 0;
  PROBE_CUDA(cudaDeviceGetAttribute(&sms, cudaDevAttrMultiProcessorCount, 0));
  unsigned* counts;
  PROBE_CUDA(cudaMallocHost(&counts, 256 * sizeof *counts));
  set_visitor([](Descriptor& d, void*) { confine_unchecked(d, g_enabled); }, nullptr);

  std::vector<Tpc> map;
  std::vector<int> odd;
  std::vector<Json> rows;
  for (int bit = 0; bit < kMaskBits; ++bit) {
    for (auto& w : g_enabled.words) w = ~0u;
    g_enabled.words[bit / 32] &= ~(1u << (bit % 32));
    std::fill(counts, counts + 256, 0u);
    mark_sm<<<sms * 4, 1024>>>(counts, 20'000);
    PROBE_CUDA(cudaDeviceSynchronize());
    std::vector<int> gone;
    for (int s = 0; s < sms; ++s)
      if (counts[s] == 0) gone.push_back(s);
    if (gone.empty()) continue;
    if (gone.size() != 2) odd.push_back(bit);
    map.push_back({bit, gone[0], gone.back()});
    rows.push_back(Json().number("bit", bit).number("gpc_slot", bit < kClusterBits ? bit / kBitsPerGpc : -1)
                       .numbers("sms", {double(gone[0]), double(gone.back())}));
  }
  if (argc > 1) {
    std::ofstream out(argv[1]);
    for (auto& t : map) out << t.bit << ' ' << t.sm0 << ' ' << t.sm1 << '\n';
  }
  auto j = report("tpc_map", "4", argc, argv);
  j.number("sm_count", sms).number("tpc_count", map.size()).number("positions_not_of_two_sms", odd.size());
  std::printf("%s\n", j.list("tpcs", rows).str().c_str());
  return 0;
}
