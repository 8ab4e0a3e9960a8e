// SPDX-License-Identifier: Apache-2.0
#include "cli/policy_check/subject.hpp"

namespace lithos {

std::optional<Subject> Subject::load(const std::string& path, const std::string& policy_id) {
  auto library = PolicyLibrary::load(path);
  if (!library.ok()) return std::nullopt;
  Subject subject;
  subject.library_ = library.value();
  for (const lithos_policy* policy : subject.library_->policies())
    if (policy_id == policy->id) subject.policy_ = policy;
  if (subject.policy_ == nullptr) return std::nullopt;
  return subject;
}

std::vector<lithos_value> Subject::defaults() const {
  std::vector<lithos_value> values;
  for (std::uint32_t i = 0; i < policy_->n_params; ++i) values.push_back(policy_->params[i]->def);
  return values;
}

}  // namespace lithos
