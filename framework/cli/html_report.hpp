// SPDX-License-Identifier: Apache-2.0
// A result of `lithos sim --json` or of any `lithos bench` as one HTML file that loads nothing: the page's
// script and plot library are in it, the result is in it as data. Pure; any thread.
#pragma once

#include <string>

#include "base/status.hpp"

namespace lithos {

// invalid_argument: not JSON, or not a result that a report can be made of; says what it is.
Result<std::string> render_html(const std::string& result_json);

}  // namespace lithos
