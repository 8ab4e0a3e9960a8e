// Question 8: what MPS's own limits do, and how they combine with masks.
//
// Starts one client for each setting: thread percentage, device-memory limit, both, neither; each reports the SM count
// and memory it is told, how many SMs its blocks really used with and without a 16-TPC mask, and whether allocating
// 2 GiB beyond the limit works. Needs a running MPS daemon (says so in the result when there is none).
#include "common/child.hpp"
#include "common/descriptor_hook.hpp"
#include "common/kernels.cuh"
#include "common/report.hpp"

using namespace lithos::probe;

namespace {

TpcSet g_set;
bool g_masked = false;
constexpr int kBlocks = 132 * 16;

struct Used {
  int sms = 0, highest = 0, outside = 0;
};

Used sms_used(BlockMark* marks, const std::vector<bool>& allowed) {
  marked_spin_kernel<<<kBlocks, 1024>>>(marks, 30'000);
  PROBE_CUDA(cudaDeviceSynchronize());
  std::vector<bool> seen(256, false);
  Used u;
  for (int i = 0; i < kBlocks; ++i) {
    seen[marks[i].sm] = true;
    u.outside += !allowed.empty() && !allowed[marks[i].sm];
    u.highest = std::max(u.highest, static_cast<int>(marks[i].sm));
  }
  u.sms = static_cast<int>(std::count(seen.begin(), seen.end(), true));
  return u;
}

Json used_json(const Used& u) {
  return Json().number("sms", u.sms).number("highest_smid", u.highest).number("blocks_on_other_smids_than_mapped", u.outside);
}

int client() {
  need_gpu();
  const auto map = need_tpc_map();
  if (!install_descriptor_hook().empty()) return 3;
  set_visitor([](Descriptor& d, void*) { if (g_masked) confine(d, g_set); }, nullptr);
  int sms = 0;
  PROBE_CUDA(cudaDeviceGetAttribute(&sms, cudaDevAttrMultiProcessorCount, 0));
  std::size_t free_bytes = 0, total_bytes = 0;
  PROBE_CUDA(cudaMemGetInfo(&free_bytes, &total_bytes));
  BlockMark* marks;
  PROBE_CUDA(cudaMallocHost(&marks, sizeof(BlockMark) * kBlocks));
  Json j;
  j.number("sm_count_attribute", sms).number("total_gib", total_bytes / double(1 << 30)).number("free_gib", free_bytes / double(1 << 30));
  j.object("unmasked", used_json(sms_used(marks, {})));
  for (int first : {0, 48}) {
    std::vector<bool> allowed(256, false);
    for (int i = first; i < first + 16; ++i) allowed[map[i].sm0] = allowed[map[i].sm1] = true;
    g_set = tpc_range(map, first, 16), g_masked = true;
    j.object("mask_16_tpcs_from_" + std::to_string(first), used_json(sms_used(marks, allowed)));
    g_masked = false;
  }
  void* p = nullptr;
  const int one = cudaMalloc(&p, 1ull << 30), three = cudaMalloc(&p, 3ull << 30);
  int async = 0;
  void* q = nullptr;
  cudaGetLastError();
  async = cudaMallocAsync(&q, 3ull << 30, cudaStreamPerThread);
  j.number("malloc_1_gib", one).number("malloc_3_gib_more", three).number("malloc_async_3_gib_more", async);
  std::printf("%s", j.str().c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) return client();
  const std::vector<std::pair<std::string, std::vector<std::string>>> cases = {
      {"no limit", {}},
      {"25 % of threads", {"CUDA_MPS_ACTIVE_THREAD_PERCENTAGE=25"}},
      {"50 % of threads", {"CUDA_MPS_ACTIVE_THREAD_PERCENTAGE=50"}},
      {"2 GiB of memory", {"CUDA_MPS_PINNED_DEVICE_MEM_LIMIT=0=2G"}},
      {"both", {"CUDA_MPS_ACTIVE_THREAD_PERCENTAGE=25", "CUDA_MPS_PINNED_DEVICE_MEM_LIMIT=0=2G"}}};
  std::vector<Json> rows;
  for (const auto& [name, settings] : cases) {
    int pipe_ends[2];
    if (pipe(pipe_ends) != 0) return 1;
    std::fflush(stdout);
    const int saved = dup(1);
    dup2(pipe_ends[1], 1);
    const pid_t pid = start_child({"client"}, settings);
    dup2(saved, 1), close(saved), close(pipe_ends[1]);
    std::string out;
    char buffer[4096];
    const int status = end_child(pid, 20);
    for (ssize_t n; (n = read(pipe_ends[0], buffer, sizeof buffer)) > 0;) out.append(buffer, n);
    close(pipe_ends[0]);
    rows.push_back(Json().text("case", name).number("exit", status).raw("client", out.empty() ? "null" : out));
  }
  const bool mps = std::getenv("CUDA_MPS_PIPE_DIRECTORY") != nullptr;
  auto j = report("mps_limits", "8", argc, argv).flag("mps", mps);
  std::printf("%s\n", j.list("rows", rows).str().c_str());
  return 0;
}
