// SPDX-License-Identifier: Apache-2.0
// The reports as JSON, for machines: every field with its unit in its name. The same seed gives the same bytes, so
// wall-clock time is left out. Fields are only ever added. report_json.cpp is the only file that knows the JSON
// library.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cli/summary.hpp"
#include "config/config.hpp"
#include "sim/report.hpp"

namespace lithos {

std::string to_json(const Config& config, const std::vector<SetReport>& reports);
// Several seeds, cases or sweeps: "sets" has every run, "summary" the means and intervals of each set.
std::string to_json(const Config& config, const std::vector<GroupSummary>& summaries);
// `lithos bench policies`: summaries of several files, without the runs.
std::string to_json(const std::vector<std::pair<std::string, std::vector<GroupSummary>>>& experiments);

}  // namespace lithos
