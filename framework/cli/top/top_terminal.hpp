// SPDX-License-Identifier: Apache-2.0
// The terminal while `lithos top` has it: no line editing, no echo, the other screen; as it was again at the end, also
// after an interrupt or a termination signal. Plain ANSI sequences: works over ssh and in tmux, needs no terminal
// database. One in a process; one thread.
#pragma once

#include <termios.h>

#include <cstddef>
#include <string>
#include <vector>

#include "base/time.hpp"

namespace lithos {

class TopTerminal {
 public:
  TopTerminal();  // takes standard input and output
  ~TopTerminal();
  TopTerminal(const TopTerminal&) = delete;
  TopTerminal& operator=(const TopTerminal&) = delete;

  // Both are terminals.
  static bool possible();

  struct Size {
    std::size_t columns = 80, rows = 24;
  };
  Size size() const;
  void draw(const std::vector<std::string>& lines);
  // The next key within this time: its character; 0: none; -1: the program is to end (signal, end of input).
  int key(Nanoseconds at_most);

 private:
  termios before_{};
};

}  // namespace lithos
