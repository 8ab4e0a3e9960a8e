// SPDX-License-Identifier: Apache-2.0
// Files that a command was asked to write. `option` ("--json") begins each message. Any thread.
#pragma once

#include <cstddef>
#include <string>

#include "base/status.hpp"
#include "cli/console.hpp"

namespace lithos {

// As much as a command reads of what another one wrote.
inline constexpr std::size_t kMaxResultBytes = std::size_t{1} << 30;

// Found out before the work, not after it. "" (none wanted) and "-" (standard output) are fine.
Status check_writable(const std::string& path, const std::string& option);
// "-": to console.out.
Status write_output(const std::string& path, const std::string& text, const std::string& option, Console& console);

}  // namespace lithos
