// SPDX-License-Identifier: Apache-2.0
// Which position of the launch descriptor's mask is which TPC of this GPU: measured by switching off one position at a
// time on a grid that fills the GPU and seeing which SMs have nothing to do (GPU.md §3, tests/gpu/probes/tpc_map.cu).
//
// Never leaves a launch without TPCs, takes about a second. calibrate_here() loads the driver and its hook into this
// process for good: call it in one that can be thrown away, with a timeout, outside MPS (which renumbers SMs).
#pragma once

#include <string>
#include <vector>

#include "base/status.hpp"

namespace lithos::cuda {

struct CalibratedTpc {
  unsigned bit = 0;
  int gpc = -1;  // -1: a TPC that no cluster can use
  std::vector<unsigned> sms;
};

struct Calibration {
  std::string uuid;  // "GPU-…", as nvidia-smi says it
  std::string gpu;
  unsigned sms = 0;
  std::vector<CalibratedTpc> tpcs;
};

// From what was seen: for each mask position the SMs that had nothing to do while it was off (empty: no TPC there).
// Errors: internal, if the SMs do not come out as TPCs (an SM in two places, or in none; a TPC of other than two).
Result<Calibration> make_calibration(const std::vector<std::vector<unsigned>>& idle_sms_by_bit, unsigned sms);

// `driver`: path of the real libcuda.so.1. Errors: unavailable (no driver, GPU or hook, with the reason), incompatible
// (a GPU whose descriptors must not be changed), internal.
Result<Calibration> calibrate_here(const std::string& driver, int device);

// What the hook needs, without measuring: loads the driver, initialises it, subscribes, lets go. The GPU's uuid and
// name, for `lithos doctor`. Errors as calibrate_here().
Result<Calibration> try_hook(const std::string& driver, int device);

// The map file: "tpc BIT GPC SM SM" for each TPC, comments before.
std::string to_text(const Calibration& calibration);

}  // namespace lithos::cuda
