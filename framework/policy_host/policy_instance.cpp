// SPDX-License-Identifier: Apache-2.0
#include "policy_host/policy_instance.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace lithos {

PolicyInstance::PolicyInstance(const lithos_policy& policy, std::shared_ptr<const PolicyLibrary> library,
                               const PolicyLog& log)
    : library_(std::move(library)),
      policy_(&policy),
      host_{sizeof(lithos_host), LITHOS_POLICY_ABI_MINOR, this, &on_log, &on_fail, &on_metric, &on_extension},
      log_(log),
      metrics_(policy.n_metrics, 0.0) {}

Result<std::unique_ptr<PolicyInstance>> PolicyInstance::create(const lithos_policy& policy,
                                                               std::shared_ptr<const PolicyLibrary> library,
                                                               const lithos_gpu_info& gpu, ResolvedParams params,
                                                               const PolicyLog& log) {
  std::unique_ptr<PolicyInstance> made(new PolicyInstance(policy, std::move(library), log));
  lithos_status status = LITHOS_E_EXCEPTION;
  try {
    status = policy.create(&made->host_, &gpu, params.values.data(), policy.n_params, &made->self_);
  } catch (...) { on_fail(&made->host_, "an exception left create()"); }
  if (status < 0) {
    const std::string reason = made->take_failure();
    return invalid_argument(fmt::format("policy {} refused to start (status {}): {}", policy.id, status,
                                        reason.empty() ? "it gave no reason" : reason));
  }
  made->created_ = true;
  return made;
}

PolicyInstance::~PolicyInstance() {
  if (!created_) return;
  try {
    policy_->destroy(self_);
  } catch (...) {  // nothing is left that could be told
  }
}

std::string PolicyInstance::take_failure() {
  failed_ = false;
  return failure_.data();
}

void PolicyInstance::on_log(const lithos_host* host, std::int32_t level, const char* text) {
  PolicyInstance& self = of(host);
  if (!self.log_ || text == nullptr || self.log_lines_ >= kLogLinesMax) return;
  try {
    self.log_(static_cast<PolicyKind>(self.policy_->kind), level,
              ++self.log_lines_ < kLogLinesMax ? text : "further lines of this policy are dropped");
  } catch (...) {  // logging is best effort; C code is above us
  }
}

void PolicyInstance::on_fail(const lithos_host* host, const char* text) {
  PolicyInstance& self = of(host);
  self.failed_ = true;
  const std::size_t length = text != nullptr ? strnlen(text, kFailureTextMax - 1) : 0;
  if (length > 0) std::memcpy(self.failure_.data(), text, length);
  self.failure_[length] = '\0';
}

void PolicyInstance::on_metric(const lithos_host* host, std::uint32_t index, double value) {
  PolicyInstance& self = of(host);
  if (index >= self.metrics_.size() || !std::isfinite(value)) return;
  if (self.policy_->metrics[index]->type == LITHOS_METRIC_GAUGE) self.metrics_[index] = value;
  else self.metrics_[index] += std::max(0.0, value);  // counters never fall
}

// No extension exists yet; the function is there so that policies can ask.
const void* PolicyInstance::on_extension(const lithos_host*, const char*) { return nullptr; }

}  // namespace lithos
