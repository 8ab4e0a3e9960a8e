// SPDX-License-Identifier: Apache-2.0
#include "cli/policy_check/system_call_trap.hpp"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>

namespace lithos {
namespace {

volatile long trapped = -1;

void note(int, siginfo_t* info, void*) {
  if (trapped < 0) trapped = info->si_syscall;
}

constexpr std::array kAllowed{SYS_write, SYS_exit,          SYS_exit_group, SYS_rt_sigreturn, SYS_brk,
                              SYS_mmap,  SYS_munmap,        SYS_mremap,     SYS_madvise,      SYS_mprotect,
                              SYS_futex, SYS_clock_gettime, SYS_sched_yield};

}  // namespace

bool trap_system_calls() {
  struct sigaction action {};
  action.sa_sigaction = &note;
  action.sa_flags = SA_SIGINFO;
  if (::sigaction(SIGSYS, &action, nullptr) != 0) return false;

  std::array<sock_filter, 2 * kAllowed.size() + 2> program{};
  std::size_t at = 0;
  program[at++] = BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr));
  for (const long number : kAllowed) {
    program[at++] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(number), 0, 1);
    program[at++] = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  }
  program[at++] = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP);
  const sock_fprog filter{static_cast<unsigned short>(at), program.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

long first_trapped_call() { return trapped; }

}  // namespace lithos
