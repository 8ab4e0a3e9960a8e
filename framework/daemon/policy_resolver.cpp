// SPDX-License-Identifier: Apache-2.0
#include "daemon/policy_resolver.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "policy_host/builtin.hpp"
#include "policy_host/search_path.hpp"

namespace lithos {
namespace {

bool matches(const ManifestPolicy& policy, PolicyKind kind, const std::string& id) {
  return policy.kind == kind && (id.empty() || policy.id == id || last_part_of_id(policy.id) == id);
}

// The library that an id names; the first in the order of the search.
Result<std::string> find_path(PolicyKind kind, const std::string& id, const std::vector<std::string>& folders) {
  std::vector<std::string> problems, known;
  std::string found;
  for (const PolicyManifest& manifest : read_manifests(folders, problems)) {
    for (const ManifestPolicy& policy : manifest.policies) {
      if (policy.kind == kind) known.push_back(policy.id);
      if (found.empty() && matches(policy, kind, id)) found = manifest.path;
    }
  }
  if (!found.empty()) return found;
  std::string message = fmt::format("no {} policy is called \"{}\"", name_of(kind), id);
  if (const std::string near = closest_id(id, known); !near.empty())
    message += fmt::format("; did you mean \"{}\"?", near);
  else if (!known.empty()) message += fmt::format("; known are {}", fmt::join(known, ", "));
  for (const std::string& problem : problems) message += fmt::format(" ({})", problem);
  return not_found(std::move(message));
}

}  // namespace

const PolicyChoice& choice_of(const PolicySetConfig& set, PolicyKind kind) {
  switch (kind) {
    case PolicyKind::scheduler: return set.scheduler;
    case PolicyKind::predictor: return set.predictor;
    case PolicyKind::right_sizer: return set.right_sizer;
    case PolicyKind::dvfs: return set.dvfs;
  }
  return set.scheduler;
}
PolicyChoice& choice_of(PolicySetConfig& set, PolicyKind kind) {
  return const_cast<PolicyChoice&>(choice_of(static_cast<const PolicySetConfig&>(set), kind));
}

Result<PolicyKind> kind_named(const std::string& name) {
  for (const PolicyKind kind : kAllPolicyKinds)
    if (name == name_of(kind)) return kind;
  return invalid_argument(
      fmt::format("no kind of policy is called \"{}\": expected scheduler, predictor, right_sizer or dvfs", name));
}

Result<ResolvedPolicy> resolve_policy(PolicyKind kind, const PolicyChoice& choice,
                                      const std::vector<std::string>& folders, const Quarantine& quarantine) {
  ResolvedPolicy resolved;
  resolved.kind = kind;
  const lithos_policy& builtin = builtin_policy(kind);
  if (choice.path.empty() && (choice.id.empty() || choice.id == builtin.id)) {
    resolved.id = builtin.id;
    resolved.version = builtin.version;
    return resolved;
  }
  resolved.path = choice.path;
  if (resolved.path.empty()) {
    Result<std::string> path = find_path(kind, choice.id, folders);
    if (!path.ok()) return path.status();
    resolved.path = std::move(path).value();
  }
  Result<PrivateCopy> copy = PrivateCopy::of(resolved.path);
  if (!copy.ok()) return copy.status();
  resolved.copy = std::make_shared<PrivateCopy>(std::move(copy).value());
  resolved.hash = resolved.copy->hash();
  if (Status status = quarantine.check(resolved.path, resolved.hash); !status.ok()) return status;
  Result<PolicyManifest> manifest = read_manifest(resolved.copy->path());
  if (!manifest.ok()) {  // the message names the copy, which says nothing to a person
    std::string message = manifest.status().message();
    const std::string& name = resolved.copy->path();
    if (message.starts_with(name)) message.replace(0, name.size(), resolved.path);
    return Status(manifest.status().code(), message);
  }
  std::vector<const ManifestPolicy*> fitting;
  for (const ManifestPolicy& policy : manifest->policies)
    if (matches(policy, kind, choice.id)) fitting.push_back(&policy);
  if (fitting.size() != 1)
    return not_found(fmt::format("{}: holds {} policies of kind {}{}, expected one", resolved.path, fitting.size(),
                                 name_of(kind), choice.id.empty() ? "" : " called \"" + choice.id + "\""));
  resolved.id = fitting.front()->id;
  resolved.version = fitting.front()->version;
  return resolved;
}

std::string describe(const PolicyChoice& choice) {
  return choice.path.empty() ? choice.id
                             : fmt::format("{} ({})", choice.id.empty() ? "its policy" : choice.id, choice.path);
}

}  // namespace lithos
