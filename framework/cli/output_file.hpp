// SPDX-License-Identifier: Apache-2.0
// Files that a command was asked to write. `option` ("--json") begins each message. Any thread.
#pragma once

#include <string>

#include "base/status.hpp"
#include "cli/console.hpp"

namespace lithos {

// Found out before the work, not after it. "" (none wanted) and "-" (standard output) are fine.
Status check_writable(const std::string& path, const std::string& option);
// "-": to console.out.
Status write_output(const std::string& path, const std::string& text, const std::string& option, Console& console);

}  // namespace lithos
