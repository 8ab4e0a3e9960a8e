// SPDX-License-Identifier: Apache-2.0
#include "cli/top/top_terminal.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

namespace lithos {
namespace {

constexpr const char* kEnter = "\x1b[?1049h\x1b[?25l\x1b[2J";  // the other screen, no cursor, empty
constexpr const char* kLeave = "\x1b[?25h\x1b[?1049l";

volatile std::sig_atomic_t ending = 0;

void write_all(const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t wrote = ::write(STDOUT_FILENO, text.data() + done, text.size() - done);
    if (wrote < 0 && errno != EINTR) return;
    done += wrote > 0 ? static_cast<std::size_t>(wrote) : 0;
  }
}

void catch_signals() {
  struct sigaction action {};
  action.sa_handler = [](int) { ending = 1; };  // no SA_RESTART: the wait for a key ends
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(signal, &action, nullptr);
  action.sa_handler = [](int) {};  // the wait ends, and the screen is drawn in its new size
  ::sigaction(SIGWINCH, &action, nullptr);
}

}  // namespace

bool TopTerminal::possible() { return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1; }

TopTerminal::TopTerminal() {
  ::tcgetattr(STDIN_FILENO, &before_);
  termios raw = before_;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  raw.c_cc[VMIN] = 0;
  raw.c_cc[VTIME] = 0;
  catch_signals();
  ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  write_all(kEnter);
}

TopTerminal::~TopTerminal() {
  write_all(kLeave);
  ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
}

TopTerminal::Size TopTerminal::size() const {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {};
  return {size.ws_col, size.ws_row};
}

// Over what was there, so that nothing flickers; each line is cleared behind its text.
void TopTerminal::draw(const std::vector<std::string>& lines) {
  std::string out = "\x1b[H";
  for (std::size_t i = 0; i < lines.size(); ++i) out += lines[i] + "\x1b[K" + (i + 1 < lines.size() ? "\r\n" : "");
  write_all(out + "\x1b[J");
}

int TopTerminal::key(Nanoseconds at_most) {
  if (ending != 0) return -1;
  pollfd input{STDIN_FILENO, POLLIN, 0};
  const auto ms = static_cast<int>(std::clamp<std::int64_t>(at_most.count() / 1'000'000, 0, 60'000));
  const int ready = ::poll(&input, 1, ms);
  if (ending != 0) return -1;
  if (ready <= 0) return 0;
  char key = 0;
  const ssize_t got = ::read(STDIN_FILENO, &key, 1);
  if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) return -1;  // nobody is there any more
  return got > 0 ? static_cast<unsigned char>(key) : 0;
}

}  // namespace lithos
