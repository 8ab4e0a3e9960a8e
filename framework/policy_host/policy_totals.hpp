// SPDX-License-Identifier: Apache-2.0
// What a policy set has counted, as plain numbers that can be added up over sets that follow one another: a set that
// comes into force starts counting anew, and one that is brought back goes on from where it was. Few numbers: they are added up at the
// exchange of two sets, while decisions wait. (How long calls took is a histogram, which sets hand on instead: PolicySet::call_times().)
#pragma once

#include <array>
#include <cstdint>

#include "policy_host/policy_set.hpp"

namespace lithos {

struct PolicyTotals {
  struct Kind {
    std::uint64_t calls = 0, fallbacks = 0;
    std::array<std::uint64_t, kFaultReasons> faults{};  // by FaultReason
  };
  std::array<Kind, kPolicyKinds> kinds;

  Kind& of(PolicyKind kind) { return kinds[index_of(kind)]; }
  const Kind& of(PolicyKind kind) const { return kinds[index_of(kind)]; }
  PolicyTotals& operator+=(const PolicyTotals& other);
};

// What was counted since `before`, an earlier reading of the same set.
PolicyTotals operator-(PolicyTotals now, const PolicyTotals& before);

PolicyTotals totals_of(const PolicySet& set);  // on the thread that asks the set

}  // namespace lithos
