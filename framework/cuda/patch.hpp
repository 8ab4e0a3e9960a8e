// SPDX-License-Identifier: Apache-2.0
// What is done to a launch descriptor inside the callback: is it the launch that the tenant is making, may the mask
// go in, is there room for a completion. The safety rules of DESIGN.md §5.2 as one pure function.
//
// Nothing here allocates, locks, calls the driver or throws. A descriptor is changed only after everything has been
// decided, so it is never left half-written: either all of what the outcome says was done, or its bytes are as they
// were. One thread per descriptor; the geometry is shared and constant. Source: GPU.md §2–3, §6; hardware.md §1, §4.
#pragma once

#include <cstdint>

#include "cuda/descriptor.hpp"
#include "cuda/mask_bits.hpp"

namespace lithos::cuda {

// The launch in flight on this thread, as the driver's API was asked for it.
struct LaunchShape {
  Dims grid{};            // blocks; {0, 0, 0}: not known, any grid is taken for it
  Dims block{};           // threads; likewise
  Dims cluster{1, 1, 1};  // {0, 0, 0}: fixed when the kernel was compiled, or chosen by the driver: not compared
  std::uint32_t shared_bytes = 0;  // per block, static and dynamic
  bool any_shared = false;         // not known: not compared
};

// The driver adds its own reserve and rounds up (1 KiB and 128 bytes on Hopper): more than this is another kernel.
inline constexpr std::uint32_t kSharedSlackBytes = 4096;

bool matches(const Descriptor& descriptor, const LaunchShape& launch);

struct CompletionWish {
  std::uint64_t address = 0;  // of the slot in the GPU's address space, 16 bytes aligned; 0: no completion wanted
  std::uint64_t payload = 0;  // its generation
  std::uint16_t control = kReleasePlain;
};

struct PatchWish {
  bool mask = false;                 // false: leave the driver's mask alone
  MaskBits enabled;                  // the TPCs that may be used
  std::uint32_t min_tpcs = 1;        // fewer than this are too few (co-residency, DESIGN.md §5.1)
  std::uint32_t blocks_per_tpc = 2;  // resident at once; 2 where it is not known: one for each SM
  CompletionWish completion;
};

enum class MaskOutcome : std::uint8_t {
  not_wanted,
  masked,
  too_few,       // none, or fewer than the launch's minimum, would be left
  no_cluster,    // no GPC would have room for a whole cluster
  not_resident,  // blocks that must be resident together would not be (type ≥ 4)
  refused,       // this version, or this type of descriptor, is never changed
};
inline constexpr unsigned kMaskOutcomes = 6;
const char* name_of(MaskOutcome outcome);

struct PatchOutcome {
  MaskOutcome mask = MaskOutcome::not_wanted;
  bool timed = false;      // a completion slot was free and has been taken
  std::uint8_t slot = 0;   // which
  std::uint16_t tpcs = 0;  // that the launch may use, as far as is known here
};

// What the mask would come to, without changing anything: `off` gets the words for the descriptor.
MaskOutcome combine_mask(const Descriptor& descriptor, const PatchWish& wish, const MaskGeometry& geometry,
                         MaskBits& off);

// Changes the descriptor as far as the rules allow.
PatchOutcome apply(Descriptor& descriptor, const PatchWish& wish, const MaskGeometry& geometry);

}  // namespace lithos::cuda
