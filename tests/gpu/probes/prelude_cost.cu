// Question 2: the cheapest way to tell a prelude its block range, and what a prelude costs.
//
// Variants: two loads, one 16-byte load (slot address in the code), a constant bank that the descriptor names (in device
// memory and in pinned host memory), and everything immediate in the code. Checks that every block runs exactly once
// (plain, clustered, in a graph), then times atoms of a long kernel and the cost of a skipped block.
// The argument is the folder that holds prelude.cubin (default: the program's own).
#include <tuple>

#include "common/descriptor_hook.hpp"
#include "common/kernels.cuh"
#include "common/prelude_patch.hpp"
#include "common/report.hpp"

using namespace lithos::probe;

namespace {

constexpr int kBank = 6, kAtomsMax = 32, kSlotBytes = 256;

enum class Variant { kTwoLoads, kOneLoad, kConstant, kConstantHost, kImmediate };
constexpr Variant kVariants[] = {Variant::kTwoLoads, Variant::kOneLoad, Variant::kConstant, Variant::kConstantHost, Variant::kImmediate};
const char* name_of(Variant v) {
  return std::array{"two loads", "one 16-byte load", "constant bank", "constant bank in host memory", "immediates in the code"}[int(v)];
}
const char* kernel_of(Variant v) {
  return std::array{"prelude_two_loads", "prelude_one_load", "prelude_constant", "prelude_constant", "prelude_immediate"}[int(v)];
}

// What the visitor does to the next descriptors, one entry for each launch.
struct Atom {
  std::uint64_t program = 0, slot = 0;
  std::uint32_t hi = 0;  // in the descriptor's units: blocks, or clusters
  bool constant = false;
};
std::vector<Atom> g_atoms;
std::size_t g_next = 0;
std::uint64_t g_program = 0;  // of the last unpatched launch
int g_bank_taken = 0;

void visit(Descriptor& d, void*) {
  if (d.grid()[0] == 0) return;
  if (g_atoms.empty()) g_program = d.program();
  if (g_next >= g_atoms.size()) return;
  const Atom& a = g_atoms[g_next++];
  if (a.hi) d.set_grid(0, a.hi);
  if (a.program) {
    d.set_program(a.program);
    if (d.registers() < kPreludeRegisters) d.set_registers(kPreludeRegisters);
  }
  if (a.constant) {
    g_bank_taken += d.u32(52) >> (4 * kBank) & 1;
    d.put32(52, (d.u32(52) & ~(15u << (4 * kBank))) | 9u << (4 * kBank));  // valid, invalidate
    d.put64(192 + 8 * kBank, a.slot >> 6 | 4ull << 51);                      // 64 bytes
  }
}

struct Slots {
  char *device, *host;
  std::uint64_t address(Variant v, int i) const {
    return reinterpret_cast<std::uint64_t>(v == Variant::kConstantHost ? host : device) + i * kSlotBytes;
  }
  void set(Variant v, int i, std::uint64_t lo, std::uint64_t entry) const {
    const std::uint64_t words[2] = {lo, entry};
    if (v == Variant::kConstantHost) std::memcpy(host + i * kSlotBytes, words, 16);
    else PROBE_CUDA(cudaMemcpy(device + i * kSlotBytes, words, 16, cudaMemcpyHostToDevice));
  }
};

class Preludes {
 public:
  explicit Preludes(const std::string& cubin) : cubin_(read_file(cubin)) {
    PROBE_CUDA(cudaMalloc(&slots_.device, kAtomsMax * kSlotBytes));
    PROBE_CUDA(cudaMallocHost(&slots_.host, kAtomsMax * kSlotBytes));
  }
  bool present() const { return !cubin_.empty(); }
  int changed = 0;

  // The atoms that run `entry` over the ranges [cuts[i], cuts[i + 1]), in blocks; `unit` blocks to a cluster.
  std::vector<Atom> atoms(Variant v, std::uint64_t entry, const std::vector<std::uint32_t>& cuts, std::uint32_t unit) {
    std::vector<Atom> out;
    for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
      const int slot = static_cast<int>(i);
      Atom a;
      a.constant = v == Variant::kConstant || v == Variant::kConstantHost;
      a.slot = slots_.address(v, slot);
      a.program = code(v, slot, cuts[i], entry, a);
      a.hi = cuts[i + 1] / unit;
      slots_.set(v, slot, cuts[i], entry);
      out.push_back(a);
    }
    return out;
  }

 private:
  // Loads a patched copy and finds its address from its own first launch.
  std::uint64_t code(Variant v, int slot, std::uint32_t lo, std::uint64_t entry, const Atom& atom) {
    const bool immediate = v == Variant::kImmediate;
    const auto key = std::make_tuple(int(v), atom.constant ? 0 : slot, immediate ? lo : 0u, immediate ? entry : 0ull);
    for (const auto& [k, address] : known_)
      if (k == key) return address;
    PreludeValues values;
    values.address = immediate ? entry : slots_.address(v, slot);
    values.lo = lo, values.bank = kBank;
    const auto image = patch_prelude(cubin_, kernel_of(v), values, changed);
    CUmodule module;
    CUfunction function;
    PROBE_CUDA(cuModuleLoadData(&module, image.data()));
    PROBE_CUDA(cuModuleGetFunction(&function, module, kernel_of(v)));
    // The launch is only for the address: its descriptor is sent to a kernel that does nothing.
    g_atoms.clear();
    const auto visitor = [](Descriptor& d, void* user) {
      *static_cast<std::uint64_t*>(user) = d.program();
      d.set_program(g_empty);
    };
    std::uint64_t address = 0;
    set_visitor(visitor, &address);
    PROBE_CUDA(cuLaunchKernel(function, 1, 1, 1, 32, 1, 1, 0, nullptr, nullptr, nullptr));
    PROBE_CUDA(cudaDeviceSynchronize());
    set_visitor(&visit, nullptr);
    g_atoms.clear();
    known_.push_back({key, address});
    return address;
  }

 public:
  static inline std::uint64_t g_empty = 0;

 private:
  std::vector<char> cubin_;
  Slots slots_{};
  std::vector<std::pair<std::tuple<int, int, std::uint32_t, std::uint64_t>, std::uint64_t>> known_;
};

__global__ void counted(unsigned* counts) {
  if (threadIdx.x == 0) atomicAdd(&counts[blockIdx.x], gridDim.x);
}
__global__ void __cluster_dims__(2, 1, 1) counted_cluster(unsigned* counts) {
  if (threadIdx.x == 0) atomicAdd(&counts[blockIdx.x], gridDim.x);
}

std::vector<std::uint32_t> even_cuts(std::uint32_t grid, int atoms, std::uint32_t unit) {
  std::vector<std::uint32_t> cuts;
  for (int i = 0; i <= atoms; ++i) cuts.push_back(std::uint32_t(std::uint64_t(grid) * i / atoms / unit * unit));
  cuts.back() = grid;
  return cuts;
}

template <class F>
std::uint64_t entry_of(F&& launch) {
  g_atoms.clear();
  launch();
  PROBE_CUDA(cudaDeviceSynchronize());
  return g_program;
}

// Blocks that did not run exactly `times` times, or saw another gridDim.
int wrong_blocks(const unsigned* counts, std::uint32_t grid, unsigned times) {
  int wrong = 0;
  for (std::uint32_t i = 0; i < grid; ++i) wrong += counts[i] != grid * times;
  return wrong;
}

Json exactly_once(Preludes& preludes, Variant v, bool cluster, bool graph) {
  constexpr int kAtoms = 7;
  const std::uint32_t grid = cluster ? 10006 : 10007, unit = cluster ? 2 : 1;
  static unsigned* counts = [] { unsigned* p; PROBE_CUDA(cudaMallocHost(&p, 4 * 10007)); return p; }();
  cudaStream_t s;
  PROBE_CUDA(cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking));
  const auto launch = [&] {
    if (cluster) counted_cluster<<<grid, 64, 0, s>>>(counts);
    else counted<<<grid, 64, 0, s>>>(counts);
  };
  const auto entry = entry_of(launch);
  const auto atoms = preludes.atoms(v, entry, even_cuts(grid, kAtoms, unit), unit);
  std::fill(counts, counts + grid, 0u);
  unsigned times = 1;
  cudaGraphExec_t exec = nullptr;
  if (graph) {
    cudaGraph_t g;
    PROBE_CUDA(cudaStreamBeginCapture(s, cudaStreamCaptureModeThreadLocal));
    for (int i = 0; i < kAtoms; ++i) launch();
    PROBE_CUDA(cudaStreamEndCapture(s, &g));
    PROBE_CUDA(cudaGraphInstantiate(&exec, g, 0));
    times = 3;
  }
  g_atoms = atoms, g_next = 0;
  if (graph)
    for (unsigned i = 0; i < times; ++i) PROBE_CUDA(cudaGraphLaunch(exec, s));
  else
    for (int i = 0; i < kAtoms; ++i) launch();
  PROBE_CUDA(cudaStreamSynchronize(s));
  const auto used = g_next;
  g_atoms.clear();
  return Json().text("variant", name_of(v)).flag("cluster", cluster).flag("graph", graph).number("atoms_patched", used)
      .number("wrong_blocks", wrong_blocks(counts, grid, times));
}

struct Work {
  const char* name;
  std::uint32_t grid;
  int rounds, threads;
};

double time_us(const std::vector<Atom>& atoms, int launches, const Work& w, float* sink) {
  static cudaEvent_t e0 = nullptr, e1 = nullptr;
  if (e0 == nullptr) {
    PROBE_CUDA(cudaEventCreate(&e0));
    PROBE_CUDA(cudaEventCreate(&e1));
  }
  std::vector<double> times;
  for (int r = 0; r < 7; ++r) {
    g_atoms.clear();
    spin_kernel<<<1, 1>>>(400'000);
    PROBE_CUDA(cudaEventRecord(e0));
    g_atoms = atoms, g_next = 0;
    for (int i = 0; i < launches; ++i) fma_kernel<<<w.grid, w.threads>>>(sink, w.rounds);
    g_atoms.clear();
    PROBE_CUDA(cudaEventRecord(e1));
    PROBE_CUDA(cudaEventSynchronize(e1));
    float ms;
    PROBE_CUDA(cudaEventElapsedTime(&ms, e0, e1));
    times.push_back(ms * 1000);
  }
  return median(times);
}

Json cost(Preludes& preludes, Variant v, const Work& w, float* sink) {
  const auto entry = entry_of([&] { fma_kernel<<<w.grid, w.threads>>>(sink, w.rounds); });
  const double bare = time_us({}, 1, w, sink);
  Json row;
  row.text("variant", name_of(v)).text("kernel", w.name).number("grid", w.grid).number("threads", w.threads).number("bare_us", bare);
  for (int n : {1, 2, 4, 8, 16, 32}) {
    const double us = time_us(preludes.atoms(v, entry, even_cuts(w.grid, n, 1), 1), n, w, sink);
    row.number("atoms_" + std::to_string(n) + "_percent", 100 * (us / bare - 1));
  }
  // Every block leaves at once: the pure cost of skipping.
  auto skip = preludes.atoms(v, entry, {w.grid, w.grid}, 1);
  skip[0].hi = 0;
  row.number("skipped_block_ns", 1000 * time_us(skip, 1, w, sink) / w.grid);
  return row.number("bare_again_us", time_us({}, 1, w, sink));
}

}  // namespace

int main(int argc, char** argv) {
  std::string folder = argv[0];
  folder = argc > 1 ? argv[1] : folder.substr(0, folder.rfind('/'));
  need_gpu();
  if (auto why = install_descriptor_hook(); !why.empty()) skip(why);
  Preludes preludes(folder + "/prelude.cubin");
  if (!preludes.present()) skip("no prelude.cubin in " + folder);
  set_visitor(&visit, nullptr);
  float* sink;
  PROBE_CUDA(cudaMalloc(&sink, 4));
  Preludes::g_empty = entry_of([] { empty_kernel<<<1, 32>>>(); });
  std::vector<Json> correct, costs;
  const auto only = std::getenv("PRELUDE_VARIANT");
  for (auto v : kVariants) {
    if (only && std::atoi(only) != int(v)) continue;
    for (bool cluster : {false, true})
      for (bool graph : {false, true}) correct.push_back(exactly_once(preludes, v, cluster, graph));
    for (const Work& w : {Work{"long blocks", 16896, 660, 1024}, Work{"short blocks", 105600, 100, 1024},
                          Work{"short blocks of 256", 105600, 400, 256}, Work{"short blocks of 128", 105600, 800, 128}})
      costs.push_back(cost(preludes, v, w, sink));
  }
  auto j = report("prelude_cost", "2", argc, argv).flag("mps", std::getenv("CUDA_MPS_PIPE_DIRECTORY") != nullptr);
  j.number("instructions_changed", preludes.changed).number("bank_already_valid", g_bank_taken).number("prelude_registers", kPreludeRegisters);
  std::printf("%s\n", j.list("exactly_once", correct).list("cost", costs).str().c_str());
  return 0;
}
