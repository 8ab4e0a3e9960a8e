// SPDX-License-Identifier: Apache-2.0
#include "policy_host/catalog.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "policy_host/builtin.hpp"
#include "policy_host/search_path.hpp"

namespace lithos {
namespace {

bool is_of(const lithos_policy& policy, PolicyKind kind) { return policy.kind == static_cast<std::uint32_t>(kind); }

std::string place_of(const FoundPolicy& found) {
  return found.library != nullptr ? found.library->module().path() : "compiled in";
}

}  // namespace

PolicyCatalog::PolicyCatalog(std::vector<std::string> folders) : folders_(std::move(folders)) {}

std::vector<std::string> PolicyCatalog::default_folders() { return search_folders("LITHOS_POLICY_PATH", "policies"); }

void PolicyCatalog::scan() {
  if (scanned_) return;
  scanned_ = true;
  for (const PolicyKind kind : kAllPolicyKinds) found_.push_back({&builtin_policy(kind), nullptr});
  for (const std::string& folder : folders_) {
    for (const std::string& path : libraries_in(folder)) {
      Result<std::shared_ptr<const PolicyLibrary>> library = PolicyLibrary::load(path);
      if (!library.ok()) {
        problems_.push_back(library.status().message());
        continue;
      }
      for (const lithos_policy* policy : library.value()->policies()) {
        const auto same = std::find_if(found_.begin(), found_.end(), [&](const FoundPolicy& other) {
          return std::string_view(other.policy->id) == policy->id;
        });
        if (same == found_.end()) found_.push_back({policy, library.value()});
        else problems_.push_back(fmt::format("{}: policy {} is hidden by {}", path, policy->id, place_of(*same)));
      }
    }
  }
}

Result<std::shared_ptr<const PolicyLibrary>> PolicyCatalog::load_explicit(const std::string& path) {
  for (const auto& library : explicit_)
    if (library->module().path() == path) return library;
  Result<std::shared_ptr<const PolicyLibrary>> library = PolicyLibrary::load(path);
  if (library.ok()) explicit_.push_back(library.value());
  return library;
}

Status PolicyCatalog::unknown(PolicyKind kind, const std::string& id, const std::vector<FoundPolicy>& among) const {
  std::vector<std::string> known;
  for (const FoundPolicy& candidate : among)
    if (is_of(*candidate.policy, kind)) known.emplace_back(candidate.policy->id);
  std::string message = fmt::format("no {} policy is called \"{}\"", name_of(kind), id);
  const std::string near = closest_id(id, known);
  if (!near.empty()) message += fmt::format("; did you mean \"{}\"?", near);
  else if (!known.empty()) message += fmt::format("; known are {}", fmt::join(known, ", "));
  for (const std::string& problem : problems_) message += fmt::format(" ({})", problem);
  return not_found(std::move(message));
}

Result<FoundPolicy> PolicyCatalog::pick(PolicyKind kind, const std::string& id,
                                        const std::vector<FoundPolicy>& among) const {
  std::vector<FoundPolicy> matches;
  const FoundPolicy* other_kind = nullptr;
  for (const FoundPolicy& candidate : among) {
    const bool exact = candidate.policy->id == id;
    if (!exact && last_part_of_id(candidate.policy->id) != id) continue;
    if (!is_of(*candidate.policy, kind)) {
      other_kind = &candidate;
      continue;
    }
    if (exact) return candidate;
    if (candidate.library != nullptr) matches.push_back(candidate);  // built-in ones go by their full name only
  }
  if (matches.size() == 1) return matches.front();
  if (matches.size() > 1) {
    std::vector<std::string> ids;
    for (const FoundPolicy& match : matches) ids.emplace_back(match.policy->id);
    return invalid_argument(fmt::format("\"{}\" may be any of {}: write the whole id", id, fmt::join(ids, ", ")));
  }
  if (other_kind != nullptr)
    return invalid_argument(fmt::format("policy {} is a {}, expected a {}", other_kind->policy->id,
                                        name_of(static_cast<PolicyKind>(other_kind->policy->kind)), name_of(kind)));
  return unknown(kind, id, among);
}

Result<FoundPolicy> PolicyCatalog::find(PolicyKind kind, const std::string& id, const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (path.empty()) {
    if (id.empty()) return FoundPolicy{&builtin_policy(kind), nullptr};
    if (const lithos_policy* builtin = find_builtin_policy(id); builtin != nullptr && is_of(*builtin, kind))
      return FoundPolicy{builtin, nullptr};
    scan();
    return pick(kind, id, found_);
  }
  Result<std::shared_ptr<const PolicyLibrary>> library = load_explicit(path);
  if (!library.ok()) return library.status();
  std::vector<FoundPolicy> among;
  for (const lithos_policy* policy : library.value()->policies()) among.push_back({policy, library.value()});
  if (!id.empty()) {
    Result<FoundPolicy> found = pick(kind, id, among);
    if (!found.ok()) return Status(found.status().code(), path + ": " + found.status().message());
    return found;
  }
  std::erase_if(among, [&](const FoundPolicy& candidate) { return !is_of(*candidate.policy, kind); });
  if (among.size() == 1) return among.front();
  return invalid_argument(
      fmt::format("{}: holds {} policies of kind {}, expected one; name its id", path, among.size(), name_of(kind)));
}

std::vector<FoundPolicy> PolicyCatalog::list() {
  const std::lock_guard lock(mutex_);
  scan();
  return found_;
}

std::vector<std::string> PolicyCatalog::problems() {
  const std::lock_guard lock(mutex_);
  scan();
  return problems_;
}

}  // namespace lithos
