// SPDX-License-Identifier: Apache-2.0
// libFuzzer over launch descriptors: the properties of tests/unit/cuda/patch_properties.hpp, with crashes for failures.
#include <cstdio>
#include <cstdlib>

#include "unit/cuda/patch_properties.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string wrong = lithos::cuda::testing::check_patch(data, size);
  if (!wrong.empty()) {
    std::fprintf(stderr, "%s\n", wrong.c_str());
    std::abort();
  }
  return 0;
}
