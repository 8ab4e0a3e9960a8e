// SPDX-License-Identifier: Apache-2.0
// Copies of a kernel's arguments, so that a launch can wait: the program may reuse its memory as soon as the launch call has returned.
//
// A launch brings its arguments as an array of pointers (kernelParams), one for each parameter, whose places and sizes cuFuncGetParamInfo
// tells; or as one packed buffer (extra). Copies are packed either way and are given to the driver by `extra`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/status.hpp"

namespace lithos::cuda {

struct ParameterPlace {
  std::uint32_t offset = 0, bytes = 0;
};

// Where a function's parameters lie in the packed buffer. Made once per function; immutable.
class ParameterLayout {
 public:
  static constexpr std::uint32_t kMaxBytes = 32'764;  // CUDA programming guide: since 12.1, compute capability 7.0
  static constexpr std::size_t kMaxParameters = 4'096;

  ParameterLayout() = default;  // no parameters
  // In the order of the parameters. invalid_argument: overlapping, not ascending, or beyond kMaxBytes.
  static Result<ParameterLayout> make(std::span<const ParameterPlace> places);

  std::uint32_t bytes() const { return bytes_; }
  std::size_t count() const { return places_.size(); }
  // `values[i]` points at the i-th parameter; `packed` has at least bytes() bytes.
  void pack(void* const* values, std::byte* packed) const;
  // The other way: values[i] points into `packed`, for count() of them.
  void point_into(std::byte* packed, void** values) const {
    for (std::size_t i = 0; i < places_.size(); ++i) values[i] = packed + places_[i].offset;
  }

 private:
  std::vector<ParameterPlace> places_;
  std::uint32_t bytes_ = 0;
};

// The `extra` array of a launch: pairs of a key and its value, ended by 0. Keys as in cuda.h.
inline constexpr std::uintptr_t kExtraEnd = 0, kExtraPointer = 1, kExtraSize = 2;
struct PackedArguments {
  const std::byte* data = nullptr;
  std::size_t bytes = 0;
};
// Empty: a key that is not known, no end within a few pairs, a size without a pointer, or too many bytes. Then the call is not queued.
std::optional<PackedArguments> read_extra(void* const* extra);

// Memory for the arguments of one stream's queue: given out and taken back in the same order. Bounded; no allocation after construction.
// Not for more than one thread.
class ArgumentRing {
 public:
  explicit ArgumentRing(std::uint32_t capacity_bytes)
      : capacity_(capacity_bytes / kAlign * kAlign), memory_(std::make_unique<std::byte[]>(capacity_)) {}

  static constexpr std::uint32_t kAlign = 16;
  // Null: no room now, or ever if `bytes` exceeds the capacity.
  std::byte* take(std::uint32_t bytes);
  // The oldest piece that has not been given back; pieces of 0 bytes take no room and need not be given back.
  void give_back(std::uint32_t bytes);
  bool empty() const { return used_ == 0; }

 private:
  static constexpr std::uint32_t rounded(std::uint32_t bytes) { return (bytes + kAlign - 1) / kAlign * kAlign; }

  std::uint32_t capacity_;
  std::unique_ptr<std::byte[]> memory_;
  std::uint32_t head_ = 0, tail_ = 0;  // oldest piece, next free byte
  std::uint32_t used_ = 0;             // with what is left over at the end
  std::uint32_t end_ = 0;              // where the pieces before the wrap end; 0: not wrapped
};

}  // namespace lithos::cuda
