// SPDX-License-Identifier: Apache-2.0
// Turns a compiled prelude (prelude.cu) into code that can stand before any kernel: the call becomes an absolute jump, the return
// address is not loaded, and the slot is read from constant bank 6, which the launch descriptor names (docs/design/hardware.md §2). On
// sm_90 the jump reads the entry from that bank itself, which loads less and needs no registers; elsewhere that has not run.
//
// Runs at build time on ptxas' output. It believes nothing about it: each instruction must be one of a short list (instruction.hpp), the
// slot must be read where the source says, and the entry must be what is jumped to. Otherwise the patch is refused with the kernel, the
// offset and the instruction word, and the build stops. Pure; no exceptions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/status.hpp"

namespace lithos::cuda {

inline constexpr unsigned kSourceBank = 3;   // where ptxas puts __constant__ variables
inline constexpr unsigned kPreludeBank = 6;  // free in every launch that was met
inline constexpr unsigned kRegisterGranule = 8;

struct PatchedPrelude {
  std::size_t code_offset = 0;  // in the file; execution starts here
  std::size_t code_bytes = 0;
  unsigned registers = 0;     // the launch needs at least so many per thread: a multiple of kRegisterGranule
  unsigned bank_bytes = 0;    // of the slot, that it reads
  unsigned instructions = 0;  // up to and including the jump
};

// Patches the code of `kernel` in `file`, a cubin, in place. incompatible: the code is not what is expected; `file` is then unchanged.
Result<PatchedPrelude> patch_prelude(std::span<std::byte> file, std::string_view kernel);

// Whether the architecture's instruction encoding is the one in instruction.hpp. What has run on hardware is less: see preludes.hpp.
bool prelude_architecture_known(unsigned sm);

}  // namespace lithos::cuda
