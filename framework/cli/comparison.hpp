// SPDX-License-Identifier: Apache-2.0
// The comparison that `lithos sim` ends with: one row per policy set where one latency-critical tenant shares with at
// most one other, else one row per set and tenant. Fits 110 columns.
#pragma once

#include <string>
#include <vector>

#include "config/config.hpp"
#include "sim/report.hpp"

namespace lithos {

// Title, table, and what the columns mean. `reports` in the order of their rows.
std::string render_comparison(const Config& config, const std::vector<SetReport>& reports, bool colour);

// Warnings, policy faults and lost records of the runs, one line each; empty when all went well.
std::string render_notes(const std::vector<SetReport>& reports, bool colour);

// Share of a tenant's launches that ran where a policy put them: all but those left alone (DESIGN.md §5.7). 0 without
// launches.
double covered_share(const TenantReport& tenant);

// For cells: three significant digits, at most two decimals ("1.65", "12.3", "3598"); "12.3k", "1.20M"; "99.95%".
std::string short_number(double value);
std::string short_count(std::uint64_t count);
std::string short_percent(double share);

}  // namespace lithos
