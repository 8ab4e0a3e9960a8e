// SPDX-License-Identifier: Apache-2.0
#include "sim/power_model.hpp"

#include <algorithm>

namespace lithos {

double dynamic_power_factor(const DeviceModel& model, double clock_share) {
  const double above = std::max(0.0, clock_share - model.voltage_ridge) / (1 - model.voltage_ridge);
  const double voltage = model.voltage_floor + (1 - model.voltage_floor) * above;
  return clock_share * voltage * voltage;
}

double power_w(const DeviceModel& model, double clock_share, double computing_share, double waiting_share) {
  const double g = dynamic_power_factor(model, clock_share);
  return model.floor_power_w + model.idle_clock_power_w * g + computing_share * model.compute_power_w * g +
         waiting_share * (model.stalled_power_w * g + model.memory_power_w);
}

double energy_j(const DeviceModel& model, const std::vector<ClockUse>& use, std::uint32_t highest_mhz, unsigned tpcs) {
  double joules = 0;
  for (const ClockUse& at : use) {
    if (at.ns <= 0) continue;
    const double share = highest_mhz == 0 ? 1 : static_cast<double>(at.mhz) / highest_mhz;
    const double tpc_ns = at.ns * tpcs;
    joules += power_w(model, share, at.computing_tpc_ns / tpc_ns, at.waiting_tpc_ns / tpc_ns) * at.ns * 1e-9;
  }
  return joules;
}

}  // namespace lithos
