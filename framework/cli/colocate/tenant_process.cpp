// SPDX-License-Identifier: Apache-2.0
#include "cli/colocate/tenant_process.hpp"

#include <fmt/format.h>
#include <signal.h>

namespace lithos {
namespace {

constexpr Nanoseconds kQuitLimit{20'000'000'000}, kTermLimit{5'000'000'000}, kKillLimit{5'000'000'000};
constexpr Nanoseconds kEndSeen{500'000'000};

}  // namespace

Result<TenantProcess> TenantProcess::start(const std::string& name, Launch launch) {
  launch.talks = launch.own_session = true;
  Result<ChildProcess> process = ChildProcess::start(launch);
  if (!process.ok()) return Status(process.status().code(), fmt::format("tenant {}: {}", name, process.status().message()));
  return TenantProcess(name, std::move(process).value());
}

Status TenantProcess::failed(const Status& status, const std::string& doing) {
  const std::optional<int> code = process_.wait(kEndSeen);  // its last pipe closes a moment before it has ended
  return unavailable(fmt::format("tenant {} {}: {}{}", name_, doing, status.message(), code ? fmt::format(" with {}", *code) : ""));
}

Status TenantProcess::wait_ready(Nanoseconds at_most) {
  const Result<std::string> line = process_.hear(at_most, true);
  if (!line.ok()) return failed(line.status(), "did not become ready");
  const Result<Json> json = Json::parse(line.value());
  const bool* ready = json.ok() ? json.value()["ready"].boolean() : nullptr;
  return ready != nullptr && *ready ? Status{} : unavailable(fmt::format("tenant {}: expected {{\"ready\": true}}, got: {}", name_, line.value().substr(0, 200)));
}

Status TenantProcess::ask(const Json& request) {
  const Status said = process_.say(request.dump());
  return said.ok() ? said : failed(said, "was not told");
}

Result<Json> TenantProcess::answer(Nanoseconds at_most) {
  const Result<std::string> line = process_.hear(at_most, true);
  if (!line.ok()) return failed(line.status(), "did not answer");
  Result<Json> json = Json::parse(line.value());
  return json.ok() ? json : unavailable(fmt::format("tenant {}: not JSON: {}", name_, line.value().substr(0, 200)));
}

bool TenantProcess::end() {
  Json quit = Json::object();
  (void)process_.say(quit.set("do", "quit").dump());
  process_.close_input();
  if (process_.wait(kQuitLimit)) return true;
  process_.signal(SIGTERM);
  if (process_.wait(kTermLimit)) return false;
  process_.signal(SIGKILL);
  (void)process_.wait(kKillLimit);
  return false;
}

}  // namespace lithos
