// SPDX-License-Identifier: Apache-2.0
// Programs that a command starts: detached ones that outlive it, and ones that it talks to, a line at a time. Nothing waits without a
// limit. Errors: unavailable. One thread at a time.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/status.hpp"
#include "base/time.hpp"
#include "ipc/fd.hpp"

namespace lithos {

using EnvironmentChanges = std::map<std::string, std::string>;  // "" removes

struct Launch {
  std::vector<std::string> command;  // the program is looked for on the PATH
  EnvironmentChanges environment = {};  // against this process's own
  std::string folder = {};           // to start in; empty: this process's
  std::string log = {};              // what it writes is appended there; empty: thrown away
  bool talks = false;                // its stdin and stdout are ours; only stderr goes to the log
  bool detached = false;             // not ended with this object
  bool own_session = false;          // Ctrl-C at our terminal is not for it; every detached one has its own
};

// For a signal handler: hear(…, interruptible), now or the next time, is answered "interrupted" until was_interrupted() is asked.
void interrupt_wait();
// Whether that happened since the last call.
bool was_interrupted();

// A process that may be somebody else's child: its number, and when it started, because numbers come again.
struct ProcessMark {
  pid_t pid = 0;
  std::uint64_t started = 0;  // clock ticks after boot
};
std::optional<ProcessMark> mark_of(pid_t pid);  // empty: there is none
bool is_running(const ProcessMark& process);
// Sends the signal and waits for the end. True: it has ended, or had before.
bool end_process(const ProcessMark& process, int signal, Nanoseconds at_most);
std::string name_of_process(pid_t pid);  // "python3"; "?" where it is not known

class ChildProcess {
 public:
  static Result<ChildProcess> start(const Launch& launch);
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;
  ~ChildProcess();  // a child that is not detached and still runs is killed

  pid_t pid() const { return pid_; }
  int pid_fd() const { return pid_fd_.get(); }  // readable when it has ended
  // The exit code, or 128 and the signal; empty: it runs still.
  std::optional<int> wait(Nanoseconds at_most);
  void signal(int number) const;

  // `talks` only.
  Status say(const std::string& line);
  void close_input() { input_.reset(); }  // no more lines will come
  Result<std::string> hear(Nanoseconds at_most, bool interruptible = false);  // a line, without its end

 private:
  ChildProcess() = default;

  pid_t pid_ = -1;
  bool detached_ = false;
  std::optional<int> ended_;
  ipc::Fd pid_fd_, input_, output_;
  std::string heard_;
};

// Runs a program with `input` on its stdin until it ends. Its stdout; unavailable: it could not be started, did not end in time (it is
// killed then), or ended with another code than 0, with the last line it wrote.
Result<std::string> output_of(const Launch& launch, const std::string& input, Nanoseconds at_most);

}  // namespace lithos
