// SPDX-License-Identifier: Apache-2.0
// The daemon's reports as JSON: what `lithos status` and its relatives show. Units are in the names; members are only
// ever added.
#pragma once

#include <vector>

#include "daemon/engine_room.hpp"
#include "daemon/json.hpp"
#include "daemon/policy_manager.hpp"
#include "observe/plugin_thread.hpp"

namespace lithos {

const char* name_of(TenantClass tenant_class);  // as configurations write it
Json to_json(const SessionReport& session);
Json to_json(const PolicyManagerReport& policies);
Json to_json(const std::vector<std::pair<std::string, PluginReport>>& plugins);
Json to_json(const ChangeReport& report);
Json to_json(const QuarantinedLibrary& library);

}  // namespace lithos
