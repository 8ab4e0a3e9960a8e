// SPDX-License-Identifier: Apache-2.0
#include "cli/up/up_state.hpp"

#include <fmt/format.h>

#include <cstdlib>

#include "config/read_file.hpp"
#include "daemon/json.hpp"
#include "daemon/quarantine.hpp"
#include "daemon/reports.hpp"

namespace lithos {
namespace {

constexpr int kFormat = 1;
constexpr const char* kBelowNormal = "1";  // CUDA_MPS_CLIENT_PRIORITY: 0 normal, 1 below

TenantClass class_named(const std::string& name) {
  for (const TenantClass one : {TenantClass::latency_critical, TenantClass::throughput})
    if (name == name_of(one)) return one;
  return TenantClass::best_effort;
}

Json to_json(const UpState& state) {
  Json tenants = Json::array(), lithosd = Json::object(), json = Json::object();
  for (const TenantLimits& tenant : state.tenants) {
    Json one = Json::object();
    tenants.add(one.set("name", tenant.name)
                    .set("class", name_of(tenant.tenant_class))
                    .set("thread_limit_percent", tenant.thread_limit)
                    .set("own_share_percent", tenant.own_share)
                    .set("connections", tenant.connections)
                    .set("queued", tenant.queued));
  }
  lithosd.set("pid", state.lithosd.pid).set("started_ticks", state.lithosd.started);
  json.set("format", kFormat).set("config", state.config).set("set", state.set);
  json.set("state_folder", state.state_folder).set("log", state.log).set("map", state.map);
  json.set("lithosd", lithosd).set("tenants", tenants);
  if (!state.mps) return json;
  Json mps = Json::object();
  return json.set("mps", mps.set("pipe", state.mps->pipe).set("log", state.mps->log));
}

UpState state_from(const Json& json) {
  UpState state;
  state.config = json.text_of("config");
  state.set = json.text_of("set");
  state.state_folder = json.text_of("state_folder");
  state.log = json.text_of("log");
  state.map = json.text_of("map");
  const Json& lithosd = json["lithosd"];
  state.lithosd = {static_cast<pid_t>(lithosd.integer_of("pid")),
                   static_cast<std::uint64_t>(lithosd.integer_of("started_ticks"))};
  for (const Json& one : json["tenants"].items_or_none())
    state.tenants.push_back({one.text_of("name"), class_named(one.text_of("class")), one.number_of("thread_limit_percent"),
                             one.number_of("own_share_percent"), static_cast<std::uint32_t>(one.integer_of("connections")),
                             one.flag_of("queued")});
  if (const Json& mps = json["mps"]; mps.is_object()) state.mps = MpsFolders{mps.text_of("pipe"), mps.text_of("log")};
  return state;
}

}  // namespace

std::vector<TenantLimits> limits_of(const Config& config, const PolicySetConfig& set, unsigned tpcs) {
  std::vector<TenantLimits> limits;
  for (const TenantConfig& tenant : config.tenants)
    limits.push_back({tenant.name, tenant.tenant_class, tenant.thread_limit, tpcs == 0 ? 0 : 100.0 * quota_of(set, tenant) / tpcs, connections_of(config, tenant),
                      tenant.queued});
  return limits;
}

std::string state_file(const std::string& run_folder) { return run_folder + "/up.json"; }

Status write_state(const std::string& run_folder, const UpState& state) {
  return write_file_atomically(state_file(run_folder), to_json(state).dump() + "\n");
}

Result<UpState> read_state(const std::string& run_folder) {
  const Result<std::string> text = read_text_file(state_file(run_folder));
  if (!text.ok()) return text.status();
  const Result<Json> json = Json::parse(text.value());
  if (!json.ok() || json.value().integer_of("format") != kFormat)
    return invalid_argument(fmt::format("{}: not what this version of lithos up writes; look what runs there, end it, and delete the file",
                                        state_file(run_folder)));
  return state_from(json.value());
}

TenantLimits limits_of(const UpState& state, const std::string& tenant) {
  for (const TenantLimits& known : state.tenants)
    if (known.name == tenant) return known;
  return {.name = tenant};
}

EnvironmentChanges environment_of(const UpState& state, const std::string& tenant, bool by_masks) {
  if (!state.mps) return {};
  const TenantLimits limits = limits_of(state, tenant);
  EnvironmentChanges wanted{{"CUDA_DEVICE_MAX_CONNECTIONS", std::to_string(limits.connections)}};
  if (limits.tenant_class == TenantClass::best_effort) wanted.emplace("CUDA_MPS_CLIENT_PRIORITY", kBelowNormal);
  const double limit = limits.thread_limit > 0 ? limits.thread_limit : by_masks ? 0 : limits.own_share;
  if (limit > 0 && limit < 100) wanted.emplace("CUDA_MPS_ACTIVE_THREAD_PERCENTAGE", fmt::format("{:.4g}", limit));
  std::erase_if(wanted, [](const auto& one) { return std::getenv(one.first.c_str()) != nullptr; });
  wanted.merge(environment_of(*state.mps));
  return wanted;
}

}  // namespace lithos
