// SPDX-License-Identifier: Apache-2.0
// Observations on disk, so that what predictors and right-sizers knew survives a restart: one line each, tab-separated, behind a line that names
// the format. Operators are hashes of code and shape, so a later process knows them again; tenants are not kept.
//
// Reading never fails half-way: a line that is not sound is skipped, for what is lost is learnt again. Writing replaces the file whole.
// Pure but for the file; any thread.
#pragma once

#include <string>
#include <vector>

#include "base/status.hpp"
#include "lithos/policy_abi.h"

namespace lithos {

Status write_observations(const std::string& path, const std::vector<lithos_observation>& observations);
// Errors: not_found (no such file), incompatible (another format).
Result<std::vector<lithos_observation>> read_observations(const std::string& path);

}  // namespace lithos
