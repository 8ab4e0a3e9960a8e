// SPDX-License-Identifier: Apache-2.0
// The four kinds of policy, as everything in the policy host counts and names them. Values; any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "lithos/policy_abi.h"

namespace lithos {

enum class PolicyKind : std::uint32_t {
  scheduler = LITHOS_KIND_SCHEDULER,
  predictor = LITHOS_KIND_PREDICTOR,
  right_sizer = LITHOS_KIND_RIGHT_SIZER,
  dvfs = LITHOS_KIND_DVFS,
};
inline constexpr std::size_t kPolicyKinds = 4;
inline constexpr std::array<PolicyKind, kPolicyKinds> kAllPolicyKinds{PolicyKind::scheduler, PolicyKind::predictor,
                                                                      PolicyKind::right_sizer, PolicyKind::dvfs};

constexpr std::size_t index_of(PolicyKind kind) { return static_cast<std::size_t>(kind) - 1; }

// As in TOML: "scheduler", "predictor", "right_sizer", "dvfs".
constexpr const char* name_of(PolicyKind kind) {
  constexpr std::array<const char*, kPolicyKinds> kNames{"scheduler", "predictor", "right_sizer", "dvfs"};
  return kNames[index_of(kind)];
}

}  // namespace lithos
