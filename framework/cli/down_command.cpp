// SPDX-License-Identifier: Apache-2.0
// lithos down: ends what `lithos up` has started, tenants' programs first, then lithosd, then MPS.
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>

#include "cli/commands.hpp"
#include "cli/installation.hpp"
#include "cli/up/lithosd_process.hpp"
#include "cli/up/up_state.hpp"
#include "daemon/admin_client.hpp"

namespace lithos {
namespace {

namespace fs = std::filesystem;

constexpr Nanoseconds kAnswerLimit{5'000'000'000};

struct Attached {
  std::string name;  // "tenant hp (process 12)"
  pid_t pid = 0;
  bool on_mps = false;
};

void add_tenants(const std::string& run, std::vector<Attached>& found) {
  Result<AdminClient> admin = AdminClient::connect(run + "/admin.sock");
  if (!admin.ok()) return;
  const Result<Json> tenants = admin->ask("tenants", Json::object(), kAnswerLimit);
  if (!tenants.ok()) return;
  for (const Json& one : tenants.value().items_or_none()) {
    const auto pid = static_cast<pid_t>(one.integer_of("pid"));
    found.push_back({fmt::format("tenant {} (process {})", one.text_of("name"), pid), pid, false});
  }
}

void add_clients(const MpsFolders& folders, std::vector<Attached>& found) {
  const Result<std::vector<pid_t>> clients = mps_clients(folders);
  if (!clients.ok()) return;
  for (const pid_t pid : clients.value()) {
    const auto known = std::find_if(found.begin(), found.end(), [&](const Attached& one) { return one.pid == pid; });
    if (known != found.end()) known->on_mps = true;
    else found.push_back({fmt::format("{} (process {}, on MPS)", name_of_process(pid), pid), pid, true});
  }
}

std::vector<Attached> who_is_attached(const std::string& run, const UpState& state) {
  std::vector<Attached> found;
  add_tenants(run, found);
  if (state.mps) add_clients(*state.mps, found);
  return found;
}

std::string names_of(const std::vector<Attached>& all) {
  std::vector<std::string> names;
  for (const Attached& one : all) names.push_back(one.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

// MPS cannot end under its clients: a client killed in the middle of a kernel would take all others with it (GPU.md §8).
Status end_clients(const std::vector<Attached>& all) {
  for (const Attached& one : all) {
    const std::optional<ProcessMark> mark = one.on_mps ? mark_of(one.pid) : std::nullopt;
    if (mark && !end_process(*mark, SIGTERM, kLithosdEndLimit))
      return unavailable(one.name + " does not end on SIGTERM; end it, then lithos down again");
  }
  return {};
}

Status end_all(const std::string& run, const UpState& state, Console& console) {
  if (is_running(state.lithosd)) {
    if (!end_lithosd(state.lithosd, kLithosdEndLimit))
      return unavailable(fmt::format("lithosd (process {}) does not end; see {}", state.lithosd.pid, state.log));
    console.out << fmt::format("lithosd   process {} ended\n", state.lithosd.pid);
  }
  if (state.mps) {
    if (Status ended = quit_mps(*state.mps); !ended.ok()) return ended;
    console.out << fmt::format("mps       {} ended\n", state.mps->pipe);
  }
  std::error_code ignored;
  for (const char* name : {"/tenants.sock", "/admin.sock", "/mps/pipe"}) fs::remove_all(run + name, ignored);
  fs::remove(state_file(run), ignored);
  return {};
}

ExitCode nothing_is_up(const std::string& run, const Status& why, Console& console) {
  if (why.code() == StatusCode::invalid_argument) {
    console.err << "lithos down: " << why.message() << "\n";
    return ExitCode::failed;
  }
  if (AdminClient::connect(run + "/admin.sock").ok()) {
    console.err << fmt::format("lithos down: {}: a lithosd answers there that lithos up did not start: end it as it was started\n", run);
    return ExitCode::failed;
  }
  console.out << fmt::format("nothing is up at {}\n", run);
  return ExitCode::ok;
}

}  // namespace

ExitCode run_down(const DownArguments& arguments, Console& console) {
  const std::string run = fs::absolute(run_folder(arguments.run_folder)).string();
  const Result<UpState> state = read_state(run);
  if (!state.ok()) return nothing_is_up(run, state.status(), console);
  const std::vector<Attached> attached = who_is_attached(run, state.value());
  if (!attached.empty() && !arguments.force) {
    console.err << fmt::format("lithos down: attached: {}\n{:<10} → end them first, or lithos down --force\n", names_of(attached), "");
    return ExitCode::refused;
  }
  Status ended = end_clients(attached);
  if (ended.ok()) ended = end_all(run, state.value(), console);
  if (ended.ok()) return ExitCode::ok;
  console.err << "lithos down: " << ended.message() << "\n";
  return ExitCode::failed;
}

}  // namespace lithos
