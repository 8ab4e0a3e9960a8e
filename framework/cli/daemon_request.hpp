// SPDX-License-Identifier: Apache-2.0
// What a person types after `lithos policy swap`, `params set`, `config apply` and so on, as the arguments of the request to lithosd.
// Pure; any thread.
#pragma once

#include "base/status.hpp"
#include "cli/command_line.hpp"
#include "daemon/json.hpp"

namespace lithos {

// invalid_argument: the words are not what the request takes.
Result<Json> request_arguments(const DaemonArguments& arguments);

}  // namespace lithos
