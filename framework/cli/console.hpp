// SPDX-License-Identifier: Apache-2.0
// Where a command writes: data to `out`, everything else to `err`. Colour and progress only for a person at a
// terminal, and no colour where NO_COLOR says so (no-color.org). Tests hand in string streams.
#pragma once

#include <ostream>
#include <string>
#include <string_view>

namespace lithos {

struct Console {
  std::ostream& out;
  std::ostream& err;
  bool colour = false;         // on out
  bool show_progress = false;  // err is a terminal
};

// stdout and stderr of this process.
Console process_console();

enum class Tone { plain, strong, faint, good, fair, bad };
// `text` in a tone, or as it is without colour.
std::string styled(std::string_view text, Tone tone, bool colour);

// Columns that `text` takes on a terminal (UTF-8; no wide characters are used here).
std::size_t display_width(std::string_view text);

}  // namespace lithos
