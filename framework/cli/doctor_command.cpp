// SPDX-License-Identifier: Apache-2.0
// lithos doctor: one line for each thing that LithOS needs on this machine: whether it works, and how to turn it on.
// Whatever could crash or hang (the driver, the hook) is tried in a process of its own.
#include <dlfcn.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "cli/commands.hpp"
#include "cli/gpu_setup.hpp"
#include "cli/installation.hpp"
#include "cli/policy_check/isolated.hpp"
#include "cli/up/up_state.hpp"
#include "cuda/calibrate.hpp"
#include "daemon/admin_client.hpp"
#include "daemon/json.hpp"

namespace lithos {
namespace {

namespace fs = std::filesystem;

constexpr Nanoseconds kTryLimit{30'000'000'000};

struct Finding {
  enum class State { works, off, broken };
  std::string name;
  State state = State::works;
  std::string found;   // what there is
  std::string advice;  // how to turn it on; empty where it works
};
const char* name_of(Finding::State state) {
  switch (state) {
    case Finding::State::works: return "works";
    case Finding::State::off: return "off";
    case Finding::State::broken: return "broken";
  }
  return "";
}

Finding works(std::string name, std::string found) {
  return {std::move(name), Finding::State::works, std::move(found), ""};
}
Finding off(std::string name, std::string found, std::string advice) {
  return {std::move(name), Finding::State::off, std::move(found), std::move(advice)};
}
Finding broken(std::string name, std::string found, std::string advice) {
  return {std::move(name), Finding::State::broken, std::move(found), std::move(advice)};
}

Finding look_at_shim() {
  const Result<std::string> shim = installed_shim();
  return shim.ok() ? works("shim", shim.value())
                   : off("shim", shim.status().message(), "build LithOS where CMake finds a CUDA Toolkit (cuda.h)");
}

Finding look_at_driver(std::string& path) {
  const Result<std::string> driver = find_real_driver();
  if (!driver.ok())
    return off("driver", driver.status().message(),
               "install NVIDIA's driver; in a container, start it with the GPU (--gpus all)");
  path = driver.value();
  std::error_code error;
  const fs::path real = fs::canonical(path, error);
  return works("driver", error ? path : real.string());
}

Finding look_at_hook(const std::string& driver, std::string& uuid) {
  if (driver.empty()) return off("hook", "no driver", "see driver");
  const Isolated tried = run_isolated(
      [&] {
        const Result<cuda::Calibration> hook = cuda::try_hook(driver, 0);
        return hook.ok() ? "=" + hook.value().uuid + " " + hook.value().gpu : "!" + hook.status().message();
      },
      kTryLimit);
  if (tried.end != Isolated::End::said || tried.text.empty())
    return broken("hook", "trying it ended with " + tried.text,
                  "run the program with --no-hook, and report this driver's version");
  if (tried.text[0] == '!')
    return off("hook", tried.text.substr(1),
               "stop the profiler, or use a Hopper GPU; programs run unconfined meanwhile");
  uuid = tried.text.substr(1, tried.text.find(' ') - 1);
  return works("hook", tried.text.substr(tried.text.find(' ') + 1));
}

Finding look_at_map(const std::string& uuid) {
  if (uuid.empty()) return off("map", "no GPU to look for", "see hook");
  const std::string path = map_folder() + uuid + ".txt";
  std::error_code error;
  return fs::exists(path, error) ? works("map", path) : off("map", path + " is not there", "lithos calibrate");
}

Finding look_at_mps(const std::string& daemon_folder) {
  if (const Result<UpState> up = read_state(daemon_folder); up.ok() && up.value().mps && answers(*up.value().mps))
    return works("mps", up.value().mps->pipe + " (lithos up)");
  const std::string folder = ambient_pipe_folder();
  std::error_code error;
  return fs::exists(folder + "/control", error)
             ? works("mps", folder)
             : off("mps", "no control daemon at " + folder,
                   "lithos up --config FILE; without it programs take turns on the GPU");
}

Finding look_at_nvml() {
  const Isolated tried = run_isolated(
      [] {
        void* const library = ::dlopen("libnvidia-ml.so.1", RTLD_NOW);
        if (library == nullptr) return std::string("!") + ::dlerror();
        const auto init = reinterpret_cast<int (*)()>(::dlsym(library, "nvmlInit_v2"));
        const int code = init == nullptr ? -1 : init();
        return code == 0 ? std::string("=") : fmt::format("!nvmlInit: error {}", code);
      },
      kTryLimit);
  const bool good = tried.end == Isolated::End::said && tried.text == "=";
  return good ? works("nvml", "libnvidia-ml.so.1")
              : off("nvml", tried.text.empty() ? "nothing said" : tried.text.substr(1),
                    "comes with the driver; needed for clocks and power only");
}

Finding look_at_daemon(const std::string& folder) {
  const Result<AdminClient> client = AdminClient::connect(folder + "/admin.sock");
  return client.ok() ? works("lithosd", folder)
                     : off("lithosd", client.status().message(),
                           "lithos up --config FILE, or lithos run --no-daemon --tpcs 0-15");
}

Finding look_at_permissions() {
  const Result<std::string> folder = make_shim_folder("/nowhere/shim", "/nowhere/driver");
  if (!folder.ok()) return broken("permissions", folder.status().message(), "set XDG_RUNTIME_DIR to a folder of yours");
  std::error_code ignored;
  fs::remove_all(folder.value(), ignored);
  const bool device = ::access("/dev/nvidiactl", F_OK) == 0;
  if (device && ::access("/dev/nvidiactl", R_OK | W_OK) != 0)
    return broken("permissions", "/dev/nvidiactl may not be opened", "run as a user of the GPU's group");
  return works("permissions", fs::path(folder.value()).parent_path().string());
}

std::vector<Finding> look(const std::string& daemon_folder) {
  std::string driver, uuid;
  std::vector<Finding> findings;
  findings.push_back(look_at_shim());
  findings.push_back(look_at_driver(driver));
  findings.push_back(look_at_hook(driver, uuid));
  findings.push_back(look_at_map(uuid));
  findings.push_back(look_at_mps(daemon_folder));
  findings.push_back(look_at_nvml());
  findings.push_back(look_at_daemon(daemon_folder));
  findings.push_back(look_at_permissions());
  return findings;
}

}  // namespace

ExitCode run_doctor(const DoctorArguments& arguments, Console& console) {
  bool all_work = true;
  Json json = Json::array();
  for (const Finding& finding : look(run_folder(arguments.run_folder))) {
    all_work = all_work && finding.state == Finding::State::works;
    Json one = Json::object();
    json.add(one.set("name", finding.name)
                 .set("state", name_of(finding.state))
                 .set("found", finding.found)
                 .set("advice", finding.advice));
    if (arguments.json) continue;
    console.out << fmt::format("{:<12} {:<7} {}\n", finding.name, name_of(finding.state), finding.found);
    if (!finding.advice.empty()) console.out << fmt::format("{:<20} → {}\n", "", finding.advice);
  }
  if (arguments.json) console.out << json.dump() << "\n";
  return all_work ? ExitCode::ok : ExitCode::failed;
}

}  // namespace lithos
