// SPDX-License-Identifier: Apache-2.0
#include "daemon/supervisor.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "daemon/clock.hpp"

namespace lithos {
namespace {

constexpr Nanoseconds kShortLife{1'000'000'000};
constexpr int kShortLivesAtOnce = 5;  // restarts without a pause
// Afterwards: short enough that tenants are served again within a second, on a busy machine too; long enough that a daemon that cannot live
// costs a fraction of one processor.
constexpr timespec kPause{0, 100'000'000};
constexpr int kLastOrderlyCode = 3;   // usage and configuration errors do not get better by trying again

volatile sig_atomic_t child_pid = 0;
volatile sig_atomic_t asked_to_stop = 0;

void pass_on(int signal) {
  if (signal != SIGHUP) asked_to_stop = 1;
  if (child_pid > 0) ::kill(child_pid, signal);
}

}  // namespace

int supervise(const std::function<int()>& daemon) {
  struct sigaction action {};
  action.sa_handler = &pass_on;
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaction(signal, &action, nullptr);
  int short_lives = 0;
  for (;;) {
    const Nanoseconds born = monotonic_now();
    const pid_t supervisor = ::getpid();
    const pid_t child = ::fork();
    if (child < 0) return 1;
    if (child == 0) {
      for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::signal(signal, SIG_DFL);
      ::prctl(PR_SET_PDEATHSIG, SIGTERM);
      if (::getppid() != supervisor) ::_exit(1);
      ::_exit(daemon());
    }
    child_pid = child;
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    child_pid = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) <= kLastOrderlyCode) return WEXITSTATUS(status);
    if (asked_to_stop != 0) return 0;
    std::fprintf(stderr, "lithosd: the daemon ended (%s %d); starting it again\n",
                 WIFSIGNALED(status) ? "signal" : "exit code",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    short_lives = monotonic_now() - born < kShortLife ? short_lives + 1 : 0;
    if (short_lives <= kShortLivesAtOnce) continue;
    ::nanosleep(&kPause, nullptr);
  }
}

}  // namespace lithos
