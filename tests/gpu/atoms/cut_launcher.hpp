// SPDX-License-Identifier: Apache-2.0
// Launches a kernel in parts on a real GPU, with the project's own ranges, preludes and descriptor layer, and the probes' hook in place of
// a shim. One thread launches; slots are reused after settle(), which waits for the device.
#pragma once

#include <cuda.h>

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/descriptor_hook.hpp"
#include "cuda/atoms/atom_launch.hpp"
#include "cuda/atoms/atom_slots.hpp"
#include "cuda/atoms/entry_address.hpp"

namespace lithos::gpu {

struct CutResult {
  int launches = 0, redirected = 0,
      refused = 0;  // refused: not patched, ran whole or not at all; any is a failure of the test
  std::string first_refusal;
};

class CutLauncher {
 public:
  // Ends the program with exit code 77 and the reason where there is no GPU, no hook or no prelude.
  CutLauncher();

  // Whole, unpatched; its descriptor teaches the function's entry.
  void whole(CUfunction function, const CUlaunchConfig& config, void** parameters);
  // The parts in order, each a launch. `force`: also a part that needs no prelude goes through it. `mask`: where it may run.
  void parts(CUfunction function, const CUlaunchConfig& config, void** parameters, std::span<const BlockRange> ranges,
             bool force = false, const probe::TpcSet* mask = nullptr);
  // One part, for callers that decide between parts.
  void part(CUfunction function, const CUlaunchConfig& config, void** parameters, BlockRange range,
            const probe::TpcSet* mask);
  void settle();

  const CutResult& result() const { return result_; }
  unsigned constant_bank_conflicts() const { return bank_conflicts_; }

 private:
  static void on_descriptor(probe::Descriptor& descriptor, void* user);
  void learn_preludes();
  void refuse(cuda::NoAtom why);
  void submit(CUfunction function, const CUlaunchConfig& config, void** parameters);

  cuda::LoadedPreludes preludes_;
  std::map<CUfunction, cuda::EntryAddress> entries_;
  std::unique_ptr<cuda::AtomSlots> slots_;
  std::vector<cuda::SlotUse> used_;
  CutResult result_;
  unsigned bank_conflicts_ = 0;
  // What the callback of the launch in progress does.
  cuda::EntryAddress* learn_ = nullptr;
  const cuda::AtomPlan* plan_ = nullptr;
  std::uint64_t slot_base_ = 0, slot_address_ = 0, redirect_all_ = 0;
  const probe::TpcSet* mask_ = nullptr;
  std::optional<cuda::NoAtom> applied_;
};

// `count` ranges over a launch, at odd places, no two alike where the grid allows it.
std::vector<BlockRange> odd_cuts(const CUlaunchConfig& config, std::uint32_t count);
// Even ones.
std::vector<BlockRange> even_cuts(const CUlaunchConfig& config, std::uint32_t count);
Dim3 cluster_of(const CUlaunchConfig& config);
// Cooperative and programmatic launches: never cut.
bool cut_forbidden(const CUlaunchConfig& config);

}  // namespace lithos::gpu
