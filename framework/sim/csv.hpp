// SPDX-License-Identifier: Apache-2.0
// One line of a CSV file as fields: quoted fields may hold commas, "" inside quotes is a quote. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lithos {

// Splits `line` into `fields` (reused between calls). Returns an empty string, or what is wrong with the line:
// "quoted field that starts in column 3 has no closing quote".
std::string split_csv_line(std::string_view line, std::vector<std::string>& fields);

}  // namespace lithos
