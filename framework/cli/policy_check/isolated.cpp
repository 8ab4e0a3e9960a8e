// SPDX-License-Identifier: Apache-2.0
#include "cli/policy_check/isolated.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <exception>

namespace lithos {
namespace {

using Clock = std::chrono::steady_clock;

constexpr char kSaid = '\0';  // ends the text: a child that dies after this has said it

[[noreturn]] void be_child(int to_parent, const std::function<std::string()>& work) {
  ::setsid();
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  const int nothing = ::open("/dev/null", O_RDWR);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(nothing, fd);
  if (nothing > STDERR_FILENO) ::close(nothing);
  std::string text;
  try {
    text = work();
  } catch (const std::exception& error) { text = std::string("F") + "an exception left the check: " + error.what(); }
  text += kSaid;
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t n = ::write(to_parent, text.data() + done, text.size() - done);
    if (n <= 0) break;
    done += static_cast<std::size_t>(n);
  }
  ::_exit(0);
}

// Reads until the child has closed its end or the time is over. True: it closed.
bool read_until(int from_child, Clock::time_point deadline, std::string& text) {
  char buffer[4096];
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return false;
    pollfd wait{from_child, POLLIN, 0};
    const int ready = ::poll(&wait, 1, static_cast<int>(left));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return false;
    const ssize_t n = ::read(from_child, buffer, sizeof buffer);
    if (n <= 0) return true;
    text.append(buffer, static_cast<std::size_t>(n));
    if (text.back() == kSaid) return true;
  }
}

}  // namespace

Isolated run_isolated(const std::function<std::string()>& work, Nanoseconds timeout) {
  const auto start = Clock::now();
  Isolated result;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    result.end = Isolated::End::crashed;
    result.text = std::string("no pipe: ") + std::strerror(errno);
    return result;
  }
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    be_child(ends[1], work);
  }
  ::close(ends[1]);
  const bool closed = child > 0 && read_until(ends[0], start + timeout, result.text);
  ::close(ends[0]);
  const bool said = !result.text.empty() && result.text.back() == kSaid;
  int status = 0;
  if (child > 0) {
    if (!closed || said) {
      ::kill(-child, SIGKILL);  // the whole session: what the policy may have started goes too
      ::kill(child, SIGKILL);
    }
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  }
  result.took = std::chrono::duration_cast<Nanoseconds>(Clock::now() - start);
  if (said) {
    result.text.pop_back();
    return result;
  }
  result.end = closed ? Isolated::End::crashed : Isolated::End::timed_out;
  if (WIFSIGNALED(status)) result.text = fmt::format("signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status)));
  else result.text = fmt::format("the process ended itself with exit code {}", WEXITSTATUS(status));
  return result;
}

}  // namespace lithos
