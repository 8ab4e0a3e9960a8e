// SPDX-License-Identifier: Apache-2.0
#include "cli/up/mps_server.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "daemon/clock.hpp"

namespace lithos {
namespace {

namespace fs = std::filesystem;

constexpr const char* kControl = "nvidia-cuda-mps-control";
constexpr const char* kDefaultPipes = "/tmp/nvidia-mps";
constexpr Nanoseconds kMpsAnswerLimit{10'000'000'000};
constexpr Nanoseconds kStartLimit{20'000'000'000};
constexpr Nanoseconds kMpsQuitLimit{30'000'000'000};
constexpr Nanoseconds kFirstLook{2'000'000}, kLongestPause{100'000'000};

Launch control(const MpsFolders& folders, std::vector<std::string> arguments = {}) {
  arguments.insert(arguments.begin(), kControl);
  return {.command = std::move(arguments), .environment = environment_of(folders)};
}

Result<std::string> ask(const MpsFolders& folders, const std::string& command, Nanoseconds at_most = kMpsAnswerLimit) {
  return output_of(control(folders), command, at_most);
}

std::vector<pid_t> numbers_in(const std::string& text) {
  std::vector<pid_t> numbers;
  std::istringstream words(text);
  for (pid_t number = 0; words >> number;) numbers.push_back(number);
  return numbers;
}

std::optional<ProcessMark> control_daemon_of(const std::string& pipe_folder) {
  std::ifstream file(pipe_folder + "/" + kControl + ".pid");
  pid_t pid = 0;
  return file >> pid ? mark_of(pid) : std::nullopt;
}

// NVIDIA's daemon has no signal for "ready": it is asked again, less and less often.
bool eventually_answers(const MpsFolders& folders) {
  const Nanoseconds until = monotonic_now() + kStartLimit;
  for (Nanoseconds pause = kFirstLook; monotonic_now() < until; pause = std::min(2 * pause, kLongestPause)) {
    if (answers(folders)) return true;
    std::this_thread::sleep_for(pause);
  }
  return false;
}

}  // namespace

MpsFolders mps_folders(const std::string& folder) { return {folder + "/pipe", folder + "/log"}; }

EnvironmentChanges environment_of(const MpsFolders& folders) {
  return {{"CUDA_MPS_PIPE_DIRECTORY", folders.pipe}, {"CUDA_MPS_LOG_DIRECTORY", folders.log}};
}

Status start_mps(const MpsFolders& folders) {
  for (const std::string& folder : {folders.pipe, folders.log}) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) return unavailable(folder + ": " + error.message());
  }
  Launch start = control(folders, {"-d"});
  start.log = folders.log + "/start.log";
  start.own_session = true;
  Result<ChildProcess> starter = ChildProcess::start(start);
  if (!starter.ok()) return starter.status();
  const std::optional<int> code = starter->wait(kStartLimit);
  if (code && *code == 0 && eventually_answers(folders)) return {};
  (void)quit_mps(folders);
  return unavailable(fmt::format("{} -d {}; see {}", kControl,
                                 !code        ? "does not come back"
                                 : *code != 0 ? fmt::format("ended with {}", *code)
                                              : "started and does not answer",
                                 folders.log));
}

bool answers(const MpsFolders& folders) { return ask(folders, "get_server_list").ok(); }

Result<std::vector<pid_t>> mps_clients(const MpsFolders& folders) {
  const Result<std::string> servers = ask(folders, "get_server_list");
  if (!servers.ok()) return servers.status();
  std::vector<pid_t> clients;
  for (const pid_t server : numbers_in(servers.value())) {
    const Result<std::string> of_server = ask(folders, fmt::format("get_client_list {}", server));
    if (!of_server.ok()) return of_server.status();
    for (const pid_t client : numbers_in(of_server.value())) clients.push_back(client);
  }
  return clients;
}

Status quit_mps(const MpsFolders& folders) {
  const std::optional<ProcessMark> daemon = control_daemon_of(folders.pipe);
  const Result<std::string> told = ask(folders, "quit", kMpsQuitLimit);
  // It may end before it has answered: what counts is whether it still runs.
  if (daemon && is_running(*daemon) && !end_process(*daemon, 0, kMpsAnswerLimit))
    return unavailable(fmt::format("{} (process {}) does not end{}", kControl, daemon->pid,
                                   told.ok() ? "" : ": " + told.status().message()));
  if (!daemon && answers(folders)) return told.ok() ? unavailable(std::string(kControl) + " answers still") : told.status();
  return {};
}

std::string ambient_pipe_folder() {
  const char* given = std::getenv("CUDA_MPS_PIPE_DIRECTORY");
  return given != nullptr && *given != '\0' ? given : kDefaultPipes;
}

std::string mps_of_others() {
  const std::string folder = ambient_pipe_folder();
  return control_daemon_of(folder) ? folder : "";
}

}  // namespace lithos
