// SPDX-License-Identifier: Apache-2.0
// Where blocks really run: confinement "SM,SM,..." fails if one block of a plain launch, a launch from a graph or a
// clustered launch ran on another SM. Outside MPS, which renumbers SMs. A cluster that no GPC of the set has room for runs
// unconfined rather than never: then the shim must have counted it.
#include <cooperative_groups.h>

#include <set>
#include <sstream>

#include "kernels.cuh"

__global__ void mark(unsigned* counts) {
  unsigned sm;
  asm volatile("mov.u32 %0, %%smid;" : "=r"(sm));
  if (threadIdx.x == 0) atomicAdd(&counts[sm], 1u);
}
__global__ void __cluster_dims__(2, 1, 1) mark_clusters(unsigned* counts) {
  unsigned sm;
  asm volatile("mov.u32 %0, %%smid;" : "=r"(sm));
  if (threadIdx.x == 0) atomicAdd(&counts[sm], 1u);
}

static std::set<unsigned> used(const unsigned* counts, unsigned n, unsigned long long& blocks) {
  std::set<unsigned> sms;
  blocks = 0;
  for (unsigned sm = 0; sm < n; ++sm) {
    if (counts[sm] != 0) sms.insert(sm);
    blocks += counts[sm];
  }
  return sms;
}

int main(int argc, char** argv) {
  std::set<unsigned> allowed;
  std::stringstream list(argc > 1 ? argv[1] : "");
  for (std::string sm; std::getline(list, sm, ',');) allowed.insert(static_cast<unsigned>(std::stoul(sm)));
  constexpr unsigned kSms = 1024, kBlocks = 20'000;
  unsigned* counts;
  CHECK(cudaMallocHost(&counts, kSms * sizeof *counts));
  cudaStream_t stream;
  CHECK(cudaStreamCreate(&stream));
  bool good = true;
  std::string rows;
  const auto check = [&](const char* name, auto&& run) {
    std::fill_n(counts, kSms, 0u);
    run();
    CHECK(cudaStreamSynchronize(stream));
    unsigned long long blocks = 0;
    const std::set<unsigned> sms = used(counts, kSms, blocks);
    const bool inside = allowed.empty() || std::includes(allowed.begin(), allowed.end(), sms.begin(), sms.end());
    good = good && inside;
    rows += std::string(rows.empty() ? "" : ", ") + "{\"launch\": \"" + name + "\", \"sms\": " + std::to_string(sms.size()) +
            ", \"blocks\": " + std::to_string(blocks) + ", \"inside\": " + (inside ? "true" : "false") + "}";
  };
  check("plain", [&] { mark<<<kBlocks, 256, 0, stream>>>(counts); });
  const bool before_clusters = good;
  check("clusters", [&] { mark_clusters<<<kBlocks, 256, 0, stream>>>(counts); });
  if (!good && shim_report().find("\"conflict_cluster\": 1") != std::string::npos) good = before_clusters;
  cudaGraph_t graph;
  cudaGraphExec_t exec;
  CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  mark<<<kBlocks, 256, 0, stream>>>(counts);
  mark<<<kBlocks, 128, 0, stream>>>(counts);
  CHECK(cudaStreamEndCapture(stream, &graph));
  CHECK(cudaGraphInstantiate(&exec, graph, 0));
  for (int replay = 0; replay < 3; ++replay)
    check("graph", [&] { CHECK(cudaGraphLaunch(exec, stream)); });
  std::printf("{\"check\": \"confinement\", \"allowed_sms\": %zu, \"good\": %s, \"launches\": [%s], \"shim\": %s}\n", allowed.size(),
              good ? "true" : "false", rows.c_str(), shim_report().c_str());
  return good ? 0 : 1;
}
