// SPDX-License-Identifier: Apache-2.0
#include "cuda/patch.hpp"

#include <algorithm>

#include "cuda/descriptor_tables.hpp"

namespace lithos::cuda {
namespace {

constexpr std::uint64_t divide_up(std::uint64_t value, std::uint64_t unit) { return (value + unit - 1) / unit; }
constexpr unsigned kFirstOfferedSlot = 1;  // slot 0 is the driver's own
constexpr std::uint64_t kSlotAlignment = 16;

bool is_unknown(const Dims& dims) { return dims[0] == 0; }

// For a cluster launch the descriptor counts clusters (GPU.md §2).
[[gnu::always_inline]] inline bool same_grid(const Descriptor& descriptor, const LaunchShape& launch) {
  const Dims grid = descriptor.grid();
  const Dims cluster = descriptor.cluster();
  for (unsigned axis = 0; axis < 3; ++axis)
    if (std::uint64_t{grid[axis]} * std::max(cluster[axis], 1u) != launch.grid[axis]) return false;
  return true;
}

// TPCs that one thing of `blocks` blocks fills.
std::uint64_t tpcs_for(std::uint64_t blocks, const PatchWish& wish) {
  return divide_up(blocks, std::max(wish.blocks_per_tpc, 1u));
}

bool holds_cluster(const MaskBits& enabled, const MaskGeometry& geometry, std::uint64_t cluster_tpcs) {
  for (unsigned gpc = 0; gpc < geometry.gpc_count(); ++gpc)
    if ((enabled & geometry.gpc(gpc)).count() >= cluster_tpcs) return true;
  return false;
}

[[gnu::always_inline]] inline MaskOutcome judge(const Descriptor& descriptor, const PatchWish& wish,
                                                const MaskGeometry& geometry, const MaskBits& enabled, unsigned on) {
  if (on < std::max(wish.min_tpcs, 1u)) return MaskOutcome::too_few;
  const std::uint64_t cluster = volume(descriptor.cluster());
  if (!geometry.runs_anywhere(cluster) && !holds_cluster(enabled, geometry, tpcs_for(cluster, wish))) return MaskOutcome::no_cluster;
  const std::uint64_t together = volume(descriptor.gpu_cluster());
  if (together > 1 && on < tpcs_for(together, wish)) return MaskOutcome::not_resident;
  return MaskOutcome::masked;
}

// The first slot after the driver's own that nobody has switched on.
[[gnu::always_inline]] inline unsigned free_slot(const Descriptor& descriptor) {
  for (unsigned slot = kFirstOfferedSlot; slot < kReleaseSlots; ++slot)
    if ((descriptor.release_control(slot) & 1u) == 0) return slot;
  return kReleaseSlots;
}

[[gnu::always_inline]] inline bool may_change(const Descriptor& descriptor) {
  return descriptor.layout() != nullptr && descriptor.layout()->may_run && descriptor.is_grid() &&
         descriptor.type() <= kGridOfClustersTogether;
}

[[gnu::always_inline]] inline bool matches_view(const Descriptor& descriptor, const LaunchShape& launch) {
  if (descriptor.layout() == nullptr || !descriptor.is_grid()) return false;
  if (!is_unknown(launch.grid) && !same_grid(descriptor, launch)) return false;
  if (!is_unknown(launch.block) && descriptor.block() != launch.block) return false;
  if (!is_unknown(launch.cluster) && volume(launch.cluster) > 1 && descriptor.cluster() != launch.cluster) return false;
  if (launch.any_shared) return true;
  const std::uint32_t shared = descriptor.shared_bytes();
  return shared >= launch.shared_bytes && shared - launch.shared_bytes <= kSharedSlackBytes;
}

[[gnu::always_inline]] inline MaskOutcome combine_view(const Descriptor& descriptor, const PatchWish& wish,
                                                       const MaskGeometry& geometry, MaskBits& off, unsigned& on) {
  MaskBits enabled = wish.enabled & geometry.valid();
  const bool driver_masks = descriptor.mask_valid();
  for (unsigned word = 0; word < descriptor.mask_words(); ++word) {
    if (driver_masks) enabled.words[word] &= ~descriptor.mask_word(word);
    off.words[word] = ~enabled.words[word];
  }
  for (unsigned word = descriptor.mask_words(); word < kMaskWordsMax; ++word) enabled.words[word] = 0;
  on = enabled.count();
  return judge(descriptor, wish, geometry, enabled, on);
}

[[gnu::always_inline]] inline PatchOutcome apply_view(Descriptor descriptor, const PatchWish& wish,
                                                      const MaskGeometry& geometry) {
  PatchOutcome outcome;
  if (!may_change(descriptor)) {
    outcome.mask = wish.mask ? MaskOutcome::refused : MaskOutcome::not_wanted;
    return outcome;
  }
  MaskBits off;
  unsigned on = 0;
  if (wish.mask) outcome.mask = combine_view(descriptor, wish, geometry, off, on);
  const CompletionWish& completion = wish.completion;
  const bool wants_time = completion.address != 0 && completion.address % kSlotAlignment == 0;
  const unsigned slot = wants_time ? free_slot(descriptor) : kReleaseSlots;

  // Everything is decided: write.
  if (outcome.mask == MaskOutcome::masked) {
    for (unsigned word = 0; word < descriptor.mask_words(); ++word) descriptor.set_mask_word(word, off.words[word]);
    descriptor.set_mask_valid(true);
    outcome.tpcs = static_cast<std::uint16_t>(on);
  }
  if (slot < kReleaseSlots) {
    descriptor.set_release(slot, completion.control, completion.address, completion.payload);
    outcome.timed = true;
    outcome.slot = static_cast<std::uint8_t>(slot);
  }
  return outcome;
}

// The version that runs, with places that the compiler knows.
bool is_hopper(const Descriptor& descriptor) { return descriptor.layout() == &tables::kHopper; }
Descriptor as_hopper(const Descriptor& descriptor) { return {descriptor.bytes(), &tables::kHopper}; }

}  // namespace

const char* name_of(MaskOutcome outcome) {
  constexpr const char* kNames[kMaskOutcomes] = {"not_wanted", "masked",       "too_few",
                                                 "no_cluster", "not_resident", "refused"};
  const auto index = static_cast<unsigned>(outcome);
  return index < kMaskOutcomes ? kNames[index] : "unknown";
}

bool matches(const Descriptor& descriptor, const LaunchShape& launch) {
  return is_hopper(descriptor) ? matches_view(as_hopper(descriptor), launch) : matches_view(descriptor, launch);
}

MaskOutcome combine_mask(const Descriptor& descriptor, const PatchWish& wish, const MaskGeometry& geometry,
                         MaskBits& off) {
  unsigned on = 0;
  return combine_view(descriptor, wish, geometry, off, on);
}

PatchOutcome apply(Descriptor& descriptor, const PatchWish& wish, const MaskGeometry& geometry) {
  return is_hopper(descriptor) ? apply_view(as_hopper(descriptor), wish, geometry)
                               : apply_view(descriptor, wish, geometry);
}

}  // namespace lithos::cuda
