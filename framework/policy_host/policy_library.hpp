// SPDX-License-Identifier: Apache-2.0
// A policy library: a loaded module whose table has been checked through and through.
// Immutable after load(); any thread. The tables live as long as the object.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "base/status.hpp"
#include "lithos/policy_abi.h"
#include "policy_host/module.hpp"

namespace lithos {

class PolicyLibrary {
 public:
  // Errors as Module::open(), and: incompatible (ABI minor newer than ours, a struct too small), invalid_argument (a
  // table that breaks the rules of the ABI). Messages begin with the path.
  static Result<std::shared_ptr<const PolicyLibrary>> load(const std::string& path);

  std::span<const lithos_policy* const> policies() const { return {table_->policies, table_->n_policies}; }
  const lithos_policy_library& table() const { return *table_; }
  const Module& module() const { return *module_; }

 private:
  PolicyLibrary(std::shared_ptr<Module> module, const lithos_policy_library* table)
      : module_(std::move(module)), table_(table) {}

  std::shared_ptr<Module> module_;
  const lithos_policy_library* table_;
};

}  // namespace lithos
