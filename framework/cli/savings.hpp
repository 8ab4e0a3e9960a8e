// SPDX-License-Identifier: Apache-2.0
// What a set of policies saves and costs against another, run by run with the same arrivals: `lithos bench rightsize` and `dvfs`. Pure.
//
//   capacity    TPCs that launches were confined to, averaged over the time they ran (the paper's metric, §8.2)
//   TPC time    TPCs times time per request: what others may have instead
//   service     from hand-over to completion; its inverse is the rate that can be sustained
// Changes are shares: 0.03 is 3 % more. Of tenants, the latency-critical one counts.
#pragma once

#include <string>
#include <vector>

#include "cli/experiment.hpp"
#include "sim/device_model.hpp"
#include "sim/estimate.hpp"

namespace lithos {

struct Savings {
  std::string case_name, set;  // set: with its settings, "marginal slip=1.1"; case_name empty: the mean over the cases
  Estimate capacity_saved, tpc_time_saved, p50_change, p99_change, service_change, throughput_change, energy_saved;
  Estimate mean_clock_mhz, worst_slip_10s;
};

// Every set but the baseline, case by case in the order of the file; then, for each set, the mean over the cases.
std::vector<Savings> savings_against(const Experiment& experiment, const std::string& baseline);

// Mean energy saved by a set over all cases and seeds if a constant of the power model were another.
struct ConstantChange {
  std::string constant;  // "compute_power_w"
  double factor = 1;
  double energy_saved = 0;
};
// Each constant of the power model times 0.7 and 1.3, in the order of DeviceModel.
std::vector<ConstantChange> energy_by_constants(const Experiment& experiment, const std::string& baseline,
                                                const std::string& set, const GpuShape& gpu);

}  // namespace lithos
