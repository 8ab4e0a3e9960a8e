// SPDX-License-Identifier: Apache-2.0
// libFuzzer over the cubin reader and the prelude patcher: whatever the bytes are, what is read lies inside them, and a refusal changes
// nothing. Seeds: tests/fuzz/corpus/cubin.
#include <cstdlib>
#include <cstring>
#include <vector>

#include "cuda/atoms/cubin.hpp"
#include "cuda/atoms/prelude_patch.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lithos::cuda;
  const std::span<const std::byte> file = std::as_bytes(std::span(data, size));
  const auto cubin = Cubin::read(file);
  if (!cubin.ok()) return 0;
  for (const CubinSection& section : cubin.value().sections())
    if (section.offset > size || section.size > size - section.offset) std::abort();
  for (const CubinSection& section : cubin.value().sections()) {
    if (!section.name.starts_with(".text.")) continue;
    std::vector<std::byte> copy(file.begin(), file.end());
    const bool patched = patch_prelude(copy, section.name.substr(6)).ok();
    if (!patched && std::memcmp(copy.data(), data, size) != 0) std::abort();
  }
  return 0;
}
