// SPDX-License-Identifier: Apache-2.0
#include "cli/colocate/stage.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include "cli/daemon_request.hpp"
#include "cli/installation.hpp"
#include "cli/up/lithosd_process.hpp"
#include "cli/up/up_state.hpp"
#include "config/read_file.hpp"
#include "daemon/admin_client.hpp"
#include "daemon/clock.hpp"

namespace lithos {
namespace {

namespace fs = std::filesystem;

EnvironmentChanges told_to_mps(const Way& way, const TenantConfig& tenant) {
  EnvironmentChanges told = tenant.tenant_class == TenantClass::latency_critical ? EnvironmentChanges{} : way.others;
  if (tenant.tenant_class == TenantClass::best_effort) told.insert(way.best_effort.begin(), way.best_effort.end());
  return told;
}

// What tenants of one environment share: they can serve each other's ways.
std::string environment_key(const Way& way, const TenantConfig& tenant) {
  std::string key = way.kind == WayKind::plain ? "plain" : way.kind == WayKind::mps ? "mps" : "lithosd";
  for (const auto& [variable, value] : told_to_mps(way, tenant)) key += " " + variable + "=" + value;
  return key;
}

std::string replaced(std::string word, const std::string& what, const std::string& by) {
  for (std::size_t at = 0; (at = word.find(what, at)) != std::string::npos; at += by.size()) word.replace(at, what.size(), by);
  return word;
}

}  // namespace

Stage::Stage(const StageOptions& options) : options_(options) {
  std::string name = (fs::temp_directory_path() / "lithos-bench-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a folder in " + fs::temp_directory_path().string());
  folder_ = name;
  std::error_code ignored;
  fs::create_directory(folder_ + "/no-mps", ignored);
}

Stage::~Stage() {
  give_up();
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

TenantProcess& Stage::tenant(const std::string& name) { return running_.at(name).process; }

const PolicySetConfig& Stage::set_named(const std::string& name) const {
  return *std::find_if(options_.config.sets.begin(), options_.config.sets.end(), [&](const PolicySetConfig& set) { return set.name == name; });
}

Status Stage::prepare(const Way& way) {
  how_.clear();
  end_tenants_of_others(way);
  if (way.kind != WayKind::lithosd) end_lithosd_now();
  if (way.kind == WayKind::mps && options_.no_mps) return unavailable("this way is MPS, and --no-mps was given");
  if (way.kind != WayKind::plain && !options_.no_mps)
    if (Status status = need_mps(); !status.ok()) return status;
  if (way.kind == WayKind::lithosd)
    if (Status status = need_lithosd(set_named(way.set)); !status.ok()) return status;
  return start_tenants(way.tenants, way);
}

Status Stage::bring(const std::string& name, const Way& way) { return start_tenants({name}, way); }

Launch Stage::launch_of(const TenantConfig& tenant, const Way& way) const {
  const auto named = options_.models.find(tenant.name);
  const std::string model = named != options_.models.end() ? named->second : fs::path(tenant.trace).stem().string();
  Launch launch{.command = {}, .environment = {{"NCCL_NVLS_ENABLE", "0"}, {"PYTHONUNBUFFERED", "1"}}, .folder = options_.tenants_folder, .log = options_.log};
  if (way.kind == WayKind::lithosd) {  // may not run unmanaged: what is measured is LithOS, or nothing
    launch.command = {installed_program("lithos"), "run", "--run-dir", folder_ + "/run", "--tenant", tenant.name, "--unmanaged", "refuse",
                      "--stats", fmt::format("{}/{}.stats", folder_, tenant.name)};
    if (tenant.queued) launch.command.push_back("--queued");
    launch.command.push_back("--");
  }
  for (const std::string& word : tenant.command) launch.command.push_back(replaced(word, "{model}", model));
  // An MPS of somebody else must not be found where none is wanted.
  launch.environment["CUDA_MPS_PIPE_DIRECTORY"] = folder_ + "/no-mps";
  if (way.kind != WayKind::plain && mps_) {
    for (const auto& [variable, value] : environment_of(*mps_)) launch.environment[variable] = value;
    launch.environment["CUDA_DEVICE_MAX_CONNECTIONS"] = std::to_string(connections_of(options_.config, tenant));  // as lithos run does: the same for all
  }
  for (const auto& [variable, value] : told_to_mps(way, tenant)) launch.environment[variable] = value;
  return launch;
}

void Stage::end_tenant(const std::string& name) {
  const auto found = running_.find(name);
  if (found == running_.end()) return;
  Running running = std::move(found->second);
  running_.erase(found);
  if (!running.process.end() && running.environment != "plain") mps_suffered_ = true;
  const std::string path = fmt::format("{}/{}.stats", folder_, name);
  const Result<std::string> text = read_text_file(path);
  const Result<Json> stats = text.ok() ? Json::parse(text.value()) : Result<Json>(Json());
  std::error_code ignored;
  fs::remove(path, ignored);
  if (!stats.ok() || stats.value().is_null()) return;
  Json ways = Json::array(), one = Json::object();
  for (const std::string& way : running.ways) ways.add(way);
  counters_.add(one.set("tenant", name).set("ways", ways).set("stats", stats.value()));
}

void Stage::end_tenants_of_others(const Way& way) {
  std::vector<std::string> others;
  for (const TenantConfig& tenant : options_.config.tenants) {
    const auto running = running_.find(tenant.name);
    if (running != running_.end() && running->second.environment != environment_key(way, tenant)) others.push_back(tenant.name);
  }
  for (const std::string& name : others) end_tenant(name);
  if (!mps_suffered_) return;
  give_up();  // a fresh control daemon, and so fresh clients
  mps_suffered_ = false;
}

Status Stage::start_tenants(const std::vector<std::string>& names, const Way& way) {
  std::vector<std::string> fresh;
  for (const TenantConfig& tenant : options_.config.tenants) {
    if (std::find(names.begin(), names.end(), tenant.name) == names.end()) continue;
    if (const auto running = running_.find(tenant.name); running != running_.end()) {
      running->second.ways.push_back(way.name);
      continue;
    }
    Result<TenantProcess> process = TenantProcess::start(tenant.name, launch_of(tenant, way));
    if (!process.ok()) return process.status();
    running_.emplace(tenant.name, Running{std::move(process).value(), environment_key(way, tenant), {way.name}});
    fresh.push_back(tenant.name);
  }
  for (const std::string& name : fresh)
    if (Status ready = tenant(name).wait_ready(options_.start_limit); !ready.ok()) return ready;
  return {};
}

Status Stage::need_mps() {
  if (mps_) return {};
  // One that had to be given up may not have ended: its successor gets other folders.
  const MpsFolders folders = mps_folders(fmt::format("{}/mps-{}", folder_, ++mps_runs_));
  if (Status started = start_mps(folders); !started.ok()) return started;
  mps_ = folders;
  return {};
}

Status Stage::need_lithosd(const PolicySetConfig& set) {
  if (!lithosd_) {
    how_ = "started";
    return start_lithosd_with(set);
  }
  if (in_force_ == &set) {
    how_ = "kept";
    return {};
  }
  if (!can_exchange_live(*in_force_, set, options_.config.tenants)) {
    // Other quotas: a CUDA graph keeps the masks of its first launch, so tenants that stayed would go on as before.
    while (!running_.empty()) end_tenant(running_.begin()->first);
    end_lithosd_now();
    how_ = "started";
    return start_lithosd_with(set);
  }
  DaemonArguments request;
  request.request = "config.apply";
  request.set = name_for_lithosd(set);
  const Result<Json> done = ask_lithosd(request);
  if (!done.ok()) return done.status();
  in_force_ = &set;
  how_ = "exchanged live";
  return {};
}

std::string Stage::name_for_lithosd(const PolicySetConfig& set) const {
  return options_.case_name.empty() ? set.name : options_.case_name + "/" + set.name;
}

Status Stage::start_lithosd_with(const PolicySetConfig& set) {
  LithosdOptions options{options_.config.file, name_for_lithosd(set), options_.device, folder_ + "/run", folder_ + "/state", options_.log, options_.policy_path};
  Result<ProcessMark> started = start_lithosd(options);
  if (!started.ok()) return Status(started.status().code(), "lithosd: " + started.status().message());
  lithosd_ = started.value();
  in_force_ = &set;
  const std::string map = options_.device == kVirtualDevice ? "" : options_.device;
  UpState up{options_.config.file, options.set, options.state_folder, options_.log, map, *lithosd_, mps_, limits_of(options_.config, set, 0)};  // all by masks
  return write_state(options.run_folder, up);
}

Result<Json> Stage::ask_lithosd(const DaemonArguments& request) const {
  const Result<Json> arguments = request_arguments(request);
  if (!arguments.ok()) return arguments.status();
  Result<AdminClient> admin = AdminClient::connect(folder_ + "/run/admin.sock");
  return admin.ok() ? admin->ask(request.request, arguments.value()) : Result<Json>(admin.status());
}

void Stage::end_lithosd_now() {
  if (lithosd_ && !end_lithosd(*lithosd_, kLithosdEndLimit)) end_process(*lithosd_, SIGKILL, kLithosdEndLimit);
  lithosd_.reset();
  in_force_ = nullptr;
}

void Stage::give_up() {
  while (!running_.empty()) end_tenant(running_.begin()->first);
  end_lithosd_now();
  if (mps_) (void)quit_mps(*mps_);
  mps_.reset();
}

}  // namespace lithos
