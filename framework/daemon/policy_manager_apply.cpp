// SPDX-License-Identifier: Apache-2.0
// A whole configuration: what it would change, and the change itself, whole or not at all.
#include <fmt/format.h>

#include <algorithm>

#include "daemon/policy_manager.hpp"
#include "policy_host/builtin.hpp"

namespace lithos {
namespace {

bool same_value(const RawValue& a, const RawValue& b) { return a.value == b.value; }

bool same_params(const PolicyChoice& a, const PolicyChoice& b) {
  return a.params.size() == b.params.size() &&
         std::equal(a.params.begin(), a.params.end(), b.params.begin(),
                    [](const auto& x, const auto& y) { return x.first == y.first && same_value(x.second, y.second); });
}

// What a tenant is given when it joins, and keeps.
bool terms_differ(const PolicySetConfig& a, const TenantConfig& in_a, const PolicySetConfig& b, const TenantConfig& in_b) {
  return quota_of(a, in_a) != quota_of(b, in_b) || tolerates_of(a, in_a) != tolerates_of(b, in_b) || in_a.slo != in_b.slo ||
         in_a.tenant_class != in_b.tenant_class || in_a.memory_limit_bytes != in_b.memory_limit_bytes || a.submit_ahead != b.submit_ahead;
}

}  // namespace

// How far an application has got, for the way back.
struct AppliedParts {
  std::vector<PolicyKind> kinds;  // to be created anew
  std::vector<std::pair<PolicyKind, std::string>> live;
  std::vector<PolicyKind> touched;  // a live parameter has been set
  bool exchanged = false, tenants_set = false;
};

// Which policies must be created anew; parameters that can be changed live go to `live`.
std::vector<PolicyKind> PolicyManager::differing(const PolicySetConfig& next, std::vector<std::string>& said,
                                                 std::vector<std::pair<PolicyKind, std::string>>& live) const {
  std::vector<PolicyKind> kinds;
  for (const PolicyKind kind : kAllPolicyKinds) {
    const PolicyChoice& now = choice_of(config_.set, kind);
    const PolicyChoice& then = choice_of(next, kind);
    const Result<ResolvedPolicy> resolved = resolve_policy(kind, then, options_.folders, quarantine_);
    const bool same_content = resolved.ok() && resolved.value().id == current_->description(kind).id &&
                              resolved.value().hash == current_->description(kind).hash;
    if (!same_content) {
      kinds.push_back(kind);
      const bool rebuilt = resolved.ok() && now.id == then.id && now.path == then.path;
      said.push_back(
          rebuilt ? fmt::format("{}: {} has other content, it will be loaded anew", name_of(kind), describe(then))
                  : fmt::format("{}: {} → {}", name_of(kind), describe(now), describe(then)));
      continue;
    }
    if (same_params(now, then)) continue;
    bool all_live =
        std::all_of(now.params.begin(), now.params.end(), [&](const auto& p) { return then.params.contains(p.first); });
    std::vector<std::string> changed;
    for (const auto& [key, value] : then.params)
      if (const auto old = now.params.find(key); old == now.params.end() || !same_value(old->second, value))
        changed.push_back(key);
    for (const std::string& key : changed) all_live = all_live && current_->is_live(kind, key);
    if (all_live) {
      for (const std::string& key : changed) live.emplace_back(kind, key);
      said.push_back(fmt::format("{}: parameters {} change while it runs", name_of(kind), fmt::join(changed, ", ")));
    } else {
      kinds.push_back(kind);
      said.push_back(fmt::format("{}: {} is created anew with other parameters", name_of(kind), describe(then)));
    }
  }
  return kinds;
}

Result<std::vector<std::string>> PolicyManager::plan(const DaemonConfig& next) {
  std::vector<std::string> said;
  std::vector<std::pair<PolicyKind, std::string>> live;
  for (const PolicyKind kind : differing(next.set, said, live)) {
    const Result<ResolvedPolicy> resolved =
        resolve_policy(kind, choice_of(next.set, kind), options_.folders, quarantine_);
    if (!resolved.ok()) return resolved.status();
  }
  if (next.config.gpu != config_.config.gpu || next.set.sharing != config_.set.sharing ||
      next.set.masks != config_.set.masks)
    return invalid_argument("another GPU, another sharing, or masks on or off: restart lithosd for that");
  if (next.set.slip != config_.set.slip || next.set.starvation_limit != config_.set.starvation_limit)
    return invalid_argument("slip and starvation_limit are fixed while lithosd runs: restart it for that");
  if (next.config.tenants.size() != config_.config.tenants.size())
    said.push_back("tenants: the list changes for those that join from now on");
  for (const TenantConfig& tenant : next.config.tenants)
    for (const TenantConfig& before : config_.config.tenants)
      if (before.name == tenant.name && terms_differ(config_.set, before, next.set, tenant))
        said.push_back(fmt::format("tenant {}: quota, tolerance and terms change when it joins anew", tenant.name));
  return said;
}

Status PolicyManager::set_tenants(const DaemonConfig& config) {
  bool done = false;
  const auto set = [room = &thread_->room(), tenants = config.config.tenants, set = config.set] {
    room->set_tenants(tenants, set);
    return true;
  };
  if (!thread_->mailbox().ask<bool>(set, done, kAnswerLimit))
    return internal_error("the engine thread does not answer");
  return {};
}

Status PolicyManager::apply_parts(const DaemonConfig& next, AppliedParts& parts, ChangeReport& report) {
  if (!parts.kinds.empty()) {
    Result<ChangeReport> done = exchange(next.set, parts.kinds);
    if (!done.ok()) return done.status();
    parts.exchanged = true;
    report = std::move(done).value();
    if (Status status = replay(report); !status.ok()) return status;
  }
  for (const auto& [kind, key] : parts.live) {
    if (Status status = progress_.enter(ChangeStep::parameters); !status.ok()) return status;
    if (Status status = set_live(kind, key, choice_of(next.set, kind).params.at(key)); !status.ok()) return status;
    parts.touched.push_back(kind);
  }
  if (Status status = progress_.enter(ChangeStep::tenants); !status.ok()) return status;
  parts.tenants_set = true;
  if (Status status = set_tenants(next); !status.ok()) return status;
  config_.text = next.text;
  config_.config = next.config;
  config_.set = next.set;
  return persist();
}

// Back to what was there before. Policies whose live parameters were changed are created anew: what a parameter was
// before is known to the configuration only where it says it.
void PolicyManager::take_back(const DaemonConfig& before, const AppliedParts& parts) {
  bool back = !parts.exchanged || rollback().ok();
  if (!parts.touched.empty()) {
    back = exchange(before.set, parts.touched).ok() && back;
    if (warm_.set != nullptr) retire(std::exchange(warm_, {}));  // half-applied: nobody may go back to it
  }
  if (parts.tenants_set) back = set_tenants(before).ok() && back;
  config_ = before;
  (void)persist();  // the old one is what a crash must find; if this fails too, what lies there is the old one already
  if (!back) log(LogEvent::policy_way_back_failed, "the way back to the old configuration failed as well");
}

Result<ChangeReport> PolicyManager::apply(const DaemonConfig& next) {
  Result<std::vector<std::string>> planned = plan(next);
  if (!planned.ok()) return failed(planned.status());
  if (thread_ == nullptr) return failed(unavailable("the engine is not running"));
  progress_.begin();
  AppliedParts parts;
  std::vector<std::string> said;
  parts.kinds = differing(next.set, said, parts.live);
  const DaemonConfig before = config_;
  ChangeReport report;
  if (Status status = apply_parts(next, parts, report); !status.ok()) {
    take_back(before, parts);
    return failed(status);
  }
  report.step_us = progress_.end();
  report.generation = generation_;
  report.changes = std::move(planned).value();
  for (const std::string& sentence : report.changes) log(LogEvent::policy_changed, sentence);
  return report;
}

}  // namespace lithos
