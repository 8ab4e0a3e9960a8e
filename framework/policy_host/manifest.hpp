// SPDX-License-Identifier: Apache-2.0
// What a policy library says about itself, read from its file without running any of its code, and what in it would
// make it dangerous to load into a running daemon.
//
// The file may be anything: every offset is checked. A library passes only if it could also be unloaded again and
// brings no surprises (reference: the dlopen traps in docs/design/daemon.md). Pure but for reading the file; any
// thread. Errors     not_found, unavailable (the file), invalid_argument (not a shared object, no manifest, a lint),
// incompatible (another
//            ABI or machine). Messages begin with the path.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.hpp"
#include "policy_host/kinds.hpp"

namespace lithos {

struct ManifestPolicy {
  PolicyKind kind = PolicyKind::scheduler;
  std::string id, version;
};

struct PolicyManifest {
  std::string path;
  std::string hash;  // of the content: 16 hex digits, as Module::hash()
  std::uint32_t abi_major = 0, abi_minor = 0;
  std::vector<ManifestPolicy> policies;
};

Result<PolicyManifest> read_manifest(const std::string& path);

// The manifests of every library in the folders, in the order of the search; what cannot be used is explained in
// `problems`.
std::vector<PolicyManifest> read_manifests(const std::vector<std::string>& folders, std::vector<std::string>& problems);

}  // namespace lithos
