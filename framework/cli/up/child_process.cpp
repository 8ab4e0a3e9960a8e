// SPDX-License-Identifier: Apache-2.0
#include "cli/up/child_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "daemon/clock.hpp"

extern char** environ;

namespace lithos {
namespace {

constexpr std::size_t kLineMax = std::size_t{64} << 20;

// Readable once somebody has interrupted, also just before a wait begins: a flag alone would be seen too late.
const int interrupt_event = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

ipc::Fd open_pid(pid_t pid) { return ipc::Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))); }

enum class Ready { yes, no, interrupted };

// yes: something is to be read, or the other end has gone.
Ready wait_for(int fd, Nanoseconds at_most, bool interruptible) {
  const Nanoseconds until = monotonic_now() + at_most;
  for (;;) {
    const Nanoseconds left = std::max(until - monotonic_now(), Nanoseconds{0});
    std::array<pollfd, 2> wait{{{fd, POLLIN, 0}, {interruptible ? interrupt_event : -1, POLLIN, 0}}};
    const int ready = ::poll(wait.data(), wait.size(), static_cast<int>((left.count() + 999'999) / 1'000'000));
    if (ready < 0 && errno == EINTR) continue;
    if (wait[0].revents != 0) return Ready::yes;
    return ready > 0 ? Ready::interrupted : Ready::no;
  }
}
bool readable_within(int fd, Nanoseconds at_most) { return wait_for(fd, at_most, false) == Ready::yes; }

std::vector<std::string> environment_with(const EnvironmentChanges& changes) {
  std::vector<std::string> lines;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string line = *entry;
    if (!changes.contains(line.substr(0, line.find('=')))) lines.push_back(line);
  }
  for (const auto& [key, value] : changes)
    if (!value.empty()) lines.push_back(key + "=" + value);
  return lines;
}

std::vector<char*> pointers_to(std::vector<std::string>& lines) {
  std::vector<char*> pointers;
  for (std::string& line : lines) pointers.push_back(line.data());
  pointers.push_back(nullptr);
  return pointers;
}

// What posix_spawn is told, released at the end.
class SpawnPlan {
 public:
  explicit SpawnPlan(const Launch& launch) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
    if (!launch.folder.empty()) ::posix_spawn_file_actions_addchdir_np(&actions_, launch.folder.c_str());
    const char* log = launch.log.empty() ? "/dev/null" : launch.log.c_str();
    ::posix_spawn_file_actions_addopen(&actions_, STDERR_FILENO, log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (launch.detached || launch.own_session) ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSID);
    if (launch.talks) return;
    ::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions_, STDERR_FILENO, STDOUT_FILENO);
  }
  ~SpawnPlan() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;
  void connect(int ours, int theirs) { ::posix_spawn_file_actions_adddup2(&actions_, ours, theirs); }
  const posix_spawn_file_actions_t* actions() const { return &actions_; }
  const posix_spawnattr_t* attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

}  // namespace

void interrupt_wait() {
  const int before = errno;  // of whoever the signal came between
  const std::uint64_t one = 1;
  (void)!::write(interrupt_event, &one, sizeof one);
  errno = before;
}

bool was_interrupted() {
  std::uint64_t count = 0;
  return ::read(interrupt_event, &count, sizeof count) == sizeof count;
}

std::optional<ProcessMark> mark_of(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string text;
  if (!std::getline(file, text)) return std::nullopt;
  // The name, in brackets, may hold anything; behind it the state is field 3 and the start field 22 (proc(5)).
  std::istringstream rest(text.substr(std::min(text.size(), text.rfind(')') + 1)));
  std::string word;
  ProcessMark mark{pid, 0};
  for (int field = 3; field < 22 && rest >> word; ++field)
    if (field == 3 && word == "Z") return std::nullopt;
  return rest >> mark.started ? std::optional(mark) : std::nullopt;
}

bool is_running(const ProcessMark& process) {
  const std::optional<ProcessMark> now = process.pid > 0 ? mark_of(process.pid) : std::nullopt;
  return now && now->started == process.started;
}

bool end_process(const ProcessMark& process, int signal, Nanoseconds at_most) {
  const ipc::Fd fd = open_pid(process.pid);
  // Looked at after the descriptor was opened: now it cannot become another process any more.
  if (!fd || !is_running(process)) return true;
  ::syscall(SYS_pidfd_send_signal, fd.get(), signal, nullptr, 0);
  return readable_within(fd.get(), at_most);
}

std::string name_of_process(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/comm", pid));
  std::string name;
  return std::getline(file, name) ? name : "?";
}

Result<ChildProcess> ChildProcess::start(const Launch& launch) {
  ChildProcess child;
  child.detached_ = launch.detached;
  SpawnPlan plan(launch);
  ipc::Fd their_input, their_output;
  if (launch.talks) {
    // A socket and not a pipe: writing to somebody who has ended must not raise SIGPIPE in us.
    int to[2], from[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, to) != 0)
      return unavailable(std::string("no socket: ") + std::strerror(errno));
    their_input = ipc::Fd(to[0]);
    child.input_ = ipc::Fd(to[1]);
    if (::pipe2(from, O_CLOEXEC) != 0) return unavailable(std::string("no pipe: ") + std::strerror(errno));
    child.output_ = ipc::Fd(from[0]);
    their_output = ipc::Fd(from[1]);
    plan.connect(their_input.get(), STDIN_FILENO);
    plan.connect(their_output.get(), STDOUT_FILENO);
  }
  std::vector<std::string> words = launch.command, lines = environment_with(launch.environment);
  const std::vector<char*> argv = pointers_to(words), envp = pointers_to(lines);
  const int error = ::posix_spawnp(&child.pid_, argv[0], plan.actions(), plan.attributes(), argv.data(), envp.data());
  if (error != 0) {
    child.pid_ = -1;
    return unavailable(fmt::format("cannot start {}: {}", launch.command.front(), std::strerror(error)));
  }
  child.pid_fd_ = open_pid(child.pid_);
  return child;
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      detached_(other.detached_),
      ended_(other.ended_),
      pid_fd_(std::move(other.pid_fd_)),
      input_(std::move(other.input_)),
      output_(std::move(other.output_)),
      heard_(std::move(other.heard_)) {}

ChildProcess::~ChildProcess() {
  if (pid_ <= 0 || ended_ || detached_) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

std::optional<int> ChildProcess::wait(Nanoseconds at_most) {
  if (ended_ || !readable_within(pid_fd_.get(), at_most)) return ended_;
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {}
  ended_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ended_;
}

void ChildProcess::signal(int number) const {
  if (pid_ > 0 && !ended_) ::kill(pid_, number);
}

Status ChildProcess::say(const std::string& line) {
  const std::string text = line + "\n";
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t n = ::send(input_.get(), text.data() + done, text.size() - done, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return unavailable("it does not listen any more");
    done += static_cast<std::size_t>(n);
  }
  return {};
}

Result<std::string> ChildProcess::hear(Nanoseconds at_most, bool interruptible) {
  const Nanoseconds until = monotonic_now() + at_most;
  for (;;) {
    if (const std::size_t end = heard_.find('\n'); end != std::string::npos) {
      std::string line = heard_.substr(0, end);
      heard_.erase(0, end + 1);
      return line;
    }
    if (heard_.size() > kLineMax) return unavailable("it says a line that does not end");
    const Ready ready = wait_for(output_.get(), until - monotonic_now(), interruptible);
    if (ready == Ready::interrupted) return unavailable("interrupted");
    if (ready == Ready::no) return unavailable(fmt::format("silent for {:.0f} s", to_seconds(at_most)));
    char bytes[16 * 1024];
    const ssize_t got = ::read(output_.get(), bytes, sizeof bytes);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0 && heard_.empty()) return unavailable("it ended");
    if (got <= 0) return std::exchange(heard_, {});
    heard_.append(bytes, static_cast<std::size_t>(got));
  }
}

Result<std::string> output_of(const Launch& launch, const std::string& input, Nanoseconds at_most) {
  const Nanoseconds until = monotonic_now() + at_most;
  Launch talking = launch;
  talking.talks = true;
  Result<ChildProcess> child = ChildProcess::start(talking);
  if (!child.ok()) return child.status();
  // Who does not read its input ends, and its exit code says how: a failure to write says nothing more.
  if (!input.empty()) (void)child->say(input);
  child->close_input();
  std::string text, last;
  for (;;) {
    Result<std::string> line = child->hear(until - monotonic_now());
    if (!line.ok()) break;
    last = line.value();
    text += last + "\n";
  }
  const std::string& program = launch.command.front();
  const std::optional<int> code = child->wait(std::max(until - monotonic_now(), Nanoseconds{0}));
  if (!code) return unavailable(fmt::format("{} did not end within {:.0f} s", program, to_seconds(at_most)));
  if (*code != 0)
    return unavailable(fmt::format("{} ended with {}{}", program, *code, last.empty() ? "" : ": " + last));
  return text;
}

}  // namespace lithos
