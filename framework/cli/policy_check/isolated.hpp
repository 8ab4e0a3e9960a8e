// SPDX-License-Identifier: Apache-2.0
// Runs a function in a process of its own, so that a crash, a hang or a mess in it concerns nobody else.
//
// The child is a fork of this process and gets its own session, no core file and an empty input; it says one text and
// ends without running exit handlers. On timeout it and everything it started is killed.
// Threads    Call from a process with one thread.
#pragma once

#include <functional>
#include <string>

#include "base/status.hpp"
#include "base/time.hpp"

namespace lithos {

struct Isolated {
  enum class End { said, crashed, timed_out };
  End end = End::said;
  std::string text;  // what the function returned; after a crash: "signal 11 (Segmentation fault)"
  Nanoseconds took{0};
};

Isolated run_isolated(const std::function<std::string()>& work, Nanoseconds timeout);

}  // namespace lithos
