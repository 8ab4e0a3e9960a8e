// SPDX-License-Identifier: Apache-2.0
// TPCs by their place in the launch descriptor's mask, and which of these places a GPU has.
//
// The mask's positions are the hardware's: nine for each GPC, with holes, then single TPCs that no cluster can use
// (GPU.md §3). The rest of LithOS names TPCs by logical index; MaskGeometry translates. Values; any thread.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "base/tpc_set.hpp"
#include "cuda/descriptor_layout.hpp"
#include "engine/gpu_shape.hpp"

namespace lithos::cuda {

// A set of mask positions. In a descriptor the meaning is the reverse: there a set bit switches a TPC off.
struct MaskBits {
  static constexpr unsigned kBits = 32 * kMaskWordsMax;
  std::array<std::uint32_t, kMaskWordsMax> words{};

  constexpr void add(unsigned bit) { words[bit / 32] |= 1u << (bit % 32); }
  constexpr bool has(unsigned bit) const { return words[bit / 32] >> (bit % 32) & 1u; }
  constexpr unsigned count() const {
    unsigned n = 0;
    for (const std::uint32_t word : words) n += static_cast<unsigned>(std::popcount(word));
    return n;
  }
  friend constexpr MaskBits operator&(MaskBits a, const MaskBits& b) {
    for (unsigned i = 0; i < kMaskWordsMax; ++i) a.words[i] &= b.words[i];
    return a;
  }
  friend constexpr bool operator==(const MaskBits&, const MaskBits&) = default;
};

class MaskGeometry {
 public:
  static constexpr unsigned kGpcsMax = 32;

  MaskGeometry() = default;  // of no GPU: nothing is valid, so nothing can be masked
  explicit MaskGeometry(const GpuShape& gpu) : sms_per_tpc_(gpu.sms_per_tpc) {
    for (unsigned tpc = 0; tpc < gpu.tpcs && tpc < gpu.mask_bit_of_tpc.size(); ++tpc) {
      const unsigned bit = gpu.mask_bit_of_tpc[tpc];
      if (bit >= MaskBits::kBits || valid_.has(bit)) continue;  // a map that is wrong: the TPC is then not used
      bit_of_tpc_[tpc] = static_cast<std::uint16_t>(bit);
      known_.add(tpc);
      valid_.add(bit);
      const unsigned gpc = tpc < gpu.gpc_of_tpc.size() ? gpu.gpc_of_tpc[tpc] : kNoGpc;
      if (gpc >= kGpcsMax) continue;
      gpcs_[gpc].add(bit);
      if (gpc >= gpc_count_) gpc_count_ = gpc + 1;
    }
  }

  const MaskBits& valid() const { return valid_; }
  bool runs_anywhere(std::uint64_t cluster_blocks) const { return lithos::runs_anywhere(cluster_blocks, sms_per_tpc_); }
  unsigned gpc_count() const { return gpc_count_; }
  const MaskBits& gpc(unsigned index) const { return gpcs_[index]; }

  MaskBits bits_of(const TpcSet& tpcs) const {
    MaskBits bits;
    (tpcs & known_).for_each([&](unsigned tpc) { bits.add(bit_of_tpc_[tpc]); });
    return bits;
  }

 private:
  MaskBits valid_;
  TpcSet known_;
  std::array<std::uint16_t, TpcSet::kMaxTpcs> bit_of_tpc_{};
  std::array<MaskBits, kGpcsMax> gpcs_{};
  unsigned gpc_count_ = 0;
  unsigned sms_per_tpc_ = 1;
};

}  // namespace lithos::cuda
