// SPDX-License-Identifier: Apache-2.0
// A GPU's uuid as nvidia-smi writes it; names its TPC map. Pure.
#pragma once

#include <cstdio>
#include <string>

namespace lithos::cuda {

inline std::string uuid_text(const unsigned char (&id)[16]) {
  std::string text = "GPU-";
  for (unsigned i = 0; i < 16; ++i) {
    char byte[3];
    std::snprintf(byte, sizeof byte, "%02x", static_cast<unsigned>(id[i]));
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += byte;
  }
  return text;
}

}  // namespace lithos::cuda
