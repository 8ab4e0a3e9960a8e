// SPDX-License-Identifier: Apache-2.0
// This machine's TPC map: the one that `lithos calibrate` keeps, or a new one. What touches the GPU does so in processes of their own and
// outside MPS, which numbers SMs anew. Errors: unavailable, with the reason. Main thread.
#pragma once

#include <string>

#include "base/status.hpp"
#include "base/time.hpp"

namespace lithos {

struct TpcMapFile {
  std::string path, uuid;
  bool measured = false;  // now, in `took`; else it was there
  Nanoseconds took{0};
};

// `output` empty: kept by the GPU's uuid, for find_or_measure_map().
Result<TpcMapFile> measure_map(int device, const std::string& output, Nanoseconds at_most);
Result<TpcMapFile> find_or_measure_map(int device, Nanoseconds at_most);

}  // namespace lithos
