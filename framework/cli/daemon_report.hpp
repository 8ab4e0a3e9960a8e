// SPDX-License-Identifier: Apache-2.0
// lithosd's answers as text for a person. Pure. What an answer lacks is left out: older and newer daemons can be
// asked, too.
#pragma once

#include <string>

#include "daemon/json.hpp"

namespace lithos {

// `request` says which answer this is; an answer without a form of its own is shown as JSON.
std::string render_answer(const std::string& request, const Json& answer, bool colour);

}  // namespace lithos
