// SPDX-License-Identifier: Apache-2.0
// The built-in policy of each kind: compiled in, without parameters, correct for any device, never better than needed.
// They decide where nothing is configured and wherever a policy failed; they are always there. (DESIGN.md §5.8)
//   builtin.scheduler    every tenant its own TPCs; unowned ones shared by those without quota; nothing borrowed
//   builtin.predictor    the last duration seen, scaled linearly; 100 us with confidence 0 for what was never seen
//   builtin.right_sizer  as many TPCs as the blocks of one wave fill
//   builtin.dvfs         the highest clock
// Immutable tables; any thread. The rules of the policy ABI hold for the instances.
#pragma once

#include <string>

#include "policy_host/kinds.hpp"

namespace lithos {

const lithos_policy& builtin_policy(PolicyKind kind);

// The policy called "builtin.scheduler", …; nullptr: no such name.
const lithos_policy* find_builtin_policy(const std::string& id);

}  // namespace lithos
