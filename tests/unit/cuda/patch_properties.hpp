// SPDX-License-Identifier: Apache-2.0
// What must hold of every descriptor, wish and geometry, however random: shared by the property test and the fuzzer.
#pragma once

#include <cstring>
#include <string>

#include "unit/cuda/descriptors.hpp"

namespace lithos::cuda::testing {

inline constexpr std::size_t kFuzzBytes = kDescriptorBytes + 64;

// Input bytes as a stream; zeros after its end.
class Source {
 public:
  Source(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  template <class T>
  T take() {
    T value{};
    const std::size_t n = std::min(sizeof(T), size_);
    std::memcpy(&value, data_, n);
    data_ += n;
    size_ -= n;
    return value;
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
};

inline PatchWish wish_from(Source& source) {
  PatchWish wish;
  const auto flags = source.take<std::uint8_t>();
  wish.mask = (flags & 1) != 0;
  const auto tpcs = source.take<std::array<std::uint64_t, 4>>();
  wish.enabled = (flags & 2) != 0 ? MaskGeometry(h200()).bits_of(TpcSet::from_words(tpcs.data())) : MaskBits{};
  if ((flags & 4) != 0) std::memcpy(wish.enabled.words.data(), tpcs.data(), sizeof wish.enabled.words);
  wish.min_tpcs = source.take<std::uint8_t>() % 80;
  wish.blocks_per_tpc = source.take<std::uint8_t>() % 64;
  wish.completion.address = source.take<std::uint64_t>() & ((1ull << 57) - 1) & ((flags & 8) != 0 ? ~15ull : ~0ull);
  wish.completion.payload = source.take<std::uint64_t>();
  return wish;
}

// The bytes that may differ after apply(): mask, its valid bit, one completion slot.
inline bool only_these_changed(const Bytes& before, const Bytes& after, const DescriptorLayout& layout,
                               const PatchOutcome& outcome) {
  Bytes expected = before, changed = after;
  Descriptor old_view(expected.data(), &layout), new_view(changed.data(), &layout);
  if (outcome.mask == MaskOutcome::masked) {
    old_view.set_mask_valid(true);
    for (unsigned word = 0; word < layout.mask_words; ++word) old_view.set_mask_word(word, new_view.mask_word(word));
  }
  if (outcome.timed)
    old_view.set_release(outcome.slot, new_view.release_control(outcome.slot), new_view.release_address(outcome.slot),
                         new_view.release_payload(outcome.slot));
  return expected == after;
}

// "" or what is wrong.
inline std::string check_masked(const Descriptor& before, const Descriptor& after, const PatchWish& wish,
                                const MaskGeometry& geometry, const PatchOutcome& outcome) {
  MaskBits on;
  for (unsigned word = 0; word < after.mask_words(); ++word) {
    on.words[word] = ~after.mask_word(word);
    if (before.mask_valid() && (before.mask_word(word) & on.words[word]) != 0)
      return "a TPC that the driver switched off is on";
  }
  if (!((on & geometry.valid()) == on)) return "a place without a TPC is on";
  if (!((on & wish.enabled) == on)) return "a TPC outside the wish is on";
  if (on.count() < std::max(wish.min_tpcs, 1u)) return "fewer TPCs than the minimum";
  if (outcome.tpcs != on.count()) return "the outcome's count is wrong";
  const std::uint64_t per_tpc = std::max(wish.blocks_per_tpc, 1u);
  const std::uint64_t cluster = volume(after.cluster());
  if (cluster > 1) {
    unsigned widest = 0;
    for (unsigned gpc = 0; gpc < geometry.gpc_count(); ++gpc)
      widest = std::max(widest, (on & geometry.gpc(gpc)).count());
    if (widest * per_tpc < cluster) return "no GPC holds a cluster";
  }
  const std::uint64_t together = volume(after.gpu_cluster());
  if (together > 1 && on.count() * per_tpc < together) return "blocks that must be resident together are not";
  return "";
}

inline std::string check_patch(const std::uint8_t* data, std::size_t size) {
  Source source(data, size);
  static const MaskGeometry geometry(h200());
  Bytes bytes = source.take<Bytes>();
  const PatchWish wish = wish_from(source);
  for (const DescriptorLayout& layout : all_layouts()) {
    Bytes patched = bytes;
    Descriptor descriptor(patched.data(), &layout);
    const Descriptor original(bytes.data(), &layout);
    const PatchOutcome outcome = apply(descriptor, wish, geometry);
    if (!only_these_changed(bytes, patched, layout, outcome)) return "bytes changed that the outcome does not name";
    if (!layout.may_run && patched != bytes) return "a version that may not run was changed";
    if (outcome.mask == MaskOutcome::masked) {
      if (const std::string wrong = check_masked(original, descriptor, wish, geometry, outcome); !wrong.empty())
        return wrong;
    }
    if (outcome.timed && (outcome.slot == 0 || (original.release_control(outcome.slot) & 1u) != 0))
      return "a slot in use was taken";
    LaunchShape any;
    any.cluster = {0, 0, 0};
    any.any_shared = true;
    if (matches(original, any) != original.is_grid()) return "an unknown shape does not match every grid";
  }
  return "";
}

}  // namespace lithos::cuda::testing
