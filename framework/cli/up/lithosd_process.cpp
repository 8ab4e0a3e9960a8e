// SPDX-License-Identifier: Apache-2.0
#include "cli/up/lithosd_process.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "cli/exit_code.hpp"
#include "cli/installation.hpp"
#include "daemon/admin_client.hpp"
#include "daemon/clock.hpp"

namespace lithos {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLogLinesShown = 3;
constexpr Nanoseconds kPingLimit{5'000'000'000};

// Where a daemon says READY=1, as systemd would be told.
class ReadySocket {
 public:
  ReadySocket() : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    // Abstract, with a name that the kernel gives: nothing lies about afterwards, nobody else has it.
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socklen_t size = offsetof(sockaddr_un, sun_path);
    if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(sa_family_t)) != 0) return;
    size = sizeof address;
    if (::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) return;
    name_ = "@" + std::string(address.sun_path + 1, size - offsetof(sockaddr_un, sun_path) - 1);
  }
  const std::string& name() const { return name_; }  // for NOTIFY_SOCKET; empty: none could be made

  // False: the child ended before, or the time is over.
  bool wait(const ChildProcess& child, Nanoseconds at_most) {
    const Nanoseconds until = monotonic_now() + at_most;
    for (;;) {
      const Nanoseconds left = until - monotonic_now();
      std::array<pollfd, 2> wait{{{socket_.get(), POLLIN, 0}, {child.pid_fd(), POLLIN, 0}}};
      if (left.count() <= 0 || ::poll(wait.data(), wait.size(), static_cast<int>(left.count() / 1'000'000) + 1) == 0) return false;
      if ((wait[0].revents & POLLIN) != 0) {
        char text[512];
        const ssize_t got = ::recv(socket_.get(), text, sizeof text, 0);
        if (got > 0 && std::string_view(text, static_cast<std::size_t>(got)).find("READY=1") != std::string_view::npos) return true;
      } else if (wait[1].revents != 0) {
        return false;
      }
    }
  }

 private:
  ipc::Fd socket_;
  std::string name_;
};

std::string last_lines(const std::string& path, std::streamoff from) {
  std::ifstream file(path);
  file.seekg(from);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  if (lines.size() > kLogLinesShown) lines.erase(lines.begin(), lines.end() - kLogLinesShown);
  return fmt::format("{}", fmt::join(lines, "\n"));
}

std::vector<std::string> command_of(const LithosdOptions& options) {
  std::vector<std::string> words{installed_program("lithosd"), "--supervise", "--config",    options.config,
                                 "--device",                   options.device, "--run-dir",   options.run_folder,
                                 "--state-dir",                options.state_folder, "--log-format", "text"};
  if (!options.set.empty()) words.insert(words.end(), {"--set", options.set});
  for (const std::string& folder : options.policy_path) words.insert(words.end(), {"--policy-path", folder});
  return words;
}

Status ping(const std::string& run_folder) {
  Result<AdminClient> admin = AdminClient::connect(run_folder + "/admin.sock");
  return admin.ok() ? admin->ask("ping", Json::object(), kPingLimit).status() : admin.status();
}

}  // namespace

Result<ProcessMark> start_lithosd(const LithosdOptions& options) {
  ReadySocket ready;
  if (ready.name().empty()) return unavailable(std::string("no socket: ") + std::strerror(errno));
  std::error_code error;
  fs::create_directories(options.run_folder, error);
  const auto log_before = static_cast<std::streamoff>(fs::exists(options.log, error) ? fs::file_size(options.log, error) : 0);
  Result<ChildProcess> child = ChildProcess::start(
      {.command = command_of(options),
       // The watchdog of somebody who watches us is not for it.
       .environment = {{"NOTIFY_SOCKET", ready.name()}, {"WATCHDOG_USEC", ""}, {"WATCHDOG_PID", ""}, {"JOURNAL_STREAM", ""}},
       .log = options.log,
       .detached = true});
  if (!child.ok()) return child.status();
  const std::optional<ProcessMark> mark = mark_of(child->pid());
  const bool said = ready.wait(*child, options.ready_within);
  const Status answers = said ? ping(options.run_folder) : Status{};
  if (said && answers.ok() && mark) return *mark;
  const std::optional<int> code = child->wait(Nanoseconds{0});
  if (!code && mark) end_process(*mark, SIGTERM, kPingLimit);
  const std::string why = code   ? fmt::format("ended with {}", *code)
                          : said ? answers.message()
                                 : fmt::format("was not ready within {:.0f} s", to_seconds(options.ready_within));
  const std::string text = fmt::format("{}; its log, {}, ends:\n{}", why, options.log, last_lines(options.log, log_before));
  return code == static_cast<int>(ExitCode::bad_input) ? invalid_argument(text) : unavailable(text);
}

bool end_lithosd(const ProcessMark& supervisor, Nanoseconds at_most) {
  return end_process(supervisor, SIGTERM, at_most);
}

}  // namespace lithos
