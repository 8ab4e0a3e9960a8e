// SPDX-License-Identifier: Apache-2.0
#include "policy_host/policy_library.hpp"

#include "policy_host/policy_table_check.hpp"

namespace lithos {

Result<std::shared_ptr<const PolicyLibrary>> PolicyLibrary::load(const std::string& path) {
  Result<std::shared_ptr<Module>> module = Module::open(path, kPolicyEntry);
  if (!module.ok()) return module.status();
  Result<const void*> entry = module.value()->call_entry();
  if (!entry.ok()) return entry.status();
  const auto* table = static_cast<const lithos_policy_library*>(entry.value());
  if (const Status status = check_policy_library(table); !status.ok())
    return Status(status.code(), path + ": " + status.message());
  return std::shared_ptr<const PolicyLibrary>(new PolicyLibrary(std::move(module).value(), table));
}

}  // namespace lithos
