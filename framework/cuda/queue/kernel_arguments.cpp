// SPDX-License-Identifier: Apache-2.0
#include "cuda/queue/kernel_arguments.hpp"

#include <cassert>
#include <cstring>

namespace lithos::cuda {

Result<ParameterLayout> ParameterLayout::make(std::span<const ParameterPlace> places) {
  if (places.size() > kMaxParameters) return invalid_argument("a kernel with more than 4096 parameters");
  ParameterLayout layout;
  for (const ParameterPlace& place : places) {
    if (place.offset < layout.bytes_) return invalid_argument("parameters of a kernel overlap");
    if (place.offset > kMaxBytes || place.bytes > kMaxBytes - place.offset)
      return invalid_argument("parameters of a kernel take more than 32764 bytes");
    layout.bytes_ = place.offset + place.bytes;
  }
  layout.places_.assign(places.begin(), places.end());
  return layout;
}

void ParameterLayout::pack(void* const* values, std::byte* packed) const {
  std::uint32_t written = 0;
  for (std::size_t i = 0; i < places_.size(); ++i) {
    const ParameterPlace& place = places_[i];
    std::memset(packed + written, 0, place.offset - written);  // padding: the same call gives the same bytes
    if (place.bytes > 0) std::memcpy(packed + place.offset, values[i], place.bytes);
    written = place.offset + place.bytes;
  }
}

std::optional<PackedArguments> read_extra(void* const* extra) {
  constexpr int kMaxPairs = 4;
  PackedArguments packed;
  bool sized = false;
  for (int pair = 0; pair < kMaxPairs; ++pair) {
    const auto key = reinterpret_cast<std::uintptr_t>(extra[2 * pair]);
    if (key == kExtraEnd) {
      const bool whole = sized == (packed.data != nullptr) || packed.bytes == 0;
      return whole && packed.bytes <= ParameterLayout::kMaxBytes ? std::optional(packed) : std::nullopt;
    }
    const void* value = extra[2 * pair + 1];
    if (key == kExtraPointer) {
      packed.data = static_cast<const std::byte*>(value);
    } else if (key == kExtraSize && value != nullptr) {
      std::memcpy(&packed.bytes, value, sizeof packed.bytes);
      sized = true;
    } else {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

// Pieces are contiguous: what does not fit before the end begins at the start again.
std::byte* ArgumentRing::take(std::uint32_t bytes) {
  const std::uint32_t size = rounded(bytes);
  if (size == 0) return memory_.get();
  if (size > capacity_) return nullptr;
  if (used_ == 0) head_ = tail_ = end_ = 0;
  const bool wrapped = end_ != 0;
  const std::uint32_t room = (wrapped ? head_ : capacity_) - tail_;
  if (size > room) {
    if (wrapped || size > head_) return nullptr;
    end_ = tail_;
    used_ += capacity_ - tail_;
    tail_ = 0;
  }
  std::byte* piece = memory_.get() + tail_;
  tail_ += size;
  used_ += size;
  return piece;
}

void ArgumentRing::give_back(std::uint32_t bytes) {
  const std::uint32_t size = rounded(bytes);
  if (size == 0) return;
  assert(used_ >= size);
  if (end_ != 0 && head_ == end_) {
    used_ -= capacity_ - end_;
    head_ = end_ = 0;
  }
  head_ += size;
  used_ -= size;
  if (end_ != 0 && head_ == end_) {
    used_ -= capacity_ - end_;
    head_ = end_ = 0;
  }
}

}  // namespace lithos::cuda
