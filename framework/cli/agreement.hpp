// SPDX-License-Identifier: Apache-2.0
// What a simulation says against what was measured: the sets of one configuration on the virtual GPU, beside the rows of the same names
// in a result of `lithos bench colocate`.
#pragma once

#include <string>
#include <vector>

#include "base/status.hpp"
#include "config/config.hpp"
#include "sim/report.hpp"

namespace lithos {

// A tenant of a way, as it was measured; 0: not known.
struct MeasuredTenant {
  std::string way, tenant;
  double rate_per_s = 0;  // of the tenant whose rate the way was measured at
  double service_p50_ms = 0, p50_ms = 0, p99_ms = 0;
  double per_s = 0;  // requests done, or iterations of a closed loop
};

// invalid_argument: not such a result.
Result<std::vector<MeasuredTenant>> read_measured(const std::string& result_json);

// How far a simulation may be off before it is marked: medians and rates, and p99.
inline constexpr double kAgreement = 0.15, kAgreementOfTail = 0.25;

// A table with a row per set and tenant that both have, and how many of its figures are off. Where an open tenant arrives at another rate than it
// was measured at there is nothing to compare.
std::string render_agreement(const Config& config, const std::vector<SetReport>& reports, const std::vector<MeasuredTenant>& measured, bool colour);

}  // namespace lithos
