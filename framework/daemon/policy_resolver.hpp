// SPDX-License-Identifier: Apache-2.0
// From "scheduler = tpc_borrowing" to a file that may be loaded: finds policies by their manifests, refuses what is
// quarantined, and takes a private copy, so that what was checked is what is loaded. Runs no code of any library.
// Control threads.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "base/status.hpp"
#include "config/config.hpp"
#include "daemon/quarantine.hpp"
#include "policy_host/manifest.hpp"
#include "policy_host/private_copy.hpp"

namespace lithos {

PolicyChoice& choice_of(PolicySetConfig& set, PolicyKind kind);
const PolicyChoice& choice_of(const PolicySetConfig& set, PolicyKind kind);
Result<PolicyKind> kind_named(const std::string& name);  // "scheduler", …

struct ResolvedPolicy {
  PolicyKind kind = PolicyKind::scheduler;
  std::string id, version;
  std::string path;                   // as the operator knows it; empty: compiled in
  std::string hash;                   // empty: compiled in
  std::shared_ptr<PrivateCopy> copy;  // to load from; empty: compiled in
};

// `folders` are searched by id where the choice names no path. Errors: read_manifest()'s; not_found with a suggestion;
// unavailable: quarantined.
Result<ResolvedPolicy> resolve_policy(PolicyKind kind, const PolicyChoice& choice,
                                      const std::vector<std::string>& folders, const Quarantine& quarantine);

// How an operator would name it.
std::string describe(const PolicyChoice& choice);

}  // namespace lithos
