// SPDX-License-Identifier: Apache-2.0
#include "daemon/supervisor.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

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

// Signals are waited for, never caught: a handler would have to know the child at every moment, also between its birth and the note of
// its number, and a request to stop that came just then would be lost for ever.
sigset_t awaited() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) sigaddset(&set, signal);
  return set;
}

// Returns in the parent only. `mask`: the signals that the daemon finds blocked.
pid_t give_birth(const std::function<int()>& daemon, const sigset_t& mask) {
  const pid_t supervisor = ::getpid();
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  ::sigprocmask(SIG_SETMASK, &mask, nullptr);
  if (::getppid() != supervisor) ::_exit(1);
  ::_exit(daemon());
}

// Until the child has ended; what it is told meanwhile is passed on. Returns its status.
int watch_over(pid_t child, const sigset_t& signals, bool& asked_to_stop) {
  for (int status = 0;;) {
    const int signal = ::sigwaitinfo(&signals, nullptr);
    if (signal == SIGCHLD && ::waitpid(child, &status, WNOHANG) == child) return status;
    if (signal <= 0 || signal == SIGCHLD) continue;
    asked_to_stop = asked_to_stop || signal != SIGHUP;
    ::kill(child, signal);
  }
}

}  // namespace

int supervise(const std::function<int()>& daemon) {
  const sigset_t signals = awaited();
  sigset_t before;
  ::signal(SIGCHLD, SIG_DFL);  // ignored, as some parents leave it, children vanish without a word
  ::sigprocmask(SIG_BLOCK, &signals, &before);
  int short_lives = 0;
  for (;;) {
    const Nanoseconds born = monotonic_now();
    const pid_t child = give_birth(daemon, before);
    if (child < 0) return 1;
    bool asked_to_stop = false;
    const int status = watch_over(child, signals, asked_to_stop);
    if (WIFEXITED(status) && WEXITSTATUS(status) <= kLastOrderlyCode) return WEXITSTATUS(status);
    if (asked_to_stop) return 0;
    std::fprintf(stderr, "lithosd: the daemon ended (%s %d); starting it again\n",
                 WIFSIGNALED(status) ? "signal" : "exit code",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    short_lives = monotonic_now() - born < kShortLife ? short_lives + 1 : 0;
    if (short_lives > kShortLivesAtOnce) ::nanosleep(&kPause, nullptr);  // who asks meanwhile is heard by the next one's watch
  }
}

}  // namespace lithos
