// SPDX-License-Identifier: Apache-2.0
// The parts of the HTML report, put into the program when it is built (report/CMakeLists.txt). Constants; any thread.
#pragma once

#include <string_view>

namespace lithos::report_assets {

extern const std::string_view page;  // with {{css}}, {{js}}, {{d3}}, {{d3_license}} and {{result}} to be filled in
extern const std::string_view css;
extern const std::string_view js;
extern const std::string_view d3;
extern const std::string_view d3_license;

}  // namespace lithos::report_assets
