// SPDX-License-Identifier: Apache-2.0
// What the programs return to the shell; part of their interface (docs/reference/cli.md).
#pragma once

namespace lithos {

enum class ExitCode : int {
  ok = 0,
  failed = 1,       // it started and did not end well
  usage = 2,        // the command line is wrong
  bad_input = 3,    // a configuration is invalid or an input is not there; nothing was started
  unreachable = 4,  // no lithosd answers
  refused = 5,      // lithosd did not do it; what was in force stays in force
};

}  // namespace lithos
