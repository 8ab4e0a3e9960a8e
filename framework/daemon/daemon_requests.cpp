// SPDX-License-Identifier: Apache-2.0
// What the admin socket answers.
#include "daemon/daemon_requests.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "daemon/clock.hpp"
#include "daemon/daemon.hpp"
#include "daemon/reports.hpp"
#include "policy_host/builtin.hpp"

namespace lithos {
namespace {

constexpr std::size_t kExitRecordsShown = 20;
constexpr std::int64_t kOperatorsMax = 256;  // of one tenant, in one answer

RawValue raw_from_json(const Json& value) {
  if (const bool* boolean = value.boolean()) return {*boolean, {"request", 1, 1}};
  if (const std::int64_t* integer = value.integer()) return {*integer, {"request", 1, 1}};
  if (const double* number = value.number()) return {*number, {"request", 1, 1}};
  return {value.text() != nullptr ? *value.text() : std::string(), {"request", 1, 1}};
}

bool is_scalar(const Json& value) { return !value.is_null() && value.items() == nullptr && !value.is_object(); }

struct RoomReport {
  std::vector<SessionReport> sessions;
  EngineCounters engine;
  std::uint64_t joined = 0, device_completions = 0, device_refused = 0;
  std::uint32_t clock_mhz = 0;
  double power_w = 0;
};

}  // namespace

std::map<std::string, RawValue> params_from_json(const Json& object) {
  std::map<std::string, RawValue> params;
  if (object.members() == nullptr) return params;
  for (const auto& [key, value] : *object.members())
    if (is_scalar(value)) params.emplace(key, raw_from_json(value));
  return params;
}

Result<std::vector<PolicyChange>> changes_from_json(const Json& arguments) {
  const Json::Array* items = arguments["changes"].items();
  if (items == nullptr || items->empty())
    return invalid_argument("\"changes\" is missing: a list of {\"kind\": …, \"policy\": …}");
  std::vector<PolicyChange> changes;
  for (const Json& item : *items) {
    const Result<PolicyKind> kind = kind_named(item.text_of("kind"));
    if (!kind.ok()) return kind.status();
    PolicyChange change;
    change.kind = kind.value();
    change.choice.id = item.text_of("policy");
    change.choice.path = item.text_of("path");
    change.choice.where = {"request", 1, 1};
    change.choice.params = params_from_json(item["params"]);
    if (change.choice.id.empty() && change.choice.path.empty())
      return invalid_argument(fmt::format("{}: \"policy\" or \"path\" is missing", name_of(kind.value())));
    if (!change.choice.path.empty() && change.choice.path.front() != '/')
      return invalid_argument(
          fmt::format("{}: path \"{}\" is not absolute", name_of(kind.value()), change.choice.path));
    changes.push_back(std::move(change));
  }
  return changes;
}

Result<Json> Daemon::status(const Json& arguments) {
  RoomReport room;
  const auto operators = static_cast<std::size_t>(std::clamp<std::int64_t>(arguments.integer_of("operators"), 0, kOperatorsMax));
  const auto look = [at = &engine_->room(), operators] {
    EngineSnapshot snapshot;
    at->snapshot(monotonic_now(), snapshot);
    return RoomReport{at->sessions(operators), at->engine_counters(), at->joined(),      at->device_completions(),
                      at->device_refused(),    snapshot.clock_mhz,    snapshot.power_w};
  };
  if (!engine_->mailbox().ask<RoomReport>(look, room, kAnswerLimit))
    return internal_error("the engine thread does not answer");
  Json json = Json::object();
  json.set("pid", static_cast<int>(::getpid())).set("uptime_s", to_seconds(monotonic_now() - started_));
  json.set("device", options_.map_file.empty() ? "virtual" : options_.map_file).set("gpu", policies_->config().gpu.name).set("tpcs", policies_->config().gpu.tpcs);
  json.set("set", policies_->config().set.name).set("config", config_path_);
  json.set("tenants", static_cast<std::uint64_t>(room.sessions.size())).set("tenants_joined", room.joined);
  json.set("decisions", room.engine.decisions).set("bad_records", room.engine.bad_records);
  json.set("repaired_leases", room.engine.repaired_leases).set("refused_unmasked", room.engine.refused_unmasked).set("lost_completions", room.engine.lost_completions);
  json.set("device_completions", room.device_completions).set("device_refused", room.device_refused);
  json.set("quarantined", static_cast<std::uint64_t>(policies_->quarantine().all().size()));
  const LastEnd& last = black_box_->last_end();
  json.set("last_daemon", !last.crashed      ? "ended in an orderly way"
                          : last.hung        ? "hung"
                          : last.signal != 0 ? "crashed"
                                             : "was killed");
  Json tenants = Json::array();
  for (const SessionReport& session : room.sessions) tenants.add(to_json(session));
  json.set("tenant_list", tenants);
  json.set("clock_mhz", room.clock_mhz).set("power_w", std::isfinite(room.power_w) ? Json(room.power_w) : Json());
  json.set("plugins", to_json(plugins_->reports()));
  return json.set("policies", to_json(policies_->report()));
}

Result<Json> Daemon::tenants() {
  std::vector<SessionReport> sessions;
  const auto look = [at = &engine_->room()] { return at->sessions(); };
  if (!engine_->mailbox().ask<std::vector<SessionReport>>(look, sessions, kAnswerLimit))
    return internal_error("the engine thread does not answer");
  Json list = Json::array();
  for (const SessionReport& session : sessions) list.add(to_json(session));
  return list;
}

Json Daemon::list_policies() {
  std::vector<std::string> problems;
  Json list = Json::array();
  for (const PolicyKind kind : kAllPolicyKinds) {
    const lithos_policy& builtin = builtin_policy(kind);
    Json one = Json::object();
    list.add(one.set("kind", name_of(kind))
                 .set("policy", builtin.id)
                 .set("version", builtin.version)
                 .set("path", "")
                 .set("hash", ""));
  }
  for (const PolicyManifest& manifest : read_manifests(policies_->options().folders, problems)) {
    for (const ManifestPolicy& policy : manifest.policies) {
      Json one = Json::object();
      one.set("kind", name_of(policy.kind))
          .set("policy", policy.id)
          .set("version", policy.version)
          .set("path", manifest.path);
      one.set("hash", manifest.hash).set("quarantined", policies_->quarantine().find(manifest.hash) != nullptr);
      list.add(one);
    }
  }
  Json unusable = Json::array();
  for (const std::string& problem : problems) unusable.add(problem);
  Json json = Json::object();
  return json.set("policies", list).set("unusable", unusable);
}

Result<DaemonConfig> Daemon::requested_config(const AdminRequest& request) const {
  const std::string path = request.arguments.text_of("path");
  const std::string set = request.arguments.text_of("set");
  LoadedDaemonConfig loaded =
      load_daemon_config(path.empty() ? config_path_ : path, set.empty() ? options_.set : set, options_.map_file);
  if (loaded.config == nullptr) return invalid_argument(join_lines(loaded.diagnostics));
  return std::move(*loaded.config);
}

Result<Json> Daemon::read_request(const AdminRequest& request, bool& known) {
  if (request.name == "ping") return Json("pong");
  if (request.name == "status") return status(request.arguments);
  if (request.name == "tenants") return tenants();
  if (request.name == "policy.list") return list_policies();
  if (request.name == "plugin.list") return to_json(plugins_->reports());
  if (request.name == "policy.quarantine") {
    Json list = Json::array();
    for (const QuarantinedLibrary& library : policies_->quarantine().all()) list.add(to_json(library));
    return list;
  }
  if (request.name == "policy.exits") {
    Json list = Json::array();
    for (const std::string& text : read_exit_records(options_.state_folder, kExitRecordsShown))
      if (Result<Json> record = Json::parse(text); record.ok()) list.add(std::move(record).value());
    return list;
  }
  if (request.name == "config.plan") {
    const Result<DaemonConfig> next = requested_config(request);
    if (!next.ok()) return next.status();
    Json list = Json::array();
    for (const auto& planned : {policies_->plan(next.value()), plugins_->plan(next.value().config.plugins)}) {
      if (!planned.ok()) return planned.status();
      for (const std::string& sentence : planned.value()) list.add(sentence);
    }
    return list;
  }
  known = false;
  return Json();
}

// Exporters first, since they are what can fail for reasons of the machine's: an address that is taken, a folder that is
// not there. What ends, ends last, when nothing has to be taken back any more.
Result<ChangeReport> Daemon::apply(const DaemonConfig& next) {
  const Result<std::vector<std::string>> policies = policies_->plan(next);
  if (!policies.ok()) return policies_->apply(next);  // it says so, and that nothing was changed
  const Result<std::vector<std::string>> said = plugins_->plan(next.config.plugins);
  Status begun = said.ok() ? plugins_->begin_change(next.config.plugins) : said.status();
  if (!begun.ok()) return Status(begun.code(), begun.message() + "\nnothing was changed");
  Result<ChangeReport> done = policies_->apply(next);
  if (!done.ok()) {
    const Status back = plugins_->take_back_change();
    return back.ok() ? done : Result<ChangeReport>(Status(done.status().code(), done.status().message() + "\n" + back.message()));
  }
  plugins_->finish_change();
  for (const std::string& sentence : said.value()) done.value().changes.push_back(sentence);
  return done;
}

Result<Json> Daemon::change_request(const AdminRequest& request, bool& known) {
  const auto report = [](const Result<ChangeReport>& done) {
    return done.ok() ? Result<Json>(to_json(done.value())) : done.status();
  };
  if (request.name == "policy.swap") {
    const Result<std::vector<PolicyChange>> changes = changes_from_json(request.arguments);
    return changes.ok() ? report(policies_->change(changes.value())) : changes.status();
  }
  if (request.name == "policy.rollback" || request.name == "config.rollback") return report(policies_->rollback());
  if (request.name == "policy.fallback") {
    std::vector<PolicyKind> kinds(kAllPolicyKinds.begin(), kAllPolicyKinds.end());
    if (const std::string name = request.arguments.text_of("kind"); !name.empty()) {
      const Result<PolicyKind> kind = kind_named(name);
      if (!kind.ok()) return kind.status();
      kinds = {kind.value()};
    }
    return report(policies_->fallback(kinds));
  }
  if (request.name == "policy.release") {
    const std::string which = request.arguments.text_of("which");
    if (!policies_->quarantine().release(which)) return not_found("nothing called \"" + which + "\" is quarantined");
    return Json("released");
  }
  if (request.name == "plugin.start") {
    PluginConfig wanted;
    wanted.choice.id = request.arguments.text_of("exporter");
    wanted.choice.path = request.arguments.text_of("path");
    wanted.choice.where = {"request", 1, 1};
    wanted.choice.params = params_from_json(request.arguments["params"]);
    const Result<std::string> name = plugins_->start(wanted);
    return name.ok() ? Result<Json>(Json(name.value())) : name.status();
  }
  if (request.name == "plugin.stop") {
    const Status done = plugins_->stop(request.arguments.text_of("name"));
    return done.ok() ? Result<Json>(Json("stopped")) : done;
  }
  if (request.name == "params.set") {
    const Result<PolicyKind> kind = kind_named(request.arguments.text_of("kind"));
    if (!kind.ok()) return kind.status();
    const Json& value = request.arguments["value"];
    if (!is_scalar(value)) return invalid_argument("\"value\" is missing");
    const Status done = policies_->set_param(kind.value(), request.arguments.text_of("key"), raw_from_json(value));
    return done.ok() ? Result<Json>(Json("set")) : done;
  }
  if (request.name == "config.apply") {
    const Result<DaemonConfig> next = requested_config(request);
    if (!next.ok()) return Status(next.status().code(), next.status().message() + "\nnothing was changed");
    Result<ChangeReport> done = apply(next.value());
    if (!done.ok()) return done.status();
    // What a reload reads from now on.
    if (const std::string path = request.arguments.text_of("path"); !path.empty()) config_path_ = path;
    if (const std::string set = request.arguments.text_of("set"); !set.empty()) options_.set = set;
    return report(done);
  }
  known = false;
  return Json();
}

Result<Json> Daemon::handle(const AdminRequest& request) {
  bool known = true;
  Result<Json> answer = read_request(request, known);
  if (known) return answer;
  known = true;
  if (!request.may_change) {
    return unavailable("\"" + request.name + "\" is unknown, or takes root or the user that lithosd runs as");
  }
  if (request.progress) policies_->listen([&request](ChangeStep step) { request.progress(name_of(step)); });
  answer = change_request(request, known);
  policies_->listen({});
  if (known) return answer;
  return invalid_argument("no request is called \"" + request.name + "\"");
}

}  // namespace lithos
