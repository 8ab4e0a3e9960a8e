// SPDX-License-Identifier: Apache-2.0
// What a PolicySet is made of, shared by policy_set.cpp (creation, reports) and policy_calls.cpp (the guarded calls).
// Internal to the policy host.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "base/log_histogram.hpp"
#include "policy_host/builtin.hpp"
#include "policy_host/policy_instance.hpp"
#include "policy_host/policy_set.hpp"

namespace lithos {

// A copy of lithos_gpu_info that owns its arrays. Never moves: `info` points into it.
struct GpuInfoCopy {
  explicit GpuInfoCopy(const lithos_gpu_info& given);
  GpuInfoCopy(const GpuInfoCopy&) = delete;
  GpuInfoCopy& operator=(const GpuInfoCopy&) = delete;

  std::vector<std::uint16_t> gpc_of_tpc;
  std::vector<std::uint32_t> clocks_mhz;
  lithos_gpu_info info;
  lithos_tpc_set all{};
};

struct PolicySetState {
  struct Role {
    PolicyInstance* active = nullptr;  // `chosen`, or `fallback` where nothing is configured
    std::shared_ptr<PolicyInstance>
        chosen;  // empty: the built-in one was asked for; shared by sets made from one another
    std::shared_ptr<PolicyInstance> fallback;  // always there
    std::uint64_t calls = 0;
    std::uint64_t fallbacks = 0;
    std::shared_ptr<LogHistogram> took = std::make_shared<LogHistogram>();  // answers, if the guard has a clock; shared like `fallback`
    Nanoseconds last_took{0};
    bool configured() const { return chosen != nullptr; }
  };

  explicit PolicySetState(const lithos_gpu_info& given) : gpu(given) {}

  Role& role(PolicyKind kind) { return roles[index_of(kind)]; }
  const Role& role(PolicyKind kind) const { return roles[index_of(kind)]; }

  GpuInfoCopy gpu;
  std::string name;
  double slip = 1.1;
  Nanoseconds starvation_limit{200'000'000};
  GuardOptions guard;
  PolicyFaults faults;
  std::array<Role, kPolicyKinds> roles;
  std::array<PolicyDescription, kPolicyKinds> descriptions;  // of those that are asked
  std::shared_ptr<PredictionJudge> judge;  // of the configured predictor; goes with it from set to set
};

}  // namespace lithos
