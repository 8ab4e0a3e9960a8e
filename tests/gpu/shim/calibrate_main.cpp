// SPDX-License-Identifier: Apache-2.0
// `lithos calibrate` without the program lithos, for a machine that has none of its libraries: the map on stdout.
#include <cstdio>

#include "cuda/calibrate.hpp"

int main(int argc, char** argv) {
  const auto made = lithos::cuda::calibrate_here(argc > 1 ? argv[1] : "libcuda.so.1", 0);
  if (!made.ok()) {
    std::fprintf(stderr, "%s\n", made.status().message().c_str());
    return 1;
  }
  std::fputs(lithos::cuda::to_text(made.value()).c_str(), stdout);
  return 0;
}
