// SPDX-License-Identifier: Apache-2.0
// Small things that both kinds of file (configurations, kernel rules) need. Internal to framework/config.
#pragma once

#include <string>
#include <vector>

#include "config/config.hpp"

namespace lithos {

// The whole file. not_found (with names near to it) or invalid_argument (a folder, unreadable, larger than
// `most`).
inline constexpr std::size_t kMaxConfigBytes = 16 << 20;
Result<std::string> read_text_file(const std::string& path, std::size_t most = kMaxConfigBytes);

// In the order of the file, as a person works through them.
void sort_by_position(std::vector<Diagnostic>& diagnostics);

}  // namespace lithos
