// SPDX-License-Identifier: Apache-2.0
// What a policy library says about itself, as text for people and machines alike.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/status.hpp"
#include "policy_host/policy_library.hpp"

namespace lithos {

struct ParamFacts {
  std::string key, type, unit, def, range, doc;  // def and range as written in TOML
  bool live = false;
};

struct MetricFacts {
  std::string name, type, unit, doc;
};

struct PolicyFacts {
  std::string id, version, kind, summary, license;
  std::vector<std::string> operations;  // those it has, the mandatory one first
  std::vector<ParamFacts> params;
  std::vector<MetricFacts> metrics;
};

struct LibraryFacts {
  std::string path, hash, abi, sdk;
  std::size_t bytes = 0;
  std::vector<std::string> needed;  // libraries
  std::vector<PolicyFacts> policies;
};

PolicyFacts facts_of(const lithos_policy& policy);
// Errors: those of reading the file. `library` was loaded from its module's path.
Result<LibraryFacts> facts_of(const PolicyLibrary& library);

}  // namespace lithos
