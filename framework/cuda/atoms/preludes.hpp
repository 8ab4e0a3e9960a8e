// SPDX-License-Identifier: Apache-2.0
// The patched preludes that were built into this library, one cubin for each architecture that the toolkit's ptxas knows, with a manifest.
//
// Load `image` with cuModuleLoadData when a context is created, take the four functions by name, and learn each one's address from the
// descriptor of its own first launch (entry_address.hpp). Empty when LithOS was built without a CUDA Toolkit: then nothing is cut.
// Immutable data; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "executor/block_range.hpp"

namespace lithos::cuda {

// A prelude for each test of block_range.hpp.
inline constexpr std::size_t kPreludeKinds = 4;

struct PreludeManifest {
  BlockTest test{};
  const char* kernel = nullptr;   // its name in the image
  std::uint32_t code_offset = 0;  // in the image
  std::uint32_t code_bytes = 0;
  std::uint32_t entry_offset = 0;   // from the first byte of the code to the first instruction
  std::uint32_t registers = 0;      // per thread, that the launch needs at least
  std::uint32_t constant_bank = 0;  // that the descriptor must name
  std::uint32_t bank_bytes = 0;     // of it, that are read
  std::uint32_t instructions = 0;   // up to the jump
};

struct PreludeImage {
  unsigned sm = 0;
  std::span<const std::byte> image;
  PreludeManifest preludes[kPreludeKinds];
};

std::span<const PreludeImage> built_preludes();

// Null: none was built for it, or it never ran on hardware and is therefore not used. Only sm_90 has run.
const PreludeImage* enabled_prelude(unsigned sm);

inline const PreludeManifest& prelude_of(const PreludeImage& image, BlockTest test) {
  return image.preludes[static_cast<std::size_t>(test)];
}

}  // namespace lithos::cuda
