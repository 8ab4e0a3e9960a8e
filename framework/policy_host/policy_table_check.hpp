// SPDX-License-Identifier: Apache-2.0
// Is a table handed over by a policy or plugin usable? Checked once at load, so that nothing later needs to doubt it:
// sizes, kinds, ids, mandatory operations, parameter and metric tables. Pure functions; any thread.
// Messages name what was found and what was expected, without the library's path: the caller prepends it.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.hpp"
#include "lithos/policy_abi.h"
#include "lithos/service_abi.h"

namespace lithos {

// The library table and everything below it.
Status check_policy_library(const lithos_policy_library* library);

// One policy and everything below it.
Status check_policy(const lithos_policy* policy);

// A plugin library's table and everything below it.
Status check_service_library(const lithos_service_library* library);

// Shared by both. `owner` is how messages call the one who declares them: "policy org.example.fair".
Status check_params(const std::string& owner, const lithos_param* const* params, std::uint32_t count);
Status check_metrics(const std::string& owner, const lithos_metric* const* metrics, std::uint32_t count);

}  // namespace lithos
