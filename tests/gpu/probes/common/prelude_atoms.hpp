// Launches in parts, as the probes do it: a descriptor's grid is cut natively above, and a prelude that reads its slot from
// constant bank 6 stands before the kernel and drops the blocks below.
//
// Purpose: what jump_constant, prelude_dependent and split_gemms share. prelude_cost.cu is older and has its own.
// Threads: one; the functions that launch set the visitor and leave none behind.
#pragma once

#include <unistd.h>

#include "descriptor_hook.hpp"
#include "kernels.cuh"
#include "prelude_patch.hpp"
#include "report.hpp"

namespace lithos::probe {

inline constexpr int kAtomBank = 6;
inline constexpr std::size_t kAtomSlotBytes = 256;

// What one descriptor gets. `program` 0: no prelude; `end` 0: the grid as it is (in the descriptor's units: clusters).
struct AtomPatch {
  std::uint64_t program = 0, slot = 0;
  std::uint32_t end = 0;
  int axis = 0;
};

// Counts in `bank_taken` when the driver had the bank in use: then the launch is not to be trusted.
inline void apply_atom(Descriptor& d, const AtomPatch& a, int& bank_taken) {
  if (a.end) d.set_grid(a.axis, a.end);
  if (a.program == 0) return;
  d.set_program(a.program);
  if (d.registers() < kPreludeRegisters) d.set_registers(kPreludeRegisters);
  bank_taken += d.u32(52) >> (4 * kAtomBank) & 1;
  d.put32(52, (d.u32(52) & ~(15u << (4 * kAtomBank))) | 9u << (4 * kAtomBank));  // valid, invalidate
  d.put64(192 + 8 * kAtomBank, a.slot >> 6 | 4ull << 51);                          // 64 bytes
}

// The program address that the descriptor of `launch`'s kernel names.
template <class F>
std::uint64_t program_of(F&& launch) {
  std::uint64_t program = 0;
  const auto see = [](Descriptor& d, void* user) {
    if (d.grid()[0] != 0) *static_cast<std::uint64_t*>(user) = d.program();
  };
  set_visitor(see, &program);
  launch();
  PROBE_CUDA(cudaDeviceSynchronize());
  set_visitor(nullptr, nullptr);
  return program;
}

// Loads code that must not run by itself, and returns its address: the one launch is sent to a kernel that does nothing.
inline std::uint64_t load_prelude(const std::vector<char>& image, const char* kernel) {
  struct Redirect {
    std::uint64_t seen, empty;
  } redirect{0, program_of([] { empty_kernel<<<1, 32>>>(); })};
  CUmodule module;
  CUfunction function;
  PROBE_CUDA(cuModuleLoadData(&module, image.data()));
  PROBE_CUDA(cuModuleGetFunction(&function, module, kernel));
  const auto send_away = [](Descriptor& d, void* user) {
    auto& r = *static_cast<Redirect*>(user);
    r.seen = d.program();
    d.set_program(r.empty);
  };
  set_visitor(send_away, &redirect);
  PROBE_CUDA(cuLaunchKernel(function, 1, 1, 1, 32, 1, 1, 0, nullptr, nullptr, nullptr));
  PROBE_CUDA(cudaDeviceSynchronize());
  set_visitor(nullptr, nullptr);
  return redirect.seen;
}

// (first block, entry) for each part, in device memory.
class AtomSlots {
 public:
  explicit AtomSlots(int slots) { PROBE_CUDA(cudaMalloc(&device_, slots * kAtomSlotBytes)); }
  std::uint64_t set(int slot, std::uint64_t first, std::uint64_t entry) const {
    const std::uint64_t words[2] = {first, entry};
    char* at = device_ + slot * kAtomSlotBytes;
    PROBE_CUDA(cudaMemcpy(at, words, sizeof words, cudaMemcpyHostToDevice));
    return reinterpret_cast<std::uint64_t>(at);
  }

 private:
  char* device_ = nullptr;
};

// The parts [cuts[i], cuts[i + 1]) of an axis in blocks; `unit` blocks to a cluster along it. The prelude stands before
// every part, also before one that starts at 0, so that all are of one kind.
inline std::vector<AtomPatch> atoms_of(const AtomSlots& slots, std::uint64_t prelude, std::uint64_t entry,
                                       const std::vector<std::uint32_t>& cuts, std::uint32_t unit = 1, int axis = 0) {
  std::vector<AtomPatch> out;
  for (std::size_t i = 0; i + 1 < cuts.size(); ++i)
    out.push_back({prelude, slots.set(static_cast<int>(i), cuts[i], entry), cuts[i + 1] / unit, axis});
  return out;
}

inline std::vector<std::uint32_t> even_cuts_of(std::uint32_t grid, int atoms, std::uint32_t unit = 1) {
  std::vector<std::uint32_t> cuts;
  for (int i = 0; i <= atoms; ++i) cuts.push_back(std::uint32_t(std::uint64_t(grid) * i / atoms / unit * unit));
  cuts.back() = grid;
  return cuts;
}

// The folder of the running program, where prelude.cubin lies.
inline std::string own_folder(const char* program) {
  const std::string path = program;
  return path.substr(0, path.rfind('/'));
}

inline std::vector<char> need_prelude_cubin(const char* program) {
  char self[4096] = {};
  const auto n = readlink("/proc/self/exe", self, sizeof self - 1);
  const std::string folder = own_folder(n > 0 ? self : program);
  auto cubin = read_file(folder + "/prelude.cubin");
  if (cubin.empty()) skip("no prelude.cubin in " + folder);
  return cubin;
}

}  // namespace lithos::probe
