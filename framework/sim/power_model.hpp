// SPDX-License-Identifier: Apache-2.0
// What the virtual GPU draws, by its clock and by what its TPCs do: computing, or waiting for what they share.
//
//   power = floor + idle_clock · g + computing · compute · g + waiting · (stalled · g + memory)
//   g     = r · V(r)², r = clock / highest clock, V as in DeviceModel
//
// `computing` and `waiting` are shares of all TPCs; a launch that holds TPCs splits its time between both by the shared part of its
// time curve. Time by clock is all that energy needs, so one run tells the energy under any constants. Pure; any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/device_model.hpp"

namespace lithos {

// Time at one clock, and TPC time of its launches then.
struct ClockUse {
  std::uint32_t mhz = 0;
  double ns = 0;
  double computing_tpc_ns = 0, waiting_tpc_ns = 0;
};

// Dynamic power at a share of the highest clock, against that at the highest: V²f.
double dynamic_power_factor(const DeviceModel& model, double clock_share);

double power_w(const DeviceModel& model, double clock_share, double computing_share, double waiting_share);

double energy_j(const DeviceModel& model, const std::vector<ClockUse>& use, std::uint32_t highest_mhz, unsigned tpcs);

}  // namespace lithos
