// SPDX-License-Identifier: Apache-2.0
// What `lithos policy describe` and `lithos policy check` found, as JSON for machines. Fields are only ever added.
#pragma once

#include <string>
#include <vector>

#include "cli/policy_check/check.hpp"
#include "cli/policy_facts.hpp"

namespace lithos {

std::string to_json(const std::vector<LibraryFacts>& libraries);
std::string to_json(const std::string& file, std::uint64_t seed, const std::vector<Finding>& findings);

}  // namespace lithos
