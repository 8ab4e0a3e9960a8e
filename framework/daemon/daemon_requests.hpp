// SPDX-License-Identifier: Apache-2.0
// Values of the admin protocol as the daemon understands them. Pure; any thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/status.hpp"
#include "daemon/json.hpp"
#include "daemon/policy_manager.hpp"

namespace lithos {

// {"slice": "250us", "picks": 4} as a configuration would say it. Members that are no scalars are left out.
std::map<std::string, RawValue> params_from_json(const Json& object);

// {"changes": [{"kind": "scheduler", "policy": "tpc_borrowing", "path": "…", "params": {…}}, …]}
Result<std::vector<PolicyChange>> changes_from_json(const Json& arguments);

}  // namespace lithos
