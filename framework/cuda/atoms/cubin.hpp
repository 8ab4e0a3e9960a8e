// SPDX-License-Identifier: Apache-2.0
// A bounded reader of cubins (64-bit little-endian ELF files for NVIDIA GPUs): architecture, and where the code of a kernel lies.
//
// Nothing in the file is believed: every offset, size and name is checked against the file before it is used, counts have limits, and a
// file that breaks a rule is refused with a sentence that says which. Pure, no I/O, no exceptions; the bytes stay the caller's and must
// outlive the reader. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.hpp"

namespace lithos::cuda {

struct CubinSection {
  std::string_view name;  // in the file's bytes
  std::uint32_t type = 0;
  std::uint32_t info = 0;
  std::size_t offset = 0;
  std::size_t size = 0;  // 0 for sections that occupy no file (SHT_NOBITS)
};

class Cubin {
 public:
  static constexpr std::size_t kMaxBytes = std::size_t{256} << 20;
  static constexpr std::size_t kMaxSections = 65'535;

  // invalid_argument: not a cubin, or a damaged one.
  static Result<Cubin> read(std::span<const std::byte> file);

  unsigned sm() const { return sm_; }  // 90 for sm_90
  std::span<const CubinSection> sections() const { return sections_; }
  // Null if there is none of that name.
  const CubinSection* find(std::string_view name) const;
  // `.text.<kernel>`.
  const CubinSection* code_of(std::string_view kernel) const;

 private:
  unsigned sm_ = 0;
  std::vector<CubinSection> sections_;
};

}  // namespace lithos::cuda
