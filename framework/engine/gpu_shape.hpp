// SPDX-License-Identifier: Apache-2.0
// What engine, executor and devices know of a GPU: how many TPCs, how they lie in GPCs, what fits on an SM, which clocks exist.
// Immutable once filled; shared between threads as const. Source: GPU.md §2–3, §11; CUDA programming guide (SM limits of sm_90).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/tpc_set.hpp"

namespace lithos {

inline constexpr std::uint16_t kNoGpc = 0xffff;  // a TPC that only clusters of one TPC's width can use (hardware.md §4)

// Clusters of no more blocks than a TPC has SMs run on any TPC, a block to an SM; larger ones need their room in one GPC (hardware.md §4).
constexpr bool runs_anywhere(std::uint64_t cluster_blocks, unsigned sms_per_tpc) { return cluster_blocks <= sms_per_tpc; }

struct GpuShape {
  std::string name;
  unsigned tpcs = 0;
  unsigned sms_per_tpc = 2;
  unsigned gpcs = 0;
  std::vector<std::uint16_t> gpc_of_tpc;  // [tpcs]
  std::vector<std::uint16_t> mask_bit_of_tpc;  // [tpcs] position in the launch descriptor's TPC-disable mask
  // Limits of one SM.
  unsigned threads_per_sm = 2048;
  unsigned blocks_per_sm = 32;
  unsigned registers_per_sm = 65536;
  unsigned shared_bytes_per_sm = 233472;
  std::vector<std::uint32_t> clocks_mhz;  // supported SM clocks, highest first
  double power_limit_w = 700;

  TpcSet all() const { return TpcSet::first(tpcs); }
  TpcSet gpc(unsigned index) const {
    TpcSet set;
    for (unsigned tpc = 0; tpc < tpcs; ++tpc)
      if (gpc_of_tpc[tpc] == index) set.add(tpc);
    return set;
  }
};

}  // namespace lithos
