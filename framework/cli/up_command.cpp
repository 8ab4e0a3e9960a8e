// SPDX-License-Identifier: Apache-2.0
// lithos up: TPC map, MPS and lithosd, one after the other; all of them or none.
#include <fmt/format.h>

#include <filesystem>
#include <optional>

#include "cli/commands.hpp"
#include "cli/installation.hpp"
#include "cli/tpc_map.hpp"
#include "cli/up/lithosd_process.hpp"
#include "cli/up/up_state.hpp"
#include "daemon/admin_client.hpp"
#include "daemon/daemon_config.hpp"
#include "daemon/reports.hpp"

namespace lithos {
namespace {

namespace fs = std::filesystem;

struct Failed {
  std::string step, advice;
  Status why;
};

Nanoseconds seconds(std::uint32_t count) { return Nanoseconds{std::int64_t{count} * 1'000'000'000}; }

class BringUp {
 public:
  BringUp(const UpArguments& arguments, Console& console)
      : arguments_(arguments), console_(console), run_(fs::absolute(run_folder(arguments.run_folder)).string()) {}

  // The steps in their order. What failed; empty: everything is up.
  std::optional<Failed> run() {
    for (const auto step : {&BringUp::free_place, &BringUp::map, &BringUp::configuration, &BringUp::mps, &BringUp::lithosd, &BringUp::state})
      if (std::optional<Failed> failed = (this->*step)()) {
        take_back();
        return failed;
      }
    say_next();
    return std::nullopt;
  }

 private:
  void say(const std::string& what, const std::string& found) { console_.out << fmt::format("{:<9} {}\n", what, found) << std::flush; }

  std::optional<Failed> free_place() {
    const Result<UpState> before = read_state(run_);
    if (before.status().code() == StatusCode::invalid_argument) return Failed{"run folder", "", before.status()};
    if (before.ok() && is_running(before.value().lithosd))
      return Failed{"run folder", "lithos status shows it, lithos down ends it",
                    unavailable(fmt::format("{}: is up already, with lithosd as process {}", run_, before.value().lithosd.pid))};
    // What it left of MPS would be in the way, and is ours.
    if (before.ok() && before.value().mps)
      if (Status ended = quit_mps(*before.value().mps); !ended.ok()) return Failed{"run folder", "lithos down", ended};
    if (AdminClient::connect(run_ + "/admin.sock").ok())
      return Failed{"run folder", "end it as it was started, or take another --run-dir",
                    unavailable(run_ + ": a lithosd answers there that lithos up did not start")};
    std::error_code error;
    fs::create_directories(run_, error);
    if (error) return Failed{"run folder", "take a folder of yours: --run-dir DIR, or LITHOS_RUN_DIR", unavailable(run_ + ": " + error.message())};
    return std::nullopt;
  }

  // Before MPS, under which SMs have other numbers.
  std::optional<Failed> map() {
    if (arguments_.device == kVirtualDevice) {
      say("map", "none: the virtual GPU");
    } else if (!arguments_.device.empty()) {
      state_.map = fs::absolute(arguments_.device).string();
      say("map", state_.map);
    } else {
      const Result<TpcMapFile> found = find_or_measure_map(arguments_.gpu, seconds(arguments_.timeout_s));
      if (!found.ok()) return Failed{"map", "lithos doctor says what is missing; --device virtual goes without a GPU", found.status()};
      state_.map = found.value().path;
      say("map", state_.map + (found.value().measured ? fmt::format(" (measured in {:.1f} s)", to_seconds(found.value().took)) : ""));
    }
    return std::nullopt;
  }

  std::optional<Failed> configuration() {
    state_.config = fs::absolute(arguments_.config).string();
    LoadedDaemonConfig loaded = load_daemon_config(state_.config, arguments_.set, state_.map);
    if (loaded.config == nullptr) return Failed{"config", "", invalid_argument(join_lines(loaded.diagnostics))};
    state_.set = loaded.config->set.name;
    state_.tenants = limits_of(loaded.config->config, loaded.config->set, loaded.config->gpu.tpcs);
    return std::nullopt;
  }

  std::optional<Failed> mps() {
    if (const std::string others = mps_of_others(); !others.empty())
      say("note", fmt::format("an MPS of somebody else runs at {}; it is left alone, and its programs take turns with LithOS's tenants", others));
    if (arguments_.no_mps || state_.map.empty()) return say("mps", "none: programs take turns on the GPU"), std::nullopt;
    const MpsFolders folders = mps_folders(run_ + "/mps");
    if (Status started = start_mps(folders); !started.ok())
      return Failed{"mps", "--no-mps goes without: programs then take turns on the GPU", started};
    state_.mps = folders;
    say("mps", folders.pipe);
    return std::nullopt;
  }

  std::optional<Failed> lithosd() {
    state_.state_folder = arguments_.state_folder.empty() ? run_ + "/state" : fs::absolute(arguments_.state_folder).string();
    state_.log = run_ + "/lithosd.log";
    LithosdOptions options{state_.config, state_.set, state_.map.empty() ? kVirtualDevice : state_.map, run_, state_.state_folder,
                           state_.log, {}, seconds(arguments_.timeout_s)};
    for (const std::string& folder : arguments_.policy_path) options.policy_path.push_back(fs::absolute(folder).string());
    const Result<ProcessMark> started = start_lithosd(options);
    if (!started.ok()) return Failed{"lithosd", "lithos config check " + arguments_.config, started.status()};
    state_.lithosd = started.value();
    say("lithosd", fmt::format("process {}, set {}, sockets in {}, log in {}", state_.lithosd.pid, state_.set, run_, state_.log));
    return std::nullopt;
  }

  std::optional<Failed> state() {
    if (Status written = write_state(run_, state_); !written.ok()) return Failed{"run folder", "", written};
    return std::nullopt;
  }

  void take_back() {
    if (state_.lithosd.pid > 0) end_lithosd(state_.lithosd, kLithosdEndLimit);
    if (state_.mps)
      if (Status ended = quit_mps(*state_.mps); !ended.ok()) console_.err << "lithos up: " << ended.message() << "\n";
  }

  void say_next() {
    for (const TenantLimits& tenant : state_.tenants)
      say("tenant", fmt::format("{}, {}{}", tenant.name, name_of(tenant.tenant_class),
                                tenant.thread_limit > 0 ? fmt::format(", at most {:g} % of the SMs", tenant.thread_limit) : ""));
    const std::string place = run_ == fs::absolute(run_folder("")).string() ? "" : " --run-dir " + run_;
    const std::string name = state_.tenants.front().name;
    if (!state_.map.empty()) say("next", fmt::format("lithos run{} --tenant {} -- PROGRAM …", place, name));
    else say("next", fmt::format("lithos-tenant --socket {}/tenants.sock --config {} --name {}", run_, arguments_.config, name));
  }

  const UpArguments& arguments_;
  Console& console_;
  const std::string run_;
  UpState state_;
};

}  // namespace

ExitCode run_up(const UpArguments& arguments, Console& console) {
  const std::optional<Failed> failed = BringUp(arguments, console).run();
  if (!failed) return ExitCode::ok;
  console.err << fmt::format("lithos up: {}: {}\n", failed->step, failed->why.message());
  if (!failed->advice.empty()) console.err << fmt::format("{:<10} → {}\n", "", failed->advice);
  const StatusCode code = failed->why.code();
  return code == StatusCode::invalid_argument || code == StatusCode::not_found ? ExitCode::bad_input : ExitCode::failed;
}

}  // namespace lithos
