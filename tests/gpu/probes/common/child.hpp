// A second process of the same probe, and a page that both share.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

namespace lithos::probe {

// Shared memory by inherited file descriptor; the child finds it through LITHOS_PROBE_FD.
template <class T>
T* create_shared() {
  const int fd = memfd_create("lithos_probe", 0);
  if (fd < 0 || ftruncate(fd, sizeof(T)) != 0) std::abort();
  setenv("LITHOS_PROBE_FD", std::to_string(fd).c_str(), 1);
  return static_cast<T*>(mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
}
template <class T>
T* open_shared() {
  const char* fd = std::getenv("LITHOS_PROBE_FD");
  if (fd == nullptr) std::abort();
  return static_cast<T*>(mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED, std::atoi(fd), 0));
}

// Starts this program again with `arguments` and the given "NAME=value" settings.
inline pid_t start_child(const std::vector<std::string>& arguments, const std::vector<std::string>& settings = {}) {
  const pid_t pid = fork();
  if (pid != 0) return pid;
  for (const auto& s : settings) putenv(strdup(s.c_str()));
  std::vector<char*> argv{strdup("/proc/self/exe")};
  for (const auto& a : arguments) argv.push_back(strdup(a.c_str()));
  argv.push_back(nullptr);
  execv("/proc/self/exe", argv.data());
  _exit(126);
}

// Waits up to `seconds`, then kills. Returns the exit status, -1 when it had to be killed.
inline int end_child(pid_t pid, double seconds) {
  int status = 0;
  for (double t = 0; t < seconds; t += 0.005) {
    if (waitpid(pid, &status, WNOHANG) == pid) return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    usleep(5000);
  }
  kill(pid, SIGKILL);
  waitpid(pid, &status, 0);
  return -1;
}

}  // namespace lithos::probe
